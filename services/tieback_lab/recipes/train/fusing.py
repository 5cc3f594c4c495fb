"""Things as rows of frozen encoders, and what each pattern of their parts is worth to a learned fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback.core.state import State
from tieback.training.splits import split
from tieback_contract.arrays import Array

from tieback_lab.methods.fusion import Goal, Rows, There, fusions, predicted

ACCURACY, RECALL = "accuracy", "recall@1"


@dataclass(frozen=True, slots=True, eq=False)
class Things:
    """`rows` and `there` of each part, the `condition` or None, and the `goal`."""

    rows: Rows
    there: There
    condition: Array | None
    goal: Goal

    def __len__(self) -> int:
        return len(self.goal.groups)

    @property
    def has(self) -> Array:
        """Parts that each thing has `[things, parts]`."""
        return np.stack([one.any(axis=1) for one in self.there], 1)

    def take(self, places: Array) -> Things:
        """These alone."""
        return Things(
            [one[places] for one in self.rows],
            [one[places] for one in self.there],
            None if self.condition is None else self.condition[places],
            Goal(self.goal.groups[places], self.goal.classes),
        )

    def of(self, parts: Sequence[int]) -> Things:
        """As if things had no other parts than these."""
        rows, there = ([given[place] for place in parts] for given in (self.rows, self.there))
        return Things(rows, there, self.condition, self.goal)

    def only(self, parts: Sequence[int]) -> Things:
        """With these parts alone, whatever else a thing has."""
        there = [one & (place in parts) for place, one in enumerate(self.there)]
        return Things(self.rows, there, self.condition, self.goal)


def apart(things: Things, seed: int) -> tuple[Things, Things]:
    """Things to learn from, and a tenth that is held out; things that belong together stay together."""
    groups = np.arange(len(things)) if things.goal.classes else things.goal.groups
    known = np.unique(groups)
    held_out = np.isin(groups, known[split(len(known), seed).held_out])
    return things.take(np.flatnonzero(~held_out)), things.take(np.flatnonzero(held_out))


def vectors(method: str, state: State, things: Things) -> Array:
    """Unit vectors `[things, width]`."""
    return fusions.configure(method)(things.rows, things.there, things.condition, state)


def right(method: str, state: State, asked: Things, among: Things) -> Array:
    """1 where a thing is classified right, or finds its partner first, else 0 `[things]`.

    `among` are the things that are looked among, those of `asked` as wholes; a thing's partner is another one
    of its group, or itself where that is its only one.
    """
    found = vectors(method, state, asked)
    groups = asked.goal.groups
    if asked.goal.classes:
        return np.asarray(predicted(found, state).argmax(axis=1) == groups, np.float64)
    scores = found @ vectors(method, state, among).T
    same = groups[:, None] == among.goal.groups
    others = same.sum(axis=1) > 1
    itself = same & (found.shape[0] == len(among)) & np.eye(len(found), len(among), dtype=bool)
    scores[itself & others[:, None]] = -np.inf
    return np.asarray(same[np.arange(len(found)), scores.argmax(axis=1)], np.float64)


def worths(
    method: str, state: State, held_out: Things, names: Sequence[str], patterns: Sequence[Mapping[str, Any]]
) -> list[float | None]:
    """The measure of each pattern, over held-out things that have its parts; None where none has."""
    found: list[float | None] = []
    for pattern in patterns:
        parts = [names.index(name) for name in pattern["parts"]]
        places = np.flatnonzero(held_out.has[:, parts].all(axis=1))
        if not len(places):
            found.append(None)
            continue
        some = held_out.take(places)
        found.append(float(right(method, state, some.only(parts), some).mean()))
    return found
