"""A batch in which a message that cannot be read fails alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar, cast

from tieback_contract.field_path import FieldPath

from tieback.core.alone import Alone
from tieback.core.errors import TiebackError

T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A")


class Batch(Generic[T]):
    """The messages of a repeated field, read by `read`.

    `good` are those that can be read, and `errors` the reasons of the others, by their places.
    """

    def __init__(
        self, messages: Iterable[Any], read: Callable[[Any, FieldPath], T], field: FieldPath
    ) -> None:
        self._field = field
        self.good: list[T] = []
        self.errors: dict[int, TiebackError] = {}
        for place, message in enumerate(messages):
            with Alone() as item:
                self.good.append(read(message, field[place]))
            if item.error is not None:
                self.errors[place] = item.error

    async def answered(self, ask: Callable[[list[T]], Awaitable[A]]) -> A:
        """The reply about the good ones, whose `results` have the errors of the others too. Raises the first
        error where there is no good one.
        """
        if self.errors and not self.good:
            raise next(iter(self.errors.values()))
        reply: Any = await ask(self.good)
        if self.errors:
            reply = dataclasses.replace(reply, results=self.merged(reply.results))
        return cast("A", reply)

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
