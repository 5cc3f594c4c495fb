"""A common and a salient space: what contents share with a background, and what only a target has.

SepCLR (Louiset et al., 2024, arXiv:2402.11928) learns from two sets: a background, such as the photos of last
year, and a target, such as those of this week. The encoder stays as it is. What is learned is how its vectors
are mapped (see the method `separated`), so stored vectors are mapped as they are, and nothing is encoded
again. Contents are a line each of a JSONL file, as {"file": "a.jpg", "labels": {"set": "background"}} and
{"file": "b.jpg", "labels": {"set": "target"}}, with "text" in place of "file" for texts.

The result is served as the conditions `common` and `salient` of the space, after `name` and a dash where a
name is given, and is named by TIEBACK_ARTIFACTS. The report says how well held-out contents of the target are
told from those of the background by how far they are from the null vector, and `new.json` beside it what is
new here: the target's contents that are farther from it than 95 % of the held-out background, in groups that
are alike in what is new, the most typical of each first. **Read it before you serve the result**: what is
common and what is salient is never told apart wholly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.catalog.base_card import NAME
from tieback.core.errors import InvalidInput, NotFound
from tieback.models.content_rows import row_kinds
from tieback.recipes.train.encoded_rows import labelled_rows
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.labelled_contents import LabelledContent, labelled_files, read_labelled
from tieback.training.digests import digest
from tieback.training.splits import HELD_OUT, split_off
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.modality import Modality

from tieback_lab.methods.conditional_projection import separated
from tieback_lab.models.learned.conditional_space import CONDITIONAL_SPACE
from tieback_lab.recipes.reading.calibration import auc

if TYPE_CHECKING:
    from tieback.catalog.card import EncoderCard

MAKES = "a conditional space"
METHOD, PARTS = "separated", ("common", "salient")

SET, BACKGROUND, TARGET = "set", "background", "target"
FEWEST = 32
"""Contents of a set: of fewer, hardly any is left to compare with."""
BEYOND = 0.95
"""The share of the held-out background that is nearer to the null vector than what is called new."""
SHOWN = 5
"""Contents of a group in the report."""
LONGEST = 80
"""Characters of a text in the report."""
NEW = "new.json"


@recipes.method
def separate(
    run: TrainingRun,
    *,
    space: str = "efficientnet-lite0",
    name: str = "",
    width: Annotated[int, Field(ge=2)] = 32,
    kept: Annotated[int, Field(ge=2)] = 128,
    steps: Annotated[int, Field(ge=0)] = 600,
    batch: Annotated[int, Field(ge=8)] = 256,
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3,
    left_out: Annotated[float, Field(ge=0, lt=1)] = 0.3,
    uniformity: Annotated[float, Field(ge=0)] = 2.0,
    salient: Annotated[float, Field(ge=0)] = 10.0,
    null: Annotated[float, Field(ge=0)] = 100.0,
    jem: Annotated[float, Field(ge=0)] = 100.0,
    groups: Annotated[int, Field(ge=1)] = 10,
    seed: int = 0,
) -> Learned:
    """Maps of vectors of `space` to `width` dimensions, by their `kept` first principal components.

    A step sees `batch` contents, half of them the target's, in two views without a share `left_out` of the
    components. `uniformity`, `salient`, `null` and `jem` are what the parts of the loss count by. What is new
    is shown in at most so many `groups`.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train import separating

    card = _card(run, space)
    files = labelled_files(run.data)
    given = read_labelled(files, texts=card.modality is Modality.TEXT)
    is_new = _of_target(given)
    conditions = _conditions(name)
    rows = labelled_rows(run, card, given, regions=False)[0][:, 0]
    parts = split_off(len(given), round(HELD_OUT * len(given)), 0, seed)
    plan = Plan(steps, learning_rate, seed=seed)
    separation = separating.Separation(width, kept, batch, left_out, uniformity, salient, null, jem)
    inputs: dict[str, Any] = {
        "rows": rows, "new": is_new.astype(np.uint8), "plan": asdict(plan), "separation": asdict(separation),
    }  # fmt: skip

    def make() -> dict[str, Array]:
        run.say(f"learning {' and '.join(conditions)} from {len(parts.training)} contents")
        state, history = separating.separate_rows(
            rows[parts.training],
            is_new[parts.training],
            plan,
            separation,
            run.attempt(f"separate-{space}", digest(*inputs.values()), every=plan.look_every),
        )
        return {**state, "losses": np.array(history.losses, np.float64).reshape(-1, 2)}

    step = run.steps.arrays(
        f"parts of {space}",
        separating.separate_rows,
        inputs,
        make,
        beside=(separated.start, separated.projected),
    )
    state = {key: one for key, one in step.items() if key != "losses"}
    metrics, found = _measured(rows, is_new, state, parts.held_out)
    new = _groups(rows, is_new, state, metrics["threshold"], groups, [_called(one) for one in given], seed)
    facts = {"encoder": card.name, "conditions": conditions, "method": METHOD, "regions": False}
    report = {
        f"{len(parts.held_out)} held-out contents, by the salient part": found,
        "What is new here": [
            {**one, "contents": ", ".join(each["content"] for each in one["contents"][:SHOWN])} for one in new
        ],
        "Training": [{"step": int(place), "loss": value} for place, value in step["losses"]],
    }
    written = json.dumps({"threshold": metrics["threshold"], "groups": new}, indent=2, ensure_ascii=False)
    return Learned(
        CONDITIONAL_SPACE, state, (card.space,), files, facts, metrics, report, {NEW: written.encode()}
    )


