"""Retrieval through a joint space: where partners stand, and what is lost without a space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.joint.projecting import Dense
from tieback.joint.space import Joint

RESAMPLES = 1000


def places(scores: Array, right: Array | None = None) -> Array:
    """The place, from 1, of each query's right document in `scores` `[queries, documents]`.

    `right` `[queries]` says which that is; without it, query i's is document i. Documents of an equal score
    are counted as half before it.
    """
    rows = np.arange(len(scores))
    own = scores[rows, rows if right is None else right][:, None]
    better, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1
    return np.asarray(1 + better + equal / 2)


def recall(ranks: Array, at: int) -> Array:
    """1 where the right document is among the first `at`."""
    return np.asarray(ranks <= at, np.float64)


def reciprocal(ranks: Array) -> Array:
    """1 / place."""
    return np.asarray(1 / ranks)


MEASURES: dict[str, Callable[[Array], Array]] = {
    "R@1": lambda ranks: recall(ranks, 1),
    "MRR": reciprocal,
    "R@10": lambda ranks: recall(ranks, 10),
}
"""By name: what each query's place is worth, 0 to 1."""


def chance(measure: str, documents: int) -> float:
    """What a random order is worth."""
    return float(MEASURES[measure](np.arange(1, documents + 1)).mean())


def interval(values: Array, seed: int) -> tuple[float, float, float]:
    """Mean, and the bounds of the 95 % bootstrap interval over queries."""
    draw = np.random.default_rng(seed)
    means = values[draw.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


DIGITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Query i's right document is document i. `modality` is the queries'."""

    name: str
    modality: Modality
    queries: Dense
    documents: Dense

    @property
    def size(self) -> int:
        """Queries, and as many documents."""
        return len(next(iter(self.queries.values())))

    def places(
        self,
        joint: Joint,
        *,
        routed: bool,
        only: str | None = None,
        stored: Mapping[str, Array] | None = None,
    ) -> Array:
        """The place of each query's right document, by all blocks or one alone; infinite where none has it.

        `stored` are the blocks of the documents, where they are known.
        """
        queries = joint.project_queries(self.queries)
        cosines = similarities(queries, stored or joint.project_inputs(self.documents))
        if only is not None:
            cosines = {name: one for name, one in cosines.items() if name == only}
        if not cosines:
            return np.full(self.size, np.inf)
        if only is not None:
            return places(score(cosines))
        return places(score(cosines, joint.weights(self.modality, self.queries, routed=routed)))


def both_ways(
    modality: Modality, suffix: str, texts: Dense, seen: Dense, named: Dense | None = None
) -> list[Task]:
    """Inputs of the modality found by texts, and texts, or what is `named`, found by them."""
    return [
        Task(f"text → {modality}{suffix}", Modality.TEXT, texts, seen),
        Task(f"{modality} → text{suffix}", modality, seen, texts if named is None else named),
    ]


def retrieval(joint: Joint, tasks: Sequence[Task], seed: int) -> list[dict[str, Any]]:
    """Every task by every measure: routed, uniform, and each block alone, the best one named so."""
    found = []
    for task in tasks:
        ranks = {"routed": task.places(joint, routed=True)} if task.modality in joint.routers else {}
        ranks["uniform"] = task.places(joint, routed=False)
        shared = similarities(joint.project_inputs(task.queries), joint.project_inputs(task.documents))
        alone = {name: task.places(joint, routed=False, only=name) for name in shared}
        for measure, worth in MEASURES.items():
            best = max(alone, key=lambda name: float(worth(alone[name]).mean()))
            named = {f"best single: {best}": alone[best]}
            named |= {f"{name} alone": one for name, one in alone.items() if name != best}
            rows = [_row(name, interval(worth(one), seed)) for name, one in (ranks | named).items()]
            found.append(
                {
                    "task": task.name,
                    "measure": measure,
                    "queries": task.size,
                    "chance": round(chance(measure, task.size), DIGITS),
                    "rows": rows,
                }
            )
    return found


def _row(name: str, values: tuple[float, float, float]) -> dict[str, Any]:
    value, low, high = (round(one, DIGITS) for one in values)
    return {"name": name, "value": value, "low": low, "high": high}


def losses(joint: Joint, tasks: Sequence[Task]) -> dict[str, dict[str, float]]:
    """Points of R@10 that queries of each modality lose without each space, as a mean over their tasks.

    Tasks of one name are one. A space that encodes no query of a modality costs those queries nothing: other
    spaces are projected into its block, and what is stored was stored when it was there.
    """
    drops: dict[tuple[str, str], dict[str, list[float]]] = {}
    spaces = list(dict.fromkeys([*(one.source.name for one in joint.projections), *joint.names]))
    for task in tasks:
        stored = joint.project_inputs(task.documents)
        whole = recall(task.places(joint, routed=True, stored=stored), 10).mean()
        for space in spaces:
            drop = 0.0
            if space in task.queries:
                less = replace(joint, without=frozenset({space}))
                drop = whole - recall(task.places(less, routed=True, stored=stored), 10).mean()
            of_space = drops.setdefault((task.modality.value, space), {})
            of_space.setdefault(task.name, []).append(100 * float(drop))
    found: dict[str, dict[str, float]] = {}
    for (modality, space), by_name in drops.items():
        mean = float(np.mean([np.mean(of_task) for of_task in by_name.values()]))
        found.setdefault(modality, {})[space] = round(mean, 2)
    return found


@dataclass(frozen=True, slots=True)
class Worth:
    """The mean reciprocal rank of partners where something is `present`, and where it is `absent`."""

    name: str
    present: float
    absent: float

    @property
    def gain(self) -> float:
        """What it adds."""
        return self.present - self.absent

    @property
    def numbers(self) -> dict[str, float]:
        """For the metrics of an artifact."""
        return {"with": round(self.present, DIGITS), "without": round(self.absent, DIGITS)}


def worths(joint: Joint, tasks: Sequence[Task], spaces: Sequence[str]) -> list[Worth]:
    """Of each of the text `spaces` with a block of its own, by equal weights; none without tasks."""
    of_texts = [task for task in tasks if task.modality is Modality.TEXT]
    if not of_texts or len(spaces) < 2:
        return []

    def found(joint: Joint) -> float:
        return float(np.mean([reciprocal(task.places(joint, routed=False)).mean() for task in of_texts]))

    whole = found(joint)
    return [Worth(space, whole, found(_without(joint, space))) for space in spaces]


def _without(joint: Joint, space: str) -> Joint:
    blocks = [block for block in joint.blocks if block.space.name != space]
    projections = [one for one in joint.projections if space not in (one.source.name, one.block)]
    return replace(joint, blocks=blocks, projections=projections)


def similarities(queries: Mapping[str, Array], documents: Mapping[str, Array]) -> dict[str, Array]:
    """The cosines `[queries, documents]` by block that both have."""
    return {name: queries[name] @ documents[name].T for name in queries if name in documents}


def score(cosines: Mapping[str, Array], weights: Mapping[str, Array] | None = None) -> Array:
    """Σ w · cosine over blocks, `[queries, documents]`; without weights, every block's is the same."""
    names = list(cosines)
    if weights is None:
        return np.asarray(sum(cosines.values()) / len(names))
    return np.asarray(sum(weights[name][:, None] * cosines[name] for name in names))
