"""Points between two experts of one base: in the domains of both, and out of them (UnIVAL, arXiv:2307.16184).

    abstracts, captions, inferences   as in `scripts/bench merging`

An expert of each of the four domains of abstracts learns by three fifths of its pairs (`tieback train
finetune`). For each two of them `tieback train interpolate` chooses the share of the second by the next
fifth. Measured is the last fifth of these two domains, and of the four others, which neither expert saw and
nothing was chosen by: 1 / rank of a text's partner among those of its domain, by the exported graphs as they
are served. Captions and inferences have no expert: the base learned such pairs before, and the fine-tuning
keeps it as it is. Intervals are drawn over pairs of texts, each the mean of the curves that have it."""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.adapt.cards import merged_fields, write_card
from tieback.recipes.train import train

from benchmarks.data_folder import add_data, data_of
from benchmarks.lab.learned_merging import HOLDS, INTERVAL, TOKENS, Bench, domain_experts, share
from benchmarks.lab.merging import ABSTRACTS, BASE, pairs_of
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import Floats, Interval, paired

BARRIER = 0.05
"""Most that a point may lie below the straight line between the experts, by UnIVAL's picture of a basin."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The places of partners at each share of the second expert, by domain, and the share that was chosen."""

    domains: tuple[str, str]
    chosen: float
    points: Mapping[float, Mapping[str, Floats]]

    def each(self, where: str, places: Mapping[str, Floats]) -> Floats:
        """A value for each pair of the two domains ("inside"), or of the others."""
        return np.concatenate(
            [one for name, one in places.items() if (name in self.domains) == (where == "inside")]
        )

    def better(self) -> Mapping[str, Floats]:
        """The expert that is better on both domains together."""
        return max((self.points[0.0], self.points[1.0]), key=lambda one: self.each("inside", one).mean())

    def barrier(self) -> float:
        """The distance of the lowest point below the straight line between the experts."""
        means = {point: self.each("inside", one).mean() for point, one in self.points.items()}
        line = {point: (1 - point) * means[0.0] + point * means[1.0] for point in means}
        return float(max(line[point] - means[point] for point in means if 0 < point < 1))

    def row(self, model: float | str, places: Mapping[str, Floats]) -> dict[str, Any]:
        """A row of the table."""
        means = {where: float(self.each(where, places).mean()) for where in ("inside", "outside")}
        shown = {"share": model} | {name: float(one.mean()) for name, one in places.items()} | means
        return shown | {"chosen": "yes" if model == self.chosen else ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--steps", type=int, default=60, help="of each fine-tuning [60]")
    parser.add_argument("--points", type=int, default=11, help="of each curve [11]")
    parser.add_argument("--held-out", type=int, default=100, help="most that are measured of a domain [100]")


def run(options: argparse.Namespace) -> Report:
    pairs = pairs_of(data_of(options, HOLDS))
    base = Catalog.load().get(BASE)
    assert isinstance(base, EncoderCard)
    found = list[Curve]()
    with tempfile.TemporaryDirectory() as scratch:
        folder, store = Path(scratch), Store(Path(scratch) / "store")
        share(base, Store(), store)
        kept = {name: one[-(len(one) // 5) :][: options.held_out] for name, one in pairs.items()}
        bench = Bench(store, base, kept)
        own = {name: pairs[name] for name in ABSTRACTS}
        experts, choosing = domain_experts(base, own, store, folder, options.steps)
        for names in itertools.combinations(ABSTRACTS, 2):
            cards, data = [experts[name] for name in names], [choosing[name] for name in names]
            own_folder = folder / "-".join(names)
            own_folder.mkdir()
            given = {"experts": [card.name for card in cards], "tokens": TOKENS, "points": options.points}
            chosen = train(
                "interpolate", given, cards=[base, *cards], store=Store(), data=data, output=own_folder,
                say=log,
            )  # fmt: skip
            share_of = chosen.artifact.facts["metrics"]["share"]
            found.append(Curve(names, share_of, _curve(bench, [base, *cards], folder, options.points)))
        places = bench.places(base)
    report = Report()
    tell(report, found, places)
    return report


def _by_text(found: Sequence[Curve], where: str, pick: Callable[[Curve], Mapping[str, Floats]]) -> Floats:
    """A value for each pair of texts: its mean over the curves that have its domain inside, or outside."""
    return np.concatenate(
        [
            np.mean(
                [pick(one)[name] for one in found if (name in one.domains) == (where == "inside")], axis=0
            )
            for name in found[0].points[0.0]
            if where == "outside" or name in ABSTRACTS
        ]
    )


def _curve(
    bench: Bench, cards: Sequence[EncoderCard], folder: Path, points: int
) -> dict[float, Mapping[str, Floats]]:
    """The places by each share of the last of the cards, which are the base and two experts."""
    curve = dict[float, Mapping[str, Floats]]()
    for point in np.linspace(0, 1, points).round(4).tolist():
        name = f"{cards[1].name}-and-{round(100 * point)}-of-{cards[2].name}"
        recipe = {
            "method": "linear", "base": BASE, "experts": [card.name for card in cards[1:]],
            "parameters": {"weights": [1 - point, point]},
        }  # fmt: skip
        write_card(folder / f"{name}.yaml", merged_fields(name, recipe, cards))
        curve[point] = bench.places(Catalog.load(folder).get(name))
    return curve


def tell(report: Report, found: Sequence[Curve], base: Mapping[str, Floats]) -> None:
    """A table for each two domains, and the claims over all of them."""
    for one in found:
        report.table(
            f"{one.domains[0]} and {one.domains[1]}: mean of 1 / rank by the share of the second expert",
            [one.row("base", base), *(one.row(point, places) for point, places in one.points.items())],
        )
    for where in ("inside", "outside"):
        picks: tuple[Callable[[Curve], Mapping[str, Floats]], ...] = (
            lambda one: one.points[one.chosen], Curve.better, lambda one: one.points[0.5], lambda _: base,
        )  # fmt: skip
        chosen, better, uniform, before = (_by_text(found, where, pick) for pick in picks)
        for rival, values in (("the better expert", better), ("equal shares", uniform), ("the base", before)):
            report.claim(
                f"37 (arXiv:2307.16184) {where} the experts' domains: the chosen point less {rival}",
                paired(chosen, values), "1 / rank", "> 0", interval=INTERVAL,
                note=f"{len(chosen)} pairs of {len(found)} curves",
                of=Tried(37, "paper" if rival == "the better expert" else "ours", product=True, data="real"),
            )  # fmt: skip
    barriers = {"-".join(one.domains): one.barrier() for one in found}
    report.claim(
        "37 (arXiv:2307.16184) the deepest point of a curve below the line between its experts, inside",
        Interval.between(list(barriers.values())), "1 / rank", f"<= {BARRIER}",
        interval="lowest and highest curve",
        note=", ".join(f"{name} {depth:.3f}" for name, depth in barriers.items()),
        of=Tried(37, "paper", product=True, data="real"),
    )  # fmt: skip
