"""A method of one of the server's families, as a request names it and a reply says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeGuard

NONE = "none"
"""In families of steps that may be left out, the method that does."""


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method by name with its parameters."""

    name: str
    """The method's name in its family."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Its parameters by name; those that are left out have the method's defaults."""

    @classmethod
    def of(cls, like: MethodLike) -> MethodChoice:
        """The choice that a caller named."""
        if isinstance(like, MethodChoice):
            return like
        return cls(like) if isinstance(like, str) else cls(like[0], dict(like[1]))

    @property
    def is_none(self) -> bool:
        """Tell whether it leaves the step out."""
        return self.name == NONE


MethodLike: TypeAlias = str | tuple[str, Mapping[str, Any]] | MethodChoice
"""A method by name, or by name and parameters: ``("context_aware", {"alpha": 0.5})``."""


def choice_of(like: MethodLike | None) -> MethodChoice | None:
    """The choice that a caller named; None where none is."""
    return None if like is None else MethodChoice.of(like)


def is_chosen(choice: MethodChoice | None) -> TypeGuard[MethodChoice]:
    """Tell whether a step that may be left out takes place."""
    return choice is not None and not choice.is_none
