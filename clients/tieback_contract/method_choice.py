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
"""A method by name, or by name and parameters: ``("lol", {"layer": 25})``."""


def choice_of(like: MethodLike | None) -> MethodChoice | None:
    """The choice that a caller named; None where none is."""
    return None if like is None else MethodChoice.of(like)


def is_chosen(choice: MethodChoice | None) -> TypeGuard[MethodChoice]:
    """Tell whether a step that may be left out takes place."""
    return choice is not None and not choice.is_none


def read_method(message: Any) -> MethodChoice:
    """A method by name with its parameters; those that are whole become int, which JSON does not have."""
    parameters = read_parameters(message.parameters)
    return MethodChoice(message.name, {name: _whole(value) for name, value in parameters.items()})


def fill_method(message: Any, method: MethodLike) -> None:
    """Writes a method into an empty message. ValueError or TypeError where JSON has no such parameters."""
    choice = MethodChoice.of(method)
    message.SetInParent()
    message.name = choice.name
    fill_parameters(message.parameters, choice.parameters)


def read_parameters(message: Any) -> dict[str, Any]:
    """A JSON object by name, nested as it is."""
    return {name: _read_value(value) for name, value in message.fields.items()}


def fill_parameters(message: Any, parameters: Mapping[str, Any]) -> None:
    """Writes them into an empty JSON object, which stays unset where there are none."""
    if parameters:
        message.update(dict(parameters))


def _read_value(message: Any) -> Any:
    match message.WhichOneof("kind"):
        case "struct_value":
            return read_parameters(message.struct_value)
        case "list_value":
            return [_read_value(one) for one in message.list_value.values]
        case None | "null_value":
            return None
        case kind:
            return getattr(message, kind)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
