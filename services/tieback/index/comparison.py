"""A query's vector for the comparison with sections of each modality, if some dimensions are ignored.

Ignored dimensions are zero in the vector for that modality. Similarities, regions and, if modalities are
balanced, backgrounds use that vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.core.types.fusion import IgnoredDimensions
from tieback.index.memory import Memory

Found = tuple[Array, Array]  # positions and scores, in any order


@dataclass(frozen=True, slots=True)
class Group:
    """Living sections that are compared with one vector; `mask` is None where they are all that live."""

    mask: Array | None
    vector: Array


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
    ) -> None:
        self._memory, self._breadth = memory, breadth
        self.groups = _groups(memory, vector, ignored, by_modality)

    def nearest(self, limit: int, allowed: Array) -> Found:
        """Of each group, the best that the mask `allowed` lets through, `limit` at most."""
        return _joined(
            [
                self._memory.nearest(group.vector, limit, one, self._breadth)
                for group, one in zip(self.groups, self._parts(allowed), strict=True)
                if one.any()
            ]
        )

    def within(self, least: float, allowed: Array) -> Array:
        """The mask of the sections of a mask that are at least so similar."""
        found = np.zeros(len(allowed), bool)
        for group, one in zip(self.groups, self._parts(allowed), strict=True):
            if one.any():
                found |= self._memory.within(group.vector, least, one)
        return found

    def scores(self, positions: Array) -> Array:
        """The similarities of sections at these positions."""
        scores = np.empty(len(positions), np.float32)
        for group in self.groups:
            chosen = slice(None) if group.mask is None else group.mask[positions]
            scores[chosen] = self._memory.scores(positions[chosen], group.vector)
        return scores

    def vector_for(self, position: int) -> Array:
        """What the section at a position is compared with."""
        return next(group.vector for group in self.groups if group.mask is None or group.mask[position])

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
        return [Group(None, *vectors.values())]
    return [Group(mask, vectors[key]) for key, mask in masks.items()]


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
