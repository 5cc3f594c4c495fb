"""Points between two experts of one base, and the best of them by pairs of texts (UnIVAL).

Shukor et al., 2023, arXiv:2307.16184: weights that were trained from one start for different tasks are
interpolated, `(1 - share) first + share second`. Each file of data is a domain: partners are told apart from
other texts of their file. Files that `outside` names belong to neither expert: they are measured and choose
nothing. The report draws the curve on pairs that chose nothing.

The result is the encoder at the best share. `tieback models merge --method linear` makes any other point.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.recipes.adapt.layered_encoder import LEARNED_MERGE, NO_WEIGHTS, adapt
from tieback_lab.recipes.trained._merging import Choices, Domains, Name, read_domains

MAKES = "an encoder of texts, merged of experts"
BAR = 24
"""Characters of the longest bar of the curve."""


@recipes.method
def interpolate(
    run: TrainingRun,
    *,
    name: Name = "interpolated",
    base: str = "all-minilm-l6-v2",
    experts: tuple[str, ...] = (),
    outside: tuple[str, ...] = (),
    points: Annotated[int, Field(ge=3, le=101)] = 11,
    pairs: Annotated[int, Field(ge=30)] = 1000,
    tokens: Annotated[int, Field(ge=4)] = 64,
    seed: int = 0,
) -> Learned:
    """The model `name` between two `experts` of `base`, by at most `pairs` pairs of each file.

    `points` shares of the second expert are tried, from 0 to 1. `outside` are names of files among the data.
    Texts are cut to `tokens`.
    """
    from tieback.methods.merging import merge
    from tieback.training.loop import Plan

    if len(experts) != 2:
        raise InvalidInput(
            f"name two experts, experts=NAME,NAME: there are {len(experts)}",
            field=at("parameters", "experts"),
        )
    choices = Choices(name, base, experts, pairs, tokens, 0, 1.0, Plan(0, 0.0, 0.0, seed=seed))
    read = read_domains(run, choices)
    inside = _inside(read, outside)
    known = [[*left, *right] for left, right in zip(read.training, read.validation, strict=True)]
    shares = np.linspace(0, 1, points).round(4).tolist()

    def at_share(share: float) -> Any:
        return merge("linear", read.merged.base, read.merged.experts, {"weights": (1 - share, share)})

    def measured(share: float) -> dict[str, Array]:
        weights = at_share(share)
        found = {
            "known": read.merged.ranks(weights, known),
            "held_out": read.merged.ranks(weights, read.held_out),
        }
        means = {part: np.array([one.mean() for one in ranks]) for part, ranks in found.items()}
        run.say(f"{share:.0%} of {experts[1]}: {means['known'][inside].mean():.4f} by the pairs that choose")
        return means

    curve = [
        run.steps.arrays(
            f"{share:.0%} of {experts[1]}", interpolate, read.inputs | {"share": share},
            partial(measured, share),
        )
        for share in shares
    ]  # fmt: skip
    best = int(np.argmax([one["known"][inside].mean() for one in curve]))
    rows = [
        {f"share of {experts[1]}": share}
        | {file.name: float(mean) for file, mean in zip(read.files, one["held_out"], strict=True)}
        | {"inside": float(one["held_out"][inside].mean())}
        | ({"outside": float(np.delete(one["held_out"], inside).mean())} if outside else {})
        for share, one in zip(shares, curve, strict=True)
    ]
    for row, bar in zip(rows, bars([row["inside"] for row in rows]), strict=True):
        row["curve"] = bar + (" chosen" if row is rows[best] else "")
    count = sum(map(len, read.held_out))
    return Learned(
        LEARNED_MERGE,
        {NO_WEIGHTS + "share": np.array([shares[best]]), **at_share(shares[best])},
        (read.cards[0].space,), read.files, read.facts(choices, "linear"),
        {"share": shares[best], "curve": [{k: v for k, v in row.items() if k != "curve"} for row in rows],
         "pairs": {"choosing": sum(len(known[place]) for place in inside), "held_out": count}},
        {f"Mean reciprocal rank of a text by its partner, among {count} held-out pairs, by file": rows},
        adapt=adapt,
    )  # fmt: skip


def bars(values: list[float]) -> list[str]:
    """A bar for each value; the lowest has one character, the highest `BAR`."""
    low, high = min(values), max(values)
    return ["▪" * (1 + round((BAR - 1) * (one - low) / ((high - low) or 1))) for one in values]


def _inside(read: Domains, outside: tuple[str, ...]) -> list[int]:
    names = [file.name for file in read.files]
    field = at("parameters", "outside")
    if unknown := sorted(set(outside) - set(names)):
        raise InvalidInput(f"no file is named {unknown[0]!r}; there are: {', '.join(names)}", field=field)
    inside = [place for place, name in enumerate(names) if name not in outside]
    if not inside:
        raise InvalidInput("every file is outside, and none is left to choose by", field=field)
    return inside
