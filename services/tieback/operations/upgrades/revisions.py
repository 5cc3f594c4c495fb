"""A series of revisions of a space: which finds what in the vectors of which, as a compatibility matrix.

M[i, j] is nDCG@10 of queries of revision i among vectors of revision j, for j up to i; between two revisions
by the plan's best policy that can be fitted for them, as an upgrade reads old vectors whose encoder is gone.
AC and AA are those of `tieback.training.ranks`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tieback.core.state import State
from tieback.core.types.moving import Anchors, Asked, SpacePair
from tieback.methods.compatibility import AS_TRAINED, LEAST_ANCHORS, compatibilities
from tieback.operations.upgrades.comparison import Comparison, try_policy
from tieback.operations.upgrades.measures import Parts, split, trial
from tieback.operations.upgrades.worth import Measured
from tieback.training.ranks import average_accuracy, average_compatibility

OTHERWISE = "affine"
"""The policy between two revisions that none of the plan's can be fitted for."""
Pair = tuple[int, int]
"""The revision of the queries, and that of what they are compared with; the oldest is 0."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is found; `policy` is empty where both are of one revision."""

    query: int
    gallery: int
    policy: str
    ndcg: Measured


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What a plan measures by, in all revisions; see `split` and `trial`."""

    anchors: Anchors
    asked: Asked | None
    gains: Sequence[Mapping[int, float]]
    judged: Collection[int]
    folds: int
    seen: float

    @property
    def newest(self) -> int:
        """The number of the newest revision."""
        return len(self.anchors.earlier) + 1

    def others(self) -> list[Pair]:
        """Each revision with each one before it, but for the two that the plan is about."""
        every = [(query, gallery) for query in range(self.newest + 1) for gallery in range(query)]
        return [one for one in every if one != (self.newest, self.newest - 1)]

    def two(self, pair: Pair) -> tuple[Anchors, Parts]:
        """The contents in two revisions, and what is learned from and measured on."""
        rows = (*self.anchors.earlier, self.anchors.old, self.anchors.new)
        anchors = replace(self.anchors, old=rows[pair[1]], new=rows[pair[0]], earlier=())
        return anchors, split(anchors, self.judged, folds=self.folds)

    def policy(self, pair: Pair, found: Comparison) -> str:
        """The best of the plan's policies that can be fitted between two revisions; else `OTHERWISE`.

        That a space is compatible with the one before it says nothing of others.
        """
        anchors, parts = self.two(pair)
        count = min((len(one) for one in parts.learned), default=len(parts.training))
        widths = anchors.old.shape[1], anchors.new.shape[1]
        for one in found.tried:
            least = compatibilities.form(LEAST_ANCHORS, one.policy)(*widths)
            if one.policy != AS_TRAINED and least <= count:
                return one.policy
        return OTHERWISE

    def cells(self, pair: Pair, policy: str, states: Sequence[State]) -> list[Cell]:
        """What is found between the two revisions, and by the earlier one alone."""
        query, gallery = pair
        asked = self.asked
        if asked is not None:
            rows = (*asked.earlier, asked.old, asked.new)
            asked = Asked(rows[gallery], rows[query])
        tried = trial(*self.two(pair), asked, self.gains, seen=self.seen)
        found = try_policy(tried, policy, states).served.ndcg
        return [
            Cell(query, gallery, policy, found),
            Cell(gallery, gallery, "", tried.worth(tried.old).ndcg),
        ]

    def of_plan(self, found: Comparison) -> list[Cell]:
        """What the plan has measured of its two revisions."""
        new, old, best = self.newest, self.newest - 1, found.tried[0]
        return [
            Cell(new, old, best.policy, best.served.ndcg),
            Cell(old, old, "", found.old.ndcg),
            Cell(new, new, "", found.reembedded.ndcg),
        ]


def told(spaces: SpacePair, cells: Iterable[Cell]) -> Mapping[str, Any]:
    """The matrix as values that JSON knows, with AC and AA. Of equal cells the last one counts."""
    series = (*spaces.earlier, spaces.old, spaces.new)
    known = {(one.query, one.gallery): one for one in cells}
    matrix = np.full((len(series), len(series)), np.nan)
    for pair, one in known.items():
        matrix[pair] = one.ndcg.value
    return {
        "spaces": [[one.name, one.revision, one.fingerprint] for one in series],
        "cells": [asdict(known[pair]) for pair in sorted(known)],
        "average_compatibility": average_compatibility(matrix),
        "average_accuracy": average_accuracy(matrix),
    }
