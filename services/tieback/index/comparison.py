"""A query's vector for the comparison with sections of each modality, if some dimensions are ignored.

Ignored dimensions are zero in the vector for that modality. Similarities, regions and, if modalities are
balanced, backgrounds use that vector.

Of a collection between two spaces, sections with new vectors are compared by these with the query's second
vector, and the scores brought to the scale of the old space: by what both spaces say of the same sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.core.types.fusion import IgnoredDimensions
from tieback.core.types.moving import ReadIn
from tieback.index.memory import Memory
from tieback.index.next_vectors import NextVectors
from tieback.index.query import SecondQuery
from tieback.methods.score_calibration import FEWEST, score_calibrations

CALIBRATION = "standard_scores"
"""How scores of two spaces are brought to one scale: the best of the family (docs/upgrades.md)."""

Found = tuple[Array, Array]  # positions and scores, in any order


@dataclass(frozen=True, slots=True)
class Group:
    """Living sections that are compared with one vector; `mask` is None where they are all that live."""

    mask: Array | None
    vector: Array
    scale: Scale | None = None
    """Of those that are compared by their new vectors."""


class Scale:
    """Brings scores in the next space to the scale of a collection's own, for one query.

    `vector` is the query's in the next space; `own` compares with it in the collection's own space.
    """

    def __init__(self, following: NextVectors, vector: Array, own: Comparison) -> None:
        self.following = following
        self._calibrated = score_calibrations.get(CALIBRATION)
        sample = following.sample()
        self._background = following.scores(sample, vector)
        self._reference = own.scores(sample)

    def __call__(self, scores: Array) -> Array:
        """The scores `[n]`, on the scale of the collection's own space."""
        if len(self._background) < FEWEST:  # of so few sections, all are there
            return scores
        return self._calibrated(scores, self._background, self._reference)


class Comparison:
    """All living sections in groups: each modality by itself, or those that have one vector together."""

    def __init__(
        self,
        memory: Memory,
        vector: Array,
        ignored: Sequence[IgnoredDimensions],
        *,
        by_modality: bool,
        breadth: float = 1.0,
        second: SecondQuery | None = None,
    ) -> None:
        self._memory, self._breadth = memory, breadth
        self.groups = self._own = _groups(memory, vector, ignored, by_modality)
        following = memory.next
        if second is not None and following is not None:
            size = len(memory.living())
            linked = following.linked(size)
            own = Comparison(memory, vector, ignored, by_modality=False)
            moved = [
                Group(_both(group.mask, linked), group.vector, Scale(following, group.vector, own))
                for group in _groups(memory, second.vector, second.ignored, by_modality)
            ]
            self.groups = [Group(_both(one.mask, ~linked), one.vector) for one in self._own] + moved

    def nearest(self, limit: int, allowed: Array) -> Found:
        """Of each group, the best that the mask `allowed` lets through, `limit` at most."""
        return _joined(
            [
                self._nearest(group, limit, one)
                for group, one in zip(self.groups, self._parts(allowed), strict=True)
                if one.any()
            ]
        )

    def _nearest(self, group: Group, limit: int, allowed: Array) -> Found:
        if group.scale is None:
            return self._memory.nearest(group.vector, limit, allowed, self._breadth)
        positions, scores = group.scale.following.nearest(group.vector, limit, allowed, self._breadth)
        return positions, group.scale(scores)

    def within(self, least: float, allowed: Array) -> Array:
        """The mask of the sections of a mask that are at least so similar."""
        found = np.zeros(len(allowed), bool)
        for group, one in zip(self.groups, self._parts(allowed), strict=True):
            if group.scale is not None:
                positions = np.flatnonzero(one)
                scores = group.scale(group.scale.following.scores(positions, group.vector))
                found[positions] = scores >= least
            elif one.any():
                found |= self._memory.within(group.vector, least, one)
        return found

    def scores(self, positions: Array) -> Array:
        """The similarities of sections at these positions."""
        scores = np.empty(len(positions), np.float32)
        for group in self.groups:
            chosen = slice(None) if group.mask is None else group.mask[positions]
            scores[chosen] = self._scores(group, positions[chosen])
        return scores

    def _scores(self, group: Group, positions: Array) -> Array:
        if group.scale is None:
            return self._memory.scores(positions, group.vector)
        return group.scale(group.scale.following.scores(positions, group.vector))

    def vector_for(self, position: int) -> Array:
        """What the section at a position is compared with in the collection's own space."""
        return next(group.vector for group in self._own if group.mask is None or group.mask[position])

    def read_as(self, position: int) -> tuple[ReadIn, float] | None:
        """How a section of a collection between two spaces was compared, and its similarity in that space.

        None of a collection that is in one space.
        """
        if self.groups is self._own:
            return None
        group = next(one for one in self.groups if one.mask is not None and one.mask[position])
        where = np.array([position])
        if group.scale is None:
            return ReadIn.OLD, float(self._memory.scores(where, group.vector)[0])
        return ReadIn.NEW, float(group.scale.following.scores(where, group.vector)[0])

    def _parts(self, allowed: Array) -> list[Array]:
        return [allowed if group.mask is None else allowed & group.mask for group in self.groups]


def _groups(
    memory: Memory, vector: Array, ignored: Sequence[IgnoredDimensions], by_modality: bool
) -> list[Group]:
    masked: dict[Modality, Array] = {}
    for one in ignored:
        masked.setdefault(one.modality, vector.copy())[one.begin : one.end] = 0
    if not masked and not by_modality:
        return [Group(None, vector)]
    masks: dict[object, Array] = {}
    vectors: dict[object, Array] = {}
    for modality in Modality:
        if (mask := memory.of_modality(modality)).any():
            own = masked.get(modality, vector)
            key = modality if by_modality else own.tobytes()
            masks[key], vectors[key] = masks.get(key, False) | mask, own
    if len(masks) == 1:
        return [Group(None, next(iter(vectors.values())))]
    return [Group(mask, vectors[key]) for key, mask in masks.items()]


def _both(mask: Array | None, other: Array) -> Array:
    return other if mask is None else mask & other


def _joined(found: Sequence[Found]) -> Found:
    positions, scores = (np.concatenate(one) for one in zip(*found, strict=True))
    return positions, scores


def vectors_of(memory: Memory, positions: Array, ignored: Sequence[IgnoredDimensions]) -> Array:
    """The sections' own vectors `[n, width]`, with zeros where dimensions of their modality are ignored."""
    vectors = memory.vectors.take(positions)
    masks = {kind: memory.of_modality(kind)[positions] for kind in {one.modality for one in ignored}}
    for one in ignored:
        vectors[masks[one.modality], one.begin : one.end] = 0
    return vectors
