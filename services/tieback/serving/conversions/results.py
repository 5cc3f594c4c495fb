"""The results of a batch as messages: what was made of an item, or its error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tieback.core.alone import Alone
from tieback.core.errors import TiebackError
from tieback.serving import failures

R = TypeVar("R")


def add_results(message: Any, outcomes: Iterable[R | TiebackError], fill: Callable[[Any, R], object]) -> None:
    """Adds a result for each outcome to a response, in order, by `fill`; one that cannot be written is an
    error too.
    """
    for outcome in outcomes:
        result = message.results.add()
        if isinstance(outcome, TiebackError):
            result.error.CopyFrom(failures.to_status(outcome))
            continue
        with Alone() as item:
            fill(result, outcome)
        if item.error is not None:
            result.Clear()
            result.error.CopyFrom(failures.to_status(item.error))
