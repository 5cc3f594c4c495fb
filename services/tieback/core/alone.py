"""One item of a batch at work: what goes wrong in it is its own error, and its neighbours go on.

    for place, text in enumerate(texts):
        with Alone(at("texts", place)) as item:
            results.append(cut(text))
        if item.error is not None:
            results.append(item.error)

An error that was foreseen is told of the item. Any other is logged with its trace, and told without a word of
it. What is no fault of an item (a full queue, a deadline, a service that is away) ends the whole call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

from tieback_contract.field_path import ROOT, FieldPath

from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, TiebackError, Unsupported

OF_AN_ITEM = (InvalidInput, NotFound, AlreadyExists, Unsupported)
"""Errors that an item can have by itself, beside an internal one."""
FAILED = "an internal error; the server's log has it under this request id"
UNPREPARED = "this input could not be prepared for the model"

T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger(__name__)


class Alone:
    """The work on one item, at `field` of the request; `failed` tells of what was not foreseen.

    `error` is what went wrong; None where nothing did. Work that asks nobody else `keeps` every error.
    """

    def __init__(self, field: FieldPath = ROOT, *, failed: str = FAILED, keeps: bool = False) -> None:
        self._field, self._failed, self._keeps = field, failed, keeps
        self.error: TiebackError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or (is_of_the_call(error) and not self._keeps):
            return False
        own = error if isinstance(error, TiebackError) else internal(error, self._failed)
        self.error = own.within(self._field)
        return True


def is_of_the_call(error: BaseException) -> bool:
    """Tell whether it is no fault of an item."""
    return isinstance(error, TiebackError) and not (
        isinstance(error, OF_AN_ITEM) or type(error) is TiebackError
    )


def internal(error: BaseException, failed: str = FAILED) -> TiebackError:
    """Error that is told in place of one that was not foreseen; the log has the error itself."""
    log.error("an item of a batch failed inside", exc_info=error)
    return TiebackError(failed)


def result_of(outcome: R | TiebackError) -> R:
    """The outcome of an item; raises it where it is an error."""
    if isinstance(outcome, TiebackError):
        raise outcome
    return outcome


def made_alone(
    make: Callable[[T], R], items: Mapping[int, T], errors: dict[int, TiebackError]
) -> dict[int, R]:
    """Results of `make` for items, by their places; `errors` gets those of the items that fail."""
    made: dict[int, R] = {}
    for place, one in items.items():
        with Alone() as item:
            made[place] = make(one)
        if item.error is not None:
            errors[place] = item.error
    return made


def each_alone(
    run: Callable[[Sequence[T]], Sequence[R | TiebackError]], items: Sequence[T]
) -> list[R | TiebackError]:
    """Results of `run` for items together; where that fails with what was not foreseen, of each by itself."""
    try:
        return list(run(items))
    except TiebackError:
        raise
    except Exception as error:  # noqa: BLE001 - the item that it is of will tell
        if len(items) <= 1:
            return [internal(error)] * len(items)
    return [one for item in items for one in each_alone(run, [item])]
