"""A request's choice of a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method by name with its parameters."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
