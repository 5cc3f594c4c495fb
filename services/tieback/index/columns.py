"""The values that filters read: one dictionary-encoded column per field.

A comparison is answered once per distinct value and spread over the rows by a table look-up, so a filter over
a hundred thousand rows costs a few passes over an int32 array.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tieback.core.types import Array

Value = str | float | bool

_ABSENT = 0


class Column:
    """A value or nothing for each position. Values that no position holds any more are forgotten."""

    def __init__(self) -> None:
        self._codes = np.zeros(0, np.int32)
        self._values: list[Value | None] = [None]
        self._counts = [0]
        self._code_of: dict[tuple[type, Value], int] = {}
        self._free: list[int] = []

    def put(self, position: int, value: Value | None) -> None:
        """Sets a position's value; None for nothing."""
        if position >= len(self._codes):
            self._codes = np.concatenate((self._codes, np.zeros(max(position + 1, 256), np.int32)))
        old = int(self._codes[position])
        self._codes[position] = code = _ABSENT if value is None else self._encode(value)
        self._counts[code] += 1
        if old != _ABSENT:
            self._counts[old] -= 1
            if not self._counts[old]:
                self._forget(old)

    def present(self, size: int) -> Array:
        """Which of the first `size` positions hold a value."""
        return np.asarray(self._over(size) != _ABSENT)

    def equal(self, value: Value, size: int) -> Array:
        """Which of the first `size` positions hold exactly this value."""
        code = self._code_of.get((type(value), value), -1)
        return np.asarray(self._over(size) == code)

    def where(self, predicate: Callable[[Value], bool], size: int) -> Array:
        """Which of the first `size` positions hold a value for which the predicate is true."""
        table = np.fromiter(
            (value is not None and predicate(value) for value in self._values), bool, len(self._values)
        )
        return np.asarray(table[self._over(size)])

    def distinct(self) -> list[Value]:
        """The values that some position holds."""
        return [value for value in self._values if value is not None]

    def _over(self, size: int) -> Array:
        if size > len(self._codes):  # later positions have never held a value
            return np.concatenate((self._codes, np.zeros(size - len(self._codes), np.int32)))
        return self._codes[:size]

    def _encode(self, value: Value) -> int:
        key = (type(value), value)  # True, 1 and 1.0 are equal in Python and not here
        code = self._code_of.get(key)
        if code is None:
            code = self._free.pop() if self._free else len(self._values)
            if code == len(self._values):
                self._values.append(value)
                self._counts.append(0)
            self._values[code] = value
            self._code_of[key] = code
        return code

    def _forget(self, code: int) -> None:
        value = self._values[code]
        if value is not None:
            del self._code_of[(type(value), value)]
        self._values[code] = None
        self._free.append(code)
