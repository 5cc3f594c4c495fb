"""The vectors of a collection's sections in the space that it is being moved to.

They are those of a generation (`index/migration/generations.py`), which has positions of its own, and whose
sections may be pieces of the collection's: a section of several pieces scores as its best one. A section is
linked to them if its item's version is the one that they were made of, so what was written meanwhile is not.

Everything here is under the collection's lock. That is also held, for writing, while the generation changes:
a search finds links and vectors that belong together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import DType, SpaceRef, Vector

from tieback.collections.description import Description
from tieback.core.room import grown
from tieback.core.types.collection import FollowingVectors, IndexedItem, IndexedSection
from tieback.core.types.moving import SecondVector
from tieback.core.types.search import SearchRequest
from tieback.index.migration.translated_vectors import TranslatedVectors
from tieback.models.joint.transforms import CompatibleTransform

if TYPE_CHECKING:
    from tieback.index.memory.collection import Memory

SAMPLE = 256
"""Sections that both spaces score for each query, to bring the scores of one to the scale of the other. Until
so many are linked, or all that there are, only the old vectors are read."""
_OUTGROWN = 1.25  # a sample is drawn anew where so many times as many sections are linked


class NextVectors:
    """See the module. `made` is the generation's memory; its lock is asked for after the collection's."""

    def __init__(self, made: Memory, space: SpaceRef) -> None:
        self.made, self.space = made, space
        self.transform: CompatibleTransform | None = None
        """Leads vectors `[n, width]` into the collection's own space, where its encoder is gone."""
        self.translated: TranslatedVectors | None = None
        """The stored vectors in this space, where its encoder is gone and that keeps more than leading."""
        self.count = 0
        """Sections that are linked."""
        self.uses: Counter[str] = Counter()
        """How often searches found items, since the move began or the server started."""
        self._owners = np.full(0, -1, np.int64)  # by position of the generation
        self._first = np.full(0, -1, np.int64)  # by position of the collection
        self._several: dict[int, Array] = {}  # of sections with several pieces, all of their positions
        self._sample: tuple[int, Array] | None = None  # drawn of so many

    def link(self, memory: Memory, ids: Iterable[str]) -> None:
        """Links the items' sections with their vectors, where these are of the items' versions."""
        with self.made.lock.reading():
            for item_id in ids:
                self._link(memory, item_id)

    def forget(self, positions: Array) -> None:
        """Unlinks sections."""
        linked = positions[positions < len(self._first)]
        linked = linked[self._first[linked] >= 0]
        self.count -= len(linked)
        for position in linked.tolist():
            self._owners[self._pieces(position)] = -1
            self._several.pop(position, None)
        self._first[linked] = -1
        if len(linked):
            self._sample = None

    @property
    def by_translation(self) -> TranslatedVectors | None:
        """The translated vectors, once all sections have one."""
        translated = self.translated
        return translated if translated is not None and translated.is_complete else None

    @property
    def translated_bytes(self) -> int:
        """Bytes of translated vectors in memory."""
        return 0 if self.translated is None else self.translated.resident_bytes

    def stored(self, memory: Memory, positions: Array) -> None:
        """Takes over what was just stored at positions."""
        if self.translated is not None:
            self.translated.put(positions, memory.vectors.take(positions))

    def removed(self, positions: Array) -> None:
        """Forgets sections that are gone for good."""
        self.forget(positions)
        if self.translated is not None:
            self.translated.remove(positions)

    def guarded(self, memory: Memory) -> Callable[[Sequence[str]], AbstractContextManager[None]]:
        """For a change of the generation that touches these items: under the collection's lock."""

        @contextmanager
        def changing(ids: Sequence[str]) -> Iterator[None]:
            with memory.lock.writing():
                for item_id in ids:
                    if item_id in memory.items:
                        self.forget(memory.items.positions_of(item_id))
                yield
                self.link(memory, ids)

        return changing

    def is_read(self, sections: int) -> bool:
        """Whether enough are linked, of so many sections, to bring scores to one scale."""
        return self.count >= min(SAMPLE, sections)

    def linked(self, size: int) -> Array:
        """The mask of the collection's sections that are linked, `[size]`."""
        return grown(self._first, size, -1)[:size] >= 0

    def sample(self) -> Array:
        """Positions of sections that both spaces know: the same ones until some of them are gone."""
        known = self._sample
        if known is None or self.count > _OUTGROWN * known[0]:
            linked = np.flatnonzero(self._first >= 0)
            chosen = np.random.default_rng(0).permutation(len(linked))[:SAMPLE]
            self._sample = known = self.count, np.sort(linked[chosen])
        return known[1]

    def nearest(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """As `Memory.nearest`, by the new vectors, of the linked sections of a mask."""
        with self.made.lock.reading():
            wanted = self._wanted(allowed)
            most = int(np.count_nonzero(wanted))
            asked = min(limit, most)
            while True:
                found, scores = self.made.nearest(query, max(asked, 1), wanted, breadth)
                owners, first = np.unique(self._owners[found], return_index=True)
                if len(owners) >= limit or asked >= most or not self._several:
                    break
                asked = min(2 * asked, most)  # some were pieces of one section
            best = np.argsort(first)[:limit]  # a section's best piece comes first
            return owners[best], scores[first[best]]

    def scores(self, positions: Array, query: Array) -> Array:
        """As `Memory.scores`, by the new vectors, of sections that are linked."""
        with self.made.lock.reading():
            scores = self.made.scores(self._first[positions], query)
            if self._several:
                for place in np.flatnonzero(np.isin(positions, list(self._several))).tolist():
                    pieces = self._several[int(positions[place])]
                    scores[place] = self.made.scores(pieces, query).max()
        return scores

    def _wanted(self, allowed: Array) -> Array:
        """The mask, by the generation's positions, of vectors of sections of a mask."""
        wanted = self.made.living()
        owners = grown(self._owners, len(wanted), -1)[: len(wanted)]
        wanted &= owners >= 0
        wanted[wanted] = allowed[owners[wanted]]
        return wanted

    def _pieces(self, position: int) -> Array:
        return self._several.get(position, self._first[position : position + 1])

    def _link(self, memory: Memory, item_id: str) -> None:
        version = memory.items.version_of(item_id)
        if version is None or self.made.items.version_of(item_id) != version:
            return
        old, new = memory.items.positions_of(item_id), self.made.items.positions_of(item_id)
        self._first = grown(self._first, int(old.max()) + 1, -1)
        self._owners = grown(self._owners, int(new.max()) + 1, -1)
        self.forget(old)
        first = np.arange(len(old)) if len(old) == len(new) else _first_pieces(memory, self.made, item_id)
        self._first[old] = new[first]
        self._owners[new] = np.repeat(old, np.diff(np.append(first, len(new))))
        self.count += len(old)
        if len(new) > len(old):
            for position, begin, end in zip(old.tolist(), first, np.append(first[1:], len(new)), strict=True):
                if end - begin > 1:
                    self._several[position] = new[begin:end]


def _first_pieces(memory: Memory, made: Memory, item_id: str) -> Array:
    """Of each section of an item, the place of its first piece: that alone has the section's id."""
    known = {memory.ids_at(position)[1] for position in memory.items.positions_of(item_id).tolist()}
    ids = [made.ids_at(position)[1] for position in made.items.positions_of(item_id).tolist()]
    return np.array([place for place, one in enumerate(ids) if one in known], np.int64)


def translated(following: NextVectors | None, known: Description, request: SearchRequest) -> SearchRequest:
    """A search whose vector is of the next space: with a vector of the collection's own, made of it.

    Any other is returned as it is, and so is one of a vector that says nothing.
    """
    vector = request.vector
    if vector is None or following is None or following.transform is None:
        return request
    if vector.space != following.space or vector.space == known.space or not _is_readable(vector, following):
        return request
    made = following.transform(_values(vector)[None])[0]
    second = SecondVector(vector, request.ignored)
    return replace(request, vector=Vector(made, known.space), ignored=(), second=second)


def with_translated(
    following: NextVectors | None, known: Description, items: Sequence[IndexedItem]
) -> Sequence[IndexedItem]:
    """Items whose vectors are of the next space: with vectors of the collection's own beside them.

    The others are as they are.
    """
    if following is None or following.transform is None:
        return items
    return [_translated_item(following, following.transform, known, one) for one in items]


def _translated_item(
    following: NextVectors, transform: Callable[[Array], Array], known: Description, item: IndexedItem
) -> IndexedItem:
    vectors = [section.vector for section in item.sections]
    if not vectors or any(
        one.space != following.space or one.space == known.space or not _is_readable(one, following)
        for one in vectors
    ):
        return item
    rows = transform(np.stack([_values(one) for one in vectors]))
    own: list[IndexedSection] = [
        replace(section, vector=Vector(row, known.space), regions=None)
        for section, row in zip(item.sections, rows, strict=True)
    ]
    return IndexedItem(item.item, own, FollowingVectors(item.sections))


def _is_readable(vector: Vector, following: NextVectors) -> bool:
    """Whether it can be read as a row; what is wrong with another is said by who checks it."""
    if vector.dtype is DType.BINARY or np.shape(vector.values) != (following.made.width,):
        return False
    values = _values(vector)
    return bool(np.isfinite(values).all() and values.any())


def _values(vector: Vector) -> Array:
    scale = vector.scale if vector.dtype is DType.INT8 else 1.0
    return np.asarray(vector.values, np.float32) * np.float32(scale)
