"""Methods as messages: a name, and parameters as a JSON object, whose whole numbers are int here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieback_contract.method_choice import MethodChoice, MethodLike


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
