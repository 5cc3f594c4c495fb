"""A batch in which an element that could not be read fails alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from tieback_contract.field_path import at

from tieback.core.errors import TiebackError

R = TypeVar("R")


class PartialBatch:
    """The elements of a field of a request, in which an error stands in place of each that could not be read.

    `good` are those that could, `places` theirs among all, and `errors` the others by their places. Lists
    `beside` the field have an element for each of its own.
    """

    def __init__(self, elements: Sequence[Any], field: str, *, beside: Sequence[str] = ()) -> None:
        self.errors = {
            place: one.within(at(field, place))
            for place, one in enumerate(elements)
            if isinstance(one, TiebackError)
        }
        self.places = [place for place in range(len(elements)) if place not in self.errors]
        self.good = [elements[place] for place in self.places]
        self._count, self._fields = len(elements), (field, *beside)

    def merged(self, results: Sequence[R | TiebackError]) -> list[R | TiebackError]:
        """The results of the good ones with the errors of the others; all errors name their own places."""
        own = {
            place: self._moved(result, number, place)
            for number, (place, result) in enumerate(zip(self.places, results, strict=True))
        }
        return [self.errors[place] if place in self.errors else own[place] for place in range(self._count)]

    def _moved(self, result: R | TiebackError, number: int, place: int) -> R | TiebackError:
        if isinstance(result, TiebackError) and number != place:
            for name in self._fields:
                result = result.moved(at(name, number), at(name, place))
        return result
