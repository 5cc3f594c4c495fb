"""Parts that the functions of a codec are made with, and that they use while they run."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterable
from dataclasses import MISSING
from typing import Any, NamedTuple

from tieback_contract.field_path import FieldPath, at
from tieback_contract.shapes import FieldShape, part_name

Read = Callable[..., Any]
Fill = Callable[[Any, Any], None]
Check = Callable[[Any], None]
Unknown = Callable[[type[enum.Enum], int], Any]


_STRING = 9  # of google.protobuf.descriptor.FieldDescriptor.TYPE_*


class Converter(NamedTuple):
    """Functions for what is not one to one."""

    read: Read
    """Makes the value of a message; of a repeated field, of all its messages."""
    fill: Fill | None
    """Writes a value into an empty message, or into an empty repeated field."""


class WritingChecks(NamedTuple):
    """Checks of what a codec writes, which says where in the value something was refused."""

    refused: type[Exception]
    """Errors by which texts and converters refuse, with a method `within` that puts a path before theirs."""
    text: Callable[[str], str]
    """Gives back a text that may be sent."""


class Outcomes(NamedTuple):
    """Results of a batch: a message with a choice of a result, and of the status of an error."""

    error: type[Exception]
    """Errors that stand in place of a result; the converter of google.rpc.Status reads and writes them."""
    alone: Callable[[], Any]
    """Context in which a result is written; its `error` is what went wrong, else None."""


def is_text(one: FieldShape) -> bool:
    """True of a field that has texts."""
    return not one.is_message and one.descriptor.type == _STRING


def is_needed(one: FieldShape) -> bool:
    """True of an enum that nothing stands in for."""
    return one.is_enum and one.form == "one" and one.default is MISSING and one.unknown is None


def choices(kinds: Iterable[type], descriptor: Any) -> dict[type, tuple[str, Any]]:
    """The field and the message of each type among a message's choices."""
    (group,) = descriptor.oneofs
    named = {one.message_type.name: (one.name, one.message_type) for one in group.fields}
    return {kind: named[kind.__name__] for kind in kinds}


def parts(found: list[FieldShape]) -> list[str]:
    """The lines that name the parts of a message which fields are in."""
    parts = dict.fromkeys(one.part for one in found if one.part)
    return [f"{part_name(part)} = m.{part}" for part in parts]


class LenientNumbers(dict[int, Any]):
    """The members of an enum by number; others are the default."""

    def __init__(self, default: Any, known: dict[int, Any]) -> None:
        super().__init__(known)
        self._default = default

    def __missing__(self, number: int) -> Any:
        return self._default


class StrictNumbers(dict[int, Any]):
    """The members of an enum by number; `unknown` decides about others."""

    def __init__(self, kind: type[enum.Enum], unknown: Unknown, known: dict[int, Any]) -> None:
        super().__init__(known)
        self._kind, self._unknown = kind, unknown

    def __missing__(self, number: int) -> Any:
        return self._unknown(self._kind, number)


def each_alone(alone: Callable[[], Any], read: Read, messages: Iterable[Any]) -> list[Any]:
    """Values that `read` makes of messages; the error of one that cannot be read stands in its place."""
    found: list[Any] = []
    for message in messages:
        with alone() as item:
            found.append(read(message))
        if item.error is not None:
            found.append(item.error)
    return found


def located(error: Any, message: Any, step: tuple[str, str, str], functions: dict[str, Any]) -> Exception:
    """The error with the path from the message: of a list or a map the element is read again that was
    refused.
    """
    place, form, element = step
    path = at(*place.split("."))
    if form != "one" and element:
        values = functools.reduce(getattr, place.split("."), message)
        for key, value in values.items() if form == "map" else enumerate(values):
            try:
                functions[element](value)
            except type(error):
                path = path.key(str(key)) if form == "map" else path[key]
                break
    told: Exception = error.within(FieldPath(path.steps))
    return told


def misplaced(error: Any, message: Any, step: tuple[str, str, bool], key: Any) -> Exception:
    """The error with the path from the value whose writing it refused: a list has what was written before."""
    place, form, is_message = step
    path = at(*place.split("."))
    if form == "map":
        path = path.key(str(key))
    elif form == "list":
        written = functools.reduce(getattr, place.split("."), message)
        path = path[len(written) - 1 if is_message else key]
    told: Exception = error.within(FieldPath(path.steps))
    return told
