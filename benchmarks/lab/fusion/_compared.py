"""The one way in which fusions are compared: seeds, rivals that none may leave out, and paired intervals.

Every comparison is against a parallel network with parts dropped in training, and against the best part
alone: the one, of all parts, on which a network of its own does best on what is tested. Values are one for
each tested thing, means over the seeds; intervals are by drawing things with replacement, for both sides at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from tieback_contract.arrays import Array
from tieback_lab.methods.fusion import FIT, fusions
from tieback_lab.recipes.train.fusing import Things, right

from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import Interval, paired

PARALLEL, ALONE = "parallel, parts dropped", "best part alone"
SEEDS = 5
SMALL: Mapping[str, Any] = {"steps": 250, "width": 64, "inner": 64, "batch": 64}
"""Of every network that is compared, whatever its method."""

Measure = Callable[[str, Any, Things], Array]
"""Of a method and its state on the tested things: a value for each."""


def learned(method: str, training: Things, seed: int, **parameters: Any) -> Any:
    """The state of a method, by its `fit`, as the recipe runs it."""
    fit = fusions.form(FIT, method, {**SMALL, **parameters})
    return fit(training.rows, training.there, training.condition, training.goal, seed=seed)


def classified(method: str, state: Any, tested: Things) -> Array:
    """1 where the class is right, else 0; also for the partner."""
    return right(method, state, tested, tested)


class Comparison:
    """Values `[seeds, things]` by the way, with the rivals that none may leave out."""

    def __init__(self, what: str, parts: Sequence[str]) -> None:
        self.what, self.parts = what, parts
        self.values: dict[str, list[Array]] = {}

    def add(self, way: str, values: Array) -> None:
        """The values of one more seed."""
        self.values.setdefault(way, []).append(np.asarray(values, np.float64))

    def add_rivals(
        self, training: Things, tested: Things, seed: int, *, measure: Measure = classified, **parameters: Any
    ) -> None:
        """Those of the parallel network, and of a network for each part alone.

        Where that part is missing, a guess is counted: 1 of as many as there are classes.
        """
        log(f"{self.what}: rivals, seed {seed}")
        state = learned("parallel", training, seed, **parameters)
        self.add(PARALLEL, measure("parallel", state, tested))
        for place, part in enumerate(self.parts):
            some = training.of([place]).take(np.flatnonzero(training.has[:, place]))
            alone = learned("parallel", some, seed, **{**parameters, "dropout": 0.0})
            has = tested.has[:, place]
            values = np.full(len(tested), 1 / (tested.goal.classes or len(tested)))
            if has.any():
                values[has] = measure("parallel", alone, tested.of([place]).take(np.flatnonzero(has)))
            self.add(f"{part} alone", values)

    def mean(self, way: str) -> Array:
        """The mean over seeds, for each thing; over those that tested it, where others are NaN."""
        if way == ALONE:
            way = max((f"{part} alone" for part in self.parts), key=lambda one: float(self.mean(one).mean()))
        return np.asarray(np.nanmean(self.values[way], axis=0))

    def table(self, report: Report) -> None:
        """All ways, with the lowest and the highest seed."""
        rows = [
            {"way": way, "value": float(np.nanmean(one)), "lowest seed": float(np.nanmean(one, axis=1).min()),
             "highest seed": float(np.nanmean(one, axis=1).max()), "seeds": len(one)}
            for way, one in self.values.items()
        ]  # fmt: skip
        report.table(self.what, rows)

    def claim(
        self,
        report: Report,
        name: str,
        ours: str,
        other: str,
        paper: int,
        target: str = "> 0",
        *,
        of: Literal["paper", "ours"] = "ours",
    ) -> None:
        """`ours` less the `other`, in points, paired by thing."""
        found = paired(100 * self.mean(ours), 100 * self.mean(other))
        seeds = f"{len(self.values[ours])} seeds, {len(self.mean(ours))} tested"
        note = f"{self.mean(ours).mean():.3f} against {self.mean(other).mean():.3f}, {seeds}"
        report.claim(
            f"{paper} {name}: {ours} less {other}", Interval(*found), "points", target, note=note,
            of=Tried(paper, of, product=True, data="real"),
        )  # fmt: skip

    def claim_rivals(self, report: Report, name: str, ours: str, paper: int) -> None:
        """Against both obligatory rivals."""
        for other in (PARALLEL, ALONE):
            self.claim(report, name, ours, other, paper)
