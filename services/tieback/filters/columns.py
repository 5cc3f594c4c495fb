"""The values that filters read: one dictionary-encoded column per field.

A comparison is answered once per distinct value and spread over the rows by a table look-up, so a filter over
a hundred thousand rows costs a few passes over an int32 array. A column of which few rows hold a value is a
dictionary by row instead: what a column takes is in proportion to the values that it holds.

A list has a code of its own, and its values have codes as any others. Which lists hold a value that passes is
a look-up over the values of all different lists (`Lists`).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.metadata import MetadataValue, Scalar

from tieback.core.room import grown

Value = Scalar | tuple[Scalar, ...]

_ABSENT = 0
_SPARSE_BELOW = 1 / 16
"""The share of rows with a value from which an array (4 bytes a row) is smaller than a dictionary (about 100
bytes a value)."""
_SPARSE_AGAIN_BELOW = 1 / 64
_FEW = 64  # values that are not worth an array
_NO_CODES = np.zeros(0, np.int32)


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


class Column:
    """A value, a list of values or nothing for each position. What none holds any more is forgotten."""

    __slots__ = (
        "_assigned",
        "_clock",
        "_code_of",
        "_codes",
        "_counts",
        "_free",
        "_kinds",
        "_lists",
        "_span",
        "_sparse",
        "_values",
        "count",
    )

    def __init__(self) -> None:
        self.count = 0
        """Positions that hold a value."""
        self._sparse: dict[int, int] | None = {}  # by position; None where `_codes` has them
        self._codes = _NO_CODES
        self._span = 0  # one above the highest position that ever held a value
        self._values: list[Value | None] = [None]
        self._counts = [0]  # by code: the positions and lists that hold it
        self._code_of: dict[object, int] = {}
        self._kinds: Counter[type] = Counter()
        self._lists = Lists()
        self._free: list[int] = []
        self._clock = 0  # of assignments of values to codes
        self._assigned = array("q", [0])  # by code: when

    def clear(self, position: int) -> None:
        """Takes a position's value away, if it has one."""
        if self._sparse is not None:
            code = self._sparse.pop(position, _ABSENT)
        elif (code := int(self._codes[position]) if position < len(self._codes) else _ABSENT) != _ABSENT:
            self._codes[position] = _ABSENT
        if code != _ABSENT:
            self._release(code)
            self.count -= 1
            self._fit()

    def put(self, positions: Array, values: Sequence[MetadataValue], places: Array) -> None:
        """Sets positions `[n]` that hold nothing: the value of each is `values` at one of `places` `[n]`."""
        codes = np.array([self._encode(kept) if (kept := _kept(one)) != () else _ABSENT for one in values])
        taken = np.bincount(places, minlength=len(values)).tolist()
        for code, number in zip(codes.tolist(), taken, strict=True):
            self._counts[code] += number
        self._counts[_ABSENT] = 0
        mine = codes.astype(np.int32)[places]
        there = mine != _ABSENT
        positions, mine = positions[there], mine[there]
        self.count += len(mine)
        self._span = max(self._span, int(positions.max(initial=-1)) + 1)
        if self._sparse is not None:
            self._sparse.update(zip(positions.tolist(), mine.tolist(), strict=True))
        else:
            self._codes = grown(self._codes, self._span, _ABSENT)
            self._codes[positions] = mine
        self._fit()

    def present(self, size: int) -> Array:
        """Which of the first `size` positions hold a value."""
        return self._where(lambda codes: codes != _ABSENT, size)

    def equal(self, value: Scalar, size: int) -> Array:
        """Which of the first `size` positions hold exactly this value, or a list with it."""
        code = self._code_of.get(_key(value), -1)
        if not self._lists:
            return self._where(lambda codes: codes == code, size)
        table = np.zeros(self.codes, bool)
        table[max(code, _ABSENT)] = code > _ABSENT
        return self.spread(table, table, size)

    def any_of(self, values: Iterable[Scalar], size: int) -> Array:
        """Which of the first `size` positions hold exactly one of these values, or a list with one."""
        table = np.zeros(self.codes, bool)
        table[[code for value in values if (code := self._code_of.get(_key(value)))]] = True
        return self.spread(table, table, size)

    def spread(self, table: Array, in_lists: Array, size: int) -> Array:
        """Which of the first `size` positions hold a value for which `table`, by code, is true.

        A list passes where one of its values does in the table `in_lists`.
        """
        passing = self._lists.passing(table, in_lists)
        return self._where(lambda codes: passing[codes], size)

    def snapshot(self) -> tuple[Sequence[Value | None], int]:
        """The values by code, and a time for `changed_since`."""
        return self._values.copy(), self._clock

    def changed_since(self, time: int) -> list[tuple[int, Value | None]]:
        """The codes that were given a value since, with the value that each has now; later codes too."""
        codes = np.flatnonzero(np.frombuffer(self._assigned, np.int64) > time)
        return [(code, self._values[code]) for code in codes.tolist()]

    @property
    def kinds(self) -> Mapping[type, int]:
        """How many different values there are of each type, those of lists included."""
        return self._kinds

    @property
    def codes(self) -> int:
        """One above the highest code."""
        return len(self._values)

    def _where(self, test: Callable[[Array], Array], size: int) -> Array:
        mask = np.zeros(size, bool)
        if self._sparse is None:
            known = self._codes[:size]
            mask[: len(known)] = test(known)  # later positions have never held a value
        elif self._sparse:
            count = len(self._sparse)
            positions = np.fromiter(self._sparse.keys(), np.int64, count)
            passing = positions[test(np.fromiter(self._sparse.values(), np.int32, count))]
            mask[passing[passing < size]] = True
        return mask

    def _fit(self) -> None:
        """Changes the form where the other is smaller."""
        if self._sparse is not None:
            if self.count > _FEW and self.count > _SPARSE_BELOW * self._span:
                self._codes = np.zeros(max(self._span, 256), np.int32)
                self._codes[np.fromiter(self._sparse.keys(), np.int64, self.count)] = np.fromiter(
                    self._sparse.values(), np.int32, self.count
                )
                self._sparse = None
        elif self.count < _SPARSE_AGAIN_BELOW * self._span:
            positions = np.flatnonzero(self._codes)
            self._sparse = dict(zip(positions.tolist(), self._codes[positions].tolist(), strict=True))
            self._codes = _NO_CODES

    def _encode(self, value: Value) -> int:
        key = _key(value)
        code = self._code_of.get(key)
        if code is not None:
            return code
        members = None
        if isinstance(value, tuple):
            members = [self._encode(one) for one in {_key(one): one for one in value}.values()]
        self._clock += 1
        code = self._free.pop() if self._free else len(self._values)
        if code == len(self._values):
            self._values.append(value)
            self._counts.append(0)
            self._assigned.append(self._clock)
        self._values[code] = value
        self._assigned[code] = self._clock
        self._code_of[key] = code
        if members is None:
            self._kinds[type(value)] += 1
        else:
            for member in members:
                self._counts[member] += 1
            self._lists.add(code, members)
        return code

    def _release(self, code: int) -> None:
        self._counts[code] -= 1
        if self._counts[code]:
            return
        value = self._values[code]
        self._values[code] = None
        self._free.append(code)
        if value is None:
            raise LookupError(f"nothing has the code {code}")
        del self._code_of[_key(value)]
        if isinstance(value, tuple):
            for member in self._lists.remove(code):
                self._release(member)
        else:
            self._kinds[type(value)] -= 1


def _kept(value: MetadataValue) -> Value:
    return value if isinstance(value, str | int | float | date) else tuple(value)


def _key(value: Value) -> object:
    """Tells True, 1 and 1.0 apart, which are equal in Python and not here; a text stands for itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return (tuple, *map(_key, value))
    return (type(value), value)
