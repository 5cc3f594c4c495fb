"""Results of what could be read of a request, told of its place in the request."""

from __future__ import annotations

from typing import TypeVar

from tieback.core.errors import InvalidInput
from tieback.core.field_path import at

T = TypeVar("T")


def placed(result: T, of: str, own: int, place: int) -> T:
    """The result for an element of the list `of`; its error is told of its `place` there.

    `own` is the element's place among those that could be read, by which the service knew it.
    """
    return result.moved(at(of, own), at(of, place)) if isinstance(result, InvalidInput) else result
