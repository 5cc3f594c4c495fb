"""The place of a field in its message, where that is not the field of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEY = "wire"
ABSENT = ""
"""The place of a field that is in no message: a reader takes it as a keyword."""


def wire(name: str) -> Mapping[str, str]:
    """The metadata of a dataclass's field that is at `name` of the message; ABSENT for nowhere."""
    return {_KEY: name}


def place_of(metadata: Mapping[Any, Any], name: str) -> str:
    """The place in the message of the field with this metadata and name."""
    found: str = metadata.get(_KEY, name)
    return found
