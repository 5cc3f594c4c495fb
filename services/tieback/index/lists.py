"""Which codes are lists, and the codes of their values, in arrays that a filter looks up at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

_NOBODY = 0
_FIRST = 64
_NOTHING = np.zeros(0, np.int32)


class Lists:
    """Lists by their codes. A removed list leaves a gap; gaps are closed when they are half of the arrays."""

    __slots__ = ("_members", "_owners", "_places", "_size", "_used")

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, int]] = {}  # by list: where its members begin and end
        self._members = _NOTHING
        self._owners = _NOTHING  # by member: the list, or nobody
        self._size = 0  # members of lists that are there
        self._used = 0  # places that have ever been taken

    def __bool__(self) -> bool:
        return bool(self._places)

    def add(self, code: int, members: Sequence[int]) -> None:
        """A list, with the codes of its values."""
        end = self._used + len(members)
        if end > len(self._members):
            self._rebuild(max(2 * (self._size + len(members)), _FIRST))
            end = self._used + len(members)
        self._members[self._used : end] = members
        self._owners[self._used : end] = code
        self._places[code] = (self._used, end)
        self._used = end
        self._size += len(members)

    def remove(self, code: int) -> list[int]:
        """Forgets a list and returns the codes of its values."""
        begin, end = self._places.pop(code)
        members: list[int] = self._members[begin:end].tolist()
        self._owners[begin:end] = _NOBODY
        self._size -= len(members)
        if self._used > _FIRST and self._used > 2 * self._size:
            self._rebuild(max(2 * self._size, _FIRST))
        return members

    def passing(self, table: Array, in_lists: Array) -> Array:
        """`table` by code, with the lists one of whose values passes in `in_lists`."""
        if not self._places:
            return table
        passing = table.copy()
        owners, members = self._owners[: self._used], self._members[: self._used]
        passing[owners] = False
        passing[owners[in_lists[members]]] = True
        passing[_NOBODY] = False
        return passing

    def _rebuild(self, room: int) -> None:
        kept = np.flatnonzero(self._owners[: self._used])
        members, owners = np.zeros(room, np.int32), np.zeros(room, np.int32)
        members[: len(kept)], owners[: len(kept)] = self._members[kept], self._owners[kept]
        self._members, self._owners, self._used = members, owners, len(kept)
        places: dict[int, tuple[int, int]] = {}
        begin = 0
        for code, (first, last) in self._places.items():
            places[code] = (begin, begin + last - first)
            begin += last - first
        self._places = places
