"""The place of a field in its message, where that is not the field of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEY, _UNKNOWN = "wire", "unknown"
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


def place_of(metadata: Mapping[Any, Any], name: str) -> str:
    """The place in the message of the field with this metadata and name."""
    found: str = metadata.get(_KEY, name)
    return found


def unknown_of(metadata: Mapping[Any, Any], default: Any) -> Any:
    """Value for a number that has no member, of a field with this metadata and default."""
    return metadata.get(_UNKNOWN, default)
