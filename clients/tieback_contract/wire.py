"""The place of a field in its message, where that is not the field of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
