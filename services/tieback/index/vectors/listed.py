"""Vectors by a codec, of which a search compares those in the lists that are nearest to the query.

Few are compared all. From some number on they are sorted into lists (`index/vectors/position_lists.py`),
beside searches and writes, and again once there are twice as many. What was learned is kept in the folder of
the collection's table, with the list of each row by the row's content: so a start sorts nothing again but
what was written since, and no version or position has to agree. A vector that is in a wrong list would be
found less often; what is found is compared by its row whatever its list.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array

from tieback.artifacts import Artifact, Kind
from tieback.core.errors import StorageFull
from tieback.core.state import Schema
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors import Structure
from tieback.index.vectors.coded import CodedVectors
from tieback.index.vectors.ivf_store import FLAT_UP_TO
from tieback.index.vectors.learned_state import LISTS, LearnedState, fingerprints
from tieback.index.vectors.position_lists import Centres, PositionLists, trained
from tieback.methods.codecs import Codec, Shortlist
from tieback.methods.vector_search import EVERY

VECTOR_LISTS = Kind("vector-lists", "lists of vectors", 1, "the vectors are sorted into lists again")

_SCHEMA: Schema = {"directions": ("lists", "width"), "rows": ("vectors",), "lists": ("vectors",)}
_GROWTH_BEFORE_RETRAINING = 2.0
_FEW_MOVED = 256  # vectors that are put into lists while searches wait: some ten milliseconds

_log = logging.getLogger(__name__)


class ListedVectors(CodedVectors):
    """`StoredVectors` of any number."""

    def __init__(
        self, width: int, codec: Codec, shortlist: Shortlist, folder: Path, flat_up_to: int = FLAT_UP_TO
    ) -> None:
        super().__init__(width, codec, shortlist, folder)
        self._flat_up_to = flat_up_to
        self._lists: PositionLists | None = None
        self._moved: set[int] | None = None  # positions written while lists are being made
        self._kept = LearnedState(folder, _SCHEMA, kind=VECTOR_LISTS, within=LISTS)
        self._known = np.zeros(0, np.int64), np.zeros(0, np.int32)  # rows that had a list, and these
        if (found := self._kept.load(width)) is not None:
            self._take_over(found)

    @property
    def structure(self) -> Structure:
        """See `Vectors`."""
        return "none" if self._lists is None else "lists"

    @property
    def resident_bytes(self) -> int:
        """See `Vectors`."""
        known = sum(one.nbytes for one in self._known)
        return super().resident_bytes + known + (0 if self._lists is None else self._lists.bytes)

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        super().put(positions, vectors)
        if self._lists is not None:
            self._lists.put(positions, self._list_of(self._lists.centres, vectors))
        if self._moved is not None:
            self._moved.update(positions.tolist())

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""
        if self._lists is not None:
            self._lists.remove(positions)
        if self._moved is not None:
            self._moved.update(positions.tolist())

    def wants_training(self, count: int) -> bool:
        """See `StoredVectors`."""
        if self._moved is not None:
            return False
        if self._lists is None:
            return count > self._flat_up_to
        return count > _GROWTH_BEFORE_RETRAINING * self._lists.centres.trained_on

    def train(self, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """See `StoredVectors`. Takes minutes for a million; searches wait for milliseconds."""
        with lock.writing():
            positions = np.flatnonzero(living())
            if not self.wants_training(len(positions)):
                return
            self._moved = set()
        try:
            centres, list_of = trained(len(positions), lambda numbers: self.take(positions[numbers]))
            made = PositionLists(centres)
            made.put(positions, list_of)
            self._swap_in(made, lock, living)
        finally:
            with lock.writing():
                self._moved = None
        self._keep(centres, positions, list_of)

    def _swap_in(self, made: PositionLists, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """Puts what was written meanwhile into the new lists, until little is left, and searches by them."""
        while True:
            with lock.writing():
                moved = np.array(sorted(self._moved or ()), np.int64)
                alive = moved[living()[moved]] if len(moved) else moved
                vectors = self.take(alive)
                self._moved = set()
                if is_last := len(moved) <= _FEW_MOVED:
                    made.remove(moved)
                    made.put(alive, made.centres.nearest(vectors))
                    self._lists = made
            if is_last:
                return
            made.remove(moved)
            made.put(alive, made.centres.nearest(vectors))

    def _looked_at(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> Array:
        """Positions that are compared by their rows in memory."""
        found = None
        if self._lists is not None and breadth != EVERY:
            found = self._lists.candidates(query, limit, allowed, breadth)
        return super()._looked_at(query, limit, allowed, breadth) if found is None else found

    def _list_of(self, centres: Centres, vectors: Array) -> Array:
        """The list of each vector: that which its row had before, or the nearest."""
        rows, lists = self._known
        if not len(rows):
            return centres.nearest(vectors)
        named = fingerprints(self._rescoring.encode(vectors))
        places = np.minimum(np.searchsorted(rows, named), len(rows) - 1)
        is_known = rows[places] == named
        found = lists[places]
        found[~is_known] = centres.nearest(vectors[~is_known])
        return found

    def _take_over(self, found: Artifact) -> None:
        """What was kept becomes what searches use."""
        arrays, facts = found.arrays, found.facts
        directions = np.ascontiguousarray(arrays["directions"], np.float32)
        centres = Centres(directions, *(int(facts[name]) for name in ("few", "many", "trained_on")))
        self._lists = PositionLists(centres)
        self._known = arrays["rows"], arrays["lists"].astype(np.int32)

    def _keep(self, centres: Centres, positions: Array, list_of: Array) -> None:
        """What cannot be kept is made again at the next start."""
        parts = (positions[begin : begin + 8192] for begin in range(0, len(positions), 8192))
        named = np.concatenate([fingerprints(self._file.take(part)) for part in parts])
        order = np.argsort(named)
        arrays = {"directions": centres.directions, "rows": named[order], "lists": list_of[order]}
        facts = {"few": centres.few, "many": centres.many, "trained_on": centres.trained_on}
        try:
            self._kept.save(arrays, facts)
        except (OSError, StorageFull) as error:
            if not self._kept.is_gone:
                _log.warning(
                    "lists of vectors were not kept, and are made again at the next start: %s", error
                )