def _measured(
    rows: Array, is_new: Array, state: Mapping[str, Array], held_out: Array
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Metrics and a table: held-out contents of the target, told from those of the background."""
    far, new = separated.salience(rows[held_out], state), is_new[held_out]
    threshold = float(np.quantile(far[~new], BEYOND))
    metrics = {
        "auc": round(auc(far, new), 4),
        "threshold": round(threshold, 6),
        "salience": {BACKGROUND: round(float(far[~new].mean()), 4), TARGET: round(float(far[new].mean()), 4)},
        "contents": {"training": len(rows) - len(held_out), "held_out": len(held_out)},
    }
    table = [
        {"set": called, "contents": int(some.sum()), "distance from the null vector": float(far[some].mean()),
         "beyond the threshold": float((far[some] > threshold).mean()), "AUC": metrics["auc"]}
        for called, some in ((BACKGROUND, ~new), (TARGET, new))
    ]  # fmt: skip
    return metrics, table


def _groups(
    rows: Array,
    is_new: Array,
    state: Mapping[str, Array],
    threshold: float,
    most: int,
    called: Sequence[str],
    seed: int,
) -> list[dict[str, Any]]:
    """Groups of the new contents of the target, by their salient vectors, the largest first."""
    from scipy.cluster.vq import kmeans2  # takes a while, and recipes are listed without it

    far = separated.salience(rows, state)
    places = np.flatnonzero(is_new & (far > threshold))
    if not len(places):
        return []
    vectors = separated.projected(rows[places], separated.SALIENT, state).astype(np.float64)
    count = min(most, len(np.unique(vectors, axis=0)))
    middles, own = kmeans2(vectors, count, minit="++", seed=seed)
    found = []
    for group in np.argsort(-np.bincount(own, minlength=count), kind="stable"):
        here = np.flatnonzero(own == group)
        order = here[np.argsort(np.square(vectors[here] - middles[group]).sum(axis=1), kind="stable")]
        found.append(
            {
                "size": len(here),
                "salience": round(float(far[places[here]].mean()), 4),
                "contents": [
                    {"content": called[place], "salience": round(float(far[place]), 4)}
                    for place in places[order]
                ],
            }
        )
    return [{"group": number, **one} for number, one in enumerate(found, 1) if one["size"]]


def _of_target(given: Sequence[LabelledContent]) -> Array:
    """The contents `[n]` (bool) that are the target's. InvalidInput names the line of one of neither set."""
    for one in given:
        if one.labels.get(SET) not in (BACKGROUND, TARGET):
            raise InvalidInput(
                f"{one.place}: the label {SET!r} is {BACKGROUND!r} or {TARGET!r}",
                field="data",
            )
    found = np.array([one.labels[SET] == TARGET for one in given])
    for called, count in ((BACKGROUND, int((~found).sum())), (TARGET, int(found.sum()))):
        if count < FEWEST:
            raise InvalidInput(
                f"there are {count} contents of the {called} to learn from, and it takes {FEWEST}",
                field="data",
            )
    return found


def _called(one: LabelledContent) -> str:
    """A file's name, or the beginning of a text."""
    if isinstance(one.data, Path):
        return one.data.name
    return one.data if len(one.data) <= LONGEST else f"{one.data[: LONGEST - 1]}…"


def _conditions(name: str) -> list[str]:
    if name and not re.fullmatch(NAME, name):
        raise InvalidInput(
            f"a name is of small letters, digits, '.' and '-', not {name!r}", field=at("parameters", "name")
        )
    return [f"{name}-{part}" if name else part for part in PARTS]


def _card(run: TrainingRun, name: str) -> EncoderCard:
    if name not in run.cards:
        raise NotFound("space", name, run.cards)
    card = run.cards[name]
    if not row_kinds(regions=False) <= card.kinds:
        raise InvalidInput(f"{name} has no dense vectors", field=at("parameters", "space"))
    return card
