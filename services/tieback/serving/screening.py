"""Refuses a call of Encode before any work, if its space has no time for it.

In an overload most calls are refused, and their cost is taken from those that are answered. So while a space
is full, calls are decided by their space and deadline alone. If the metadata `tieback-space` names the space,
as the SDK does, the request is not even read. Otherwise the space is read from the start of the request,
which is not parsed. A wrong name gains nothing: a call that passes is checked again with the space in the
request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Overloaded
from tieback.serving.wire import fields

SPACE_KEY = "tieback-space"
METHOD = "/tieback.v1.EncoderService/Encode"


class Screen(Protocol):
    """Knows how full the spaces are."""

    def is_pressed(self, space: str) -> bool:
        """Whether requests were refused just now, so that the next ones are to be screened."""
        ...

    def refusal(self, space: str, deadline: Deadline) -> Overloaded | None:
        """Why no request with that deadline is taken now; None where it has to be looked at.

        The error may be one that was given before, and is not to be raised.
        """
        ...


_SPACE = 1  # the number of EncodeRequest.space, which every encoder of protobuf writes first
_LONGEST = 256


def named(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The space that a call's metadata names; empty where it names none."""
    for key, value in metadata:
        if key == SPACE_KEY and isinstance(value, str):
            return value
    return ""


def at_begin(request: bytes) -> str:
    """The space at the begin of an EncodeRequest; empty where something else is there."""
    try:
        number, _, value, end = next(fields(request), (0, 0, 0, 0))
        return request[value:end].decode() if number == _SPACE and end - value <= _LONGEST else ""
    except (InvalidInput, UnicodeDecodeError):
        return ""
