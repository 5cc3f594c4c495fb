"""A batch in which a message that cannot be read fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.field_path import FieldPath

T = TypeVar("T")
R = TypeVar("R")


class Batch(Generic[T]):
    """The messages of a repeated field, read by `read`.

    `good` are those that can be read, and `errors` the reasons of the others, by their places.
    """

    def __init__(
        self, messages: Iterable[Any], read: Callable[[Any, FieldPath], T], field: FieldPath
    ) -> None:
        self._field = field
        self.good: list[T] = []
        self.errors: dict[int, InvalidInput] = {}
        for place, message in enumerate(messages):
            try:
                self.good.append(read(message, field[place]))
            except InvalidInput as error:
                self.errors[place] = error

    def merged(self, results: Sequence[R | TiebackError]) -> list[R | TiebackError]:
        """The results of the good ones with the errors of the others; all errors name their own places."""
        merged: list[R | TiebackError] = []
        own = enumerate(results)
        for place in range(len(results) + len(self.errors)):
            if place in self.errors:
                merged.append(self.errors[place])
                continue
            number, result = next(own)
            if isinstance(result, TiebackError):
                result = result.moved(self._field[number], self._field[place])
            merged.append(result)
        return merged
