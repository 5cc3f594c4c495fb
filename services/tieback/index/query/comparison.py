"""A query's vector for the comparison with sections of each modality, if some dimensions are ignored.

Ignored dimensions are zero in the vector for that modality. Similarities, regions and, if modalities are
balanced, backgrounds use that vector.

Of a collection between two spaces, sections with new vectors are compared by these with the query's second
vector, and the scores brought to the scale of the old space: by what both spaces say of the same sample.
Where the old encoder is gone and stored vectors are translated, all are compared with that vector, and the
scores of translated ones brought to the scale of the new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.hits import ReadIn
from tieback_contract.modality import Modality

from tieback.collections.query import SecondQuery
from tieback.core.order import with_equal
from tieback.index.memory.collection import Memory
from tieback.index.migration.target_vectors import NextVectors
from tieback.index.migration.translated_vectors import TranslatedVectors
from tieback.index.vectors.measured_recall import Searched
from tieback.methods.score_calibration import FEWEST, score_calibrations

CALIBRATION = "standard_scores"
"""How scores of two spaces are brought to one scale: the best of the family (docs/upgrades.md)."""

Found = tuple[Array, Array]  # positions and scores, in any order


class Rows(Protocol):
    """Vectors of sections in one space, by the collection's positions."""

    def nearest(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> Found:
        """As `Memory.nearest`."""
        ...

    def scores(self, positions: Array, query: Array) -> Array:
        """As `Memory.scores`."""
        ...


@dataclass(frozen=True, slots=True)
class Group:
    """Living sections that are compared with one vector; `mask` is None where they are all that live.

    They are compared by `rows`, and the scores brought to another `scale` where there is one.
    """

    mask: Array | None
    vector: Array
    rows: Rows
    read_in: ReadIn = ReadIn.OLD
    scale: Scale | None = None


class Scale:
    """Brings scores of one query in one space to the scale of another, by what both say of the same sample.

    `background` `[n]` are the sample's scores in the one, `reference` `[n]` those in the other.
    """

    def __init__(self, background: Array, reference: Array) -> None:
        self._calibrated = score_calibrations.get(CALIBRATION)
        self._background, self._reference = background, reference

    def __call__(self, scores: Array) -> Array:
        """The scores `[n]`, on the other scale."""
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
        if second is None or following is None:
            return
        linked = following.linked(len(memory.living()))
        moved = _groups(memory, second.vector, second.ignored, by_modality)
        if (translated := following.by_translation) is not None:
            if not following.is_read(memory.section_count):
                linked = np.zeros(len(linked), bool)
            self.groups = _in_next_space(following, translated, moved, linked)
            return
        own = Comparison(memory, vector, ignored, by_modality=False)
        self.groups = [replace(one, mask=_both(one.mask, ~linked)) for one in self._own]
        sample = following.sample()
        reference = own.scores(sample)
        for one in moved:
            scale = Scale(following.scores(sample, one.vector), reference)
            mask = _both(one.mask, linked)
            self.groups.append(Group(mask, one.vector, following, ReadIn.NEW, scale))

    def nearest(self, limit: int, allowed: Array) -> Found:
        """Of each group, the best `limit` that the mask `allowed` lets through, and all equal to the last."""
        return _joined(
            [
                self._nearest(group, limit, one)
                for group, one in zip(self.groups, self._parts(allowed), strict=True)
                if one.any()
            ]
        )

    def _nearest(self, group: Group, limit: int, allowed: Array) -> Found:
        positions, scores = with_equal(
            lambda most: group.rows.nearest(group.vector, most, allowed, self._breadth), limit
        )
        return positions, scores if group.scale is None else group.scale(scores)

    def within(self, least: float, allowed: Array) -> Array:
        """The mask of the sections of a mask that are at least so similar."""
        found = np.zeros(len(allowed), bool)
        for group, one in zip(self.groups, self._parts(allowed), strict=True):
            if not one.any():
                continue
            if group.rows is self._memory:
                found |= self._memory.within(group.vector, least, one)
            else:
                positions = np.flatnonzero(one)
                found[positions] = self._scores(group, positions) >= least
        return found

    def scores(self, positions: Array) -> Array:
        """The similarities of sections at these positions."""
        scores = np.empty(len(positions), np.float32)
        for group in self.groups:
            chosen = slice(None) if group.mask is None else group.mask[positions]
            scores[chosen] = self._scores(group, positions[chosen])
        return scores

    def _scores(self, group: Group, positions: Array) -> Array:
        scores = group.rows.scores(positions, group.vector)
        return scores if group.scale is None else group.scale(scores)

    def vector_for(self, position: int) -> Array:
        """What the section at a position is compared with in the collection's own space."""
        return next(group.vector for group in self._own if group.mask is None or group.mask[position])

    def read_as(self, position: int) -> tuple[ReadIn, float] | None:
        """How a section of a collection between two spaces was compared, and its similarity in that space.

        None of a collection that is in one space.
        """
        if self.groups is self._own:
            return None
        group = next(one for one in self.groups if one.mask is None or one.mask[position])
        return group.read_in, float(group.rows.scores(np.array([position]), group.vector)[0])

    def _parts(self, allowed: Array) -> list[Array]:
        return [allowed if group.mask is None else allowed & group.mask for group in self.groups]


def _groups(
    memory: Memory, vector: Array, ignored: Sequence[IgnoredDimensions], by_modality: bool
) -> list[Group]:
    masked: dict[Modality, Array] = {}
    for one in ignored:
        masked.setdefault(one.modality, vector.copy())[one.begin : one.end] = 0
    if not masked and not by_modality:
        return [Group(None, vector, memory)]
    masks: dict[object, Array] = {}
    vectors: dict[object, Array] = {}
    for modality in Modality:
        if (mask := memory.of_modality(modality)).any():
            own = masked.get(modality, vector)
            key = modality if by_modality else own.tobytes()
            masks[key], vectors[key] = masks.get(key, False) | mask, own
    if len(masks) == 1:
        return [Group(None, next(iter(vectors.values())), memory)]
    return [Group(mask, vectors[key], memory) for key, mask in masks.items()]


def _in_next_space(
    following: NextVectors, translated: TranslatedVectors, groups: Sequence[Group], linked: Array
) -> list[Group]:
    """Groups of the next space: sections that are linked by their new vectors, the others by translated ones.

    The scores of these are brought to the scale of the others.
    """
    found = []
    sample = following.sample() if linked.any() else None
    for one in groups:
        scale = None
        if sample is not None:
            scale = Scale(translated.scores(sample, one.vector), following.scores(sample, one.vector))
            found.append(Group(_both(one.mask, linked), one.vector, following, ReadIn.NEW))
        mask = _both(one.mask, ~linked)
        found.append(Group(mask, one.vector, translated, ReadIn.TRANSLATED, scale))
    return found


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


@contextmanager
def searched(memory: Memory, *, by_both: bool) -> Iterator[Sequence[Searched]]:
    """The kinds of vectors, under the collection's lock; that of new vectors is held meanwhile.

    A search `by_both` spaces of a collection on its way looks through its new vectors too, and through the
    old ones as long as some section has no other: as they are, or as a transform translates them.
    """
    following = memory.next
    if following is None or not by_both:
        yield [_of(memory, ReadIn.OLD)]
        return
    translated = following.by_translation
    are_read = following.is_read(memory.section_count)
    found = []
    if not are_read or following.count < memory.section_count:
        found.append(_of(memory, ReadIn.OLD) if translated is None else translated.searched(memory.living()))
    with following.made.lock.reading():
        if are_read:
            found.append(_of(following.made, ReadIn.NEW))
        yield found


def _of(memory: Memory, read_in: ReadIn) -> Searched:
    vectors = memory.vectors
    is_exact = vectors.exact and memory.regions.exact
    return Searched(read_in, vectors, memory.living(), is_exact, memory.nearest, vectors.take)
