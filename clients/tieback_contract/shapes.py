"""The shape of each field of a value, by its type and by the field's descriptor in the message."""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

_KEY, _UNKNOWN, _ALONE, _BESIDE = "wire", "unknown", "alone", "beside"
ABSENT = ""
"""The place of a field that is in no message: a reader takes it as a keyword."""


def wire(name: str) -> Mapping[str, str]:
    """The metadata of a dataclass's field that is at `name` of the message; ABSENT for nowhere.

    ``place.item_id`` is the field of a part.
    """
    return {_KEY: name}


def read_as(member: Any) -> Mapping[str, Any]:
    """The metadata of an enum without a default: what other numbers are read as where none is refused."""
    return {_UNKNOWN: member}


def alone() -> Mapping[str, bool]:
    """The metadata of a list whose elements fail alone: an error is read in place of a bad one."""
    return {_ALONE: True}


def beside(name: str) -> Mapping[str, str]:
    """The metadata of a list that has an element for each of the list `name`, which fail alone, or one."""
    return {_BESIDE: name}


def is_alone(metadata: Mapping[Any, Any]) -> bool:
    """Tell whether elements of the field with this metadata fail alone."""
    return _ALONE in metadata


def beside_of(metadata: Mapping[Any, Any]) -> str:
    """The list that the field with this metadata is beside; empty for none."""
    found: str = metadata.get(_BESIDE, "")
    return found


def place_of(metadata: Mapping[Any, Any], name: str) -> str:
    """The place in the message of the field with this metadata and name."""
    found: str = metadata.get(_KEY, name)
    return found


def unknown_of(metadata: Mapping[Any, Any], default: Any) -> Any:
    """Value for a number that has no member, of a field with this metadata and default."""
    return metadata.get(_UNKNOWN, default)


_ENUM, _MESSAGE = 14, 11  # of google.protobuf.descriptor.FieldDescriptor.TYPE_*


class FieldShape(NamedTuple):
    """A field of a value in its message."""

    name: str
    """Its name in the value."""
    place: str
    """Its name in the message, behind those of parts and dots if it is there; ABSENT where it is in none."""
    descriptor: Any
    """Its descriptor in the message, of a map that of the values."""
    kind: Any
    """Its type, of a list or a map that of the elements; without None."""
    form: Literal["one", "list", "map"]
    """Number of values that it holds: one, several in order, or several by key."""
    optional: bool
    """True where None is a value: what the message does not have."""
    default: Any
    """Its default; `MISSING` where there is none."""
    unknown: Any
    """Value for a number of an enum that has no member, where it is not refused."""
    microseconds: bool
    """True where it is seconds here, and whole microseconds in the message."""
    alone: bool = False
    """True of a list whose elements fail alone."""

    @property
    def part(self) -> str:
        """The part of the message that it is in; empty for the message itself."""
        return self.place.rpartition(".")[0]

    @property
    def source(self) -> str:
        """Expression that reads it in a function whose message is `m`, and a part of it `m_part`."""
        part, _, name = self.place.rpartition(".")
        return f"{part_name(part)}.{name}" if part else f"m.{name}"

    @property
    def presence(self) -> str:
        """Expression in such a function that tells whether it is set."""
        owner, _, name = self.source.rpartition(".")
        return f'{owner}.HasField("{name}")' if self.part else f'has("{name}")'

    @property
    def is_message(self) -> bool:
        """Tell whether its values are messages."""
        return self.place != ABSENT and self.descriptor.type == _MESSAGE

    @property
    def is_enum(self) -> bool:
        """Tell whether its values are numbers of an enum."""
        return self.place != ABSENT and self.descriptor.type == _ENUM

    @property
    def has_presence(self) -> bool:
        """Tell whether the message knows unset from zero."""
        return bool(self.descriptor.has_presence)


class _Field(NamedTuple):
    """A field of a dataclass or a named tuple."""

    name: str
    place: str
    default: Any
    unknown: Any
    alone: bool = False


def part_name(part: str) -> str:
    """The variable of a part of a message in a function that reads or writes it."""
    return f"m_{part.replace('.', '_')}"


def shapes(kind: type, descriptor: Any) -> list[FieldShape]:
    """The shapes of the fields of a dataclass or named tuple. TypeError where the message lacks one."""
    hints = get_type_hints(kind)
    return [_shape(kind, descriptor, hints[one.name], one) for one in _fields(kind)]


def _fields(kind: type) -> Iterator[_Field]:
    if dataclasses.is_dataclass(kind):
        for one in dataclasses.fields(kind):
            default = None if one.default is dataclasses.MISSING else one.default
            place, unknown = place_of(one.metadata, one.name), unknown_of(one.metadata, default)
            yield _Field(one.name, place, one.default, unknown, is_alone(one.metadata))
    else:
        defaults = kind._field_defaults  # type: ignore[attr-defined]  # of a named tuple
        for name in kind._fields:  # type: ignore[attr-defined]
            yield _Field(name, name, defaults.get(name, dataclasses.MISSING), defaults.get(name))


def _shape(kind: type, descriptor: Any, hint: Any, field: _Field) -> FieldShape:
    name, place, default, unknown, alone = field
    if place == ABSENT:
        return FieldShape(name, place, None, hint, "one", False, default, unknown, False)
    inner, optional = _without_none(hint)
    part, _, last = place.rpartition(".")
    fields = descriptor.fields_by_name
    for step in part.split(".") if part else ():
        fields = fields[step].message_type.fields_by_name
    found = fields.get(last)
    in_microseconds = found is None and inner is float and f"{last}_us" in fields
    if in_microseconds:
        place = f"{place}_us"
        found = fields[f"{last}_us"]
    if found is None:
        raise TypeError(f"{kind.__name__}.{name} has no field {place} in {descriptor.full_name}")
    form: Literal["one", "list", "map"] = "one"
    if found.message_type is not None and found.message_type.GetOptions().map_entry:
        found, inner, form = found.message_type.fields_by_name["value"], get_args(inner)[1], "map"
    elif found.is_repeated:
        inner, form = get_args(inner)[0] if get_origin(inner) in (Sequence, list) else inner, "list"
    return FieldShape(name, place, found, inner, form, optional, default, unknown, in_microseconds, alone)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """A type without None and literals, and whether None was among it."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    kinds = [one for one in get_args(hint) if one is not type(None) and get_origin(one) is not Literal]
    return (kinds[0] if len(kinds) == 1 else hint), type(None) in get_args(hint)


def members(kind: type[enum.Enum], descriptor: Any) -> dict[int, enum.Enum]:
    """The members of an enum by the numbers of the contract's enum whose names are theirs; zero has none."""
    prefix = descriptor.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {one.number: kind[one.name.removeprefix(prefix)] for one in descriptor.values if one.number}
