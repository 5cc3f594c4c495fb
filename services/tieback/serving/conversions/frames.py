"""What conversions have in common: enums by number, fields that may be absent, messages made by filling."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from tieback_contract.field_path import ROOT, FieldPath
from tieback_contract.shapes import members as members_of

from tieback.core.errors import InvalidInput

V = TypeVar("V")
N = TypeVar("N", bound=int)
E = TypeVar("E", bound=enum.Enum)


class Numbers(Generic[N, E]):
    """The numbers of an enum of the contract, read as the members of ours that have the same names.

    `unspecified` is what zero is read as. Where that is refused, `refusal` is the message; `what` names the
    enum in the message of other numbers.
    """

    def __init__(
        self,
        numbers: type[N],
        members: type[E],
        what: str,
        *,
        unspecified: E | None = None,
        refusal: str = "",
    ) -> None:
        wrapper: Any = numbers  # the stubs show a class of numbers
        self._what, self._refusal = what, refusal
        self.members: dict[int, Any] = dict(members_of(members, wrapper.DESCRIPTOR))
        self._numbers: dict[E, Any] = {member: number for number, member in self.members.items()}
        if unspecified is not None:
            self.members[0] = unspecified

    def read(self, number: int, field: FieldPath) -> E:
        """The member of a number. InvalidInput for one from a newer contract."""
        if number not in self.members:
            refusal = self._refusal or f"{number} is no {self._what} that this server knows"
            raise InvalidInput(refusal, field=field)
        member: E = self.members[number]
        return member

    def write(self, member: E) -> N:
        """The number of a member."""
        number: N = self._numbers[member]
        return number


def finite(number: float, field: FieldPath) -> float:
    """A number that is one."""
    if not math.isfinite(number):
        raise InvalidInput(f"{number} is no finite number", field=field, reason="NOT_FINITE")
    return number


def optional(
    message: Message, name: str, read: Callable[[Any, FieldPath], V], field: FieldPath = ROOT
) -> V | None:
    """A field of the message at `field`, by `read`; None where it is absent."""
    return read(getattr(message, name), field[name]) if message.HasField(name) else None


def each(messages: Iterable[Any], read: Callable[[Any, FieldPath], V], field: FieldPath) -> list[V]:
    """All messages of a repeated field, by `read`."""
    return [read(message, field[place]) for place, message in enumerate(messages)]
