"""Vectors by a codec are sorted into lists (`index/vectors/position_lists.py`) once there are many.

This is done beside searches and writes, and again once there are twice as many. What was learned is kept in
the folder of the collection's table, with the list of each row by the row's content: so a start sorts nothing
again but what was written since, and no version or position has to agree. A vector that is in a wrong list
would be found less often; what is found is compared by its row whatever its list.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array

from tieback.artifacts import Kind
from tieback.core.state import Schema
from tieback.index.vectors import Vectors
from tieback.index.vectors.coded import CodedVectors
from tieback.index.vectors.growing import GROWTH, Work
from tieback.index.vectors.learned_state import LISTS, LearnedState, fingerprints
from tieback.index.vectors.neighbours import Efforts
from tieback.index.vectors.position_lists import Centres, KnownLists, PositionLists, trained

VECTOR_LISTS = Kind("vector-lists", "lists of vectors", 1, "the vectors are sorted into lists again")

_SCHEMA: Schema = {"directions": ("lists", "width"), "rows": ("vectors",), "lists": ("vectors",)}
_AT_ONCE = 8192  # rows that are read at a time


class SortedIntoLists:
    """A `Growth` of `CodedVectors`. It takes minutes for a million; searches wait for milliseconds."""

    def __init__(self, folder: Path) -> None:
        self._kept = LearnedState(folder, _SCHEMA, kind=VECTOR_LISTS, within=LISTS)

    def take_over(self, vectors: CodedVectors, width: int) -> None:
        """Gives vectors that are empty yet the lists that were kept, if there are some."""
        if (found := self._kept.load(width)) is not None:
            arrays, facts = found.arrays, found.facts
            directions = np.ascontiguousarray(arrays["directions"], np.float32)
            efforts = Efforts(*(int(facts[name]) for name in ("few", "many", "trained_on")))
            vectors.lists = PositionLists(Centres(directions, efforts))
            vectors.known = KnownLists(arrays["rows"], arrays["lists"].astype(np.int32))

    def is_due(self, current: Vectors, count: int, flat_up_to: int) -> bool:
        """See `Growth`."""
        if not isinstance(current, CodedVectors):
            return False
        if current.lists is None:
            return count > flat_up_to
        return count > GROWTH * current.lists.centres.efforts.measured_with

    def take(self, work: Work) -> None:
        """See `Growth`."""
        current, positions = work.store.current, work.positions
        if not isinstance(current, CodedVectors):
            raise TypeError("only coded vectors are sorted into lists")
        centres, list_of = trained(len(positions), lambda numbers: current.take(positions[numbers]))
        made = PositionLists(centres)
        made.put(positions, list_of)

        def catch_up(moved: Array, alive: Array, vectors: Array) -> None:
            made.remove(moved)
            made.put(alive, centres.nearest(vectors))

        def swap() -> None:
            current.lists, current.known = made, KnownLists()

        self._keep(current, centres, positions, list_of)
        work.swap_in(catch_up, swap)

    def _keep(self, current: CodedVectors, centres: Centres, positions: Array, list_of: Array) -> None:
        parts = (positions[begin : begin + _AT_ONCE] for begin in range(0, len(positions), _AT_ONCE))
        named = np.concatenate([fingerprints(current.rows_on_disk(part)) for part in parts])
        order = np.argsort(named)
        efforts = centres.efforts
        self._kept.save_if_possible(
            {"directions": centres.directions, "rows": named[order], "lists": list_of[order]},
            {"few": efforts.few, "many": efforts.many, "trained_on": efforts.measured_with},
            what="lists of vectors were",
        )
