"""The options of a query in JSON: the fields of `QueryOptions` as an object, and as controls of a page."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import OPTIONS, Option, QueryOptions

from tieback.doors.http.reading import Payload


class MethodObject(Payload):
    """A method with its parameters."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


def _field(one: Option) -> tuple[Any, Any]:
    kind: Any = one.kind
    if kind is MethodChoice:
        kind = str | MethodObject
    elif kind is Mapping:
        kind = dict[str, float]
    elif issubclass(kind, enum.Enum):
        kind = Literal[tuple(member.value for member in kind)]
    least, most = one.range or (None, None)
    return kind | None, Field(None, ge=least, le=most, description=one.description)


if TYPE_CHECKING:

    class OptionsObject(Payload):
        """The options of a query."""
else:
    OptionsObject = create_model(
        "OptionsObject", __base__=Payload, **{one.name: _field(one) for one in OPTIONS}
    )


def options_of(given: OptionsObject) -> QueryOptions:
    """The options that a request chooses."""
    chosen = {name: value for name, value in given if value is not None}
    methods = {
        name: MethodChoice(value.name, value.parameters)
        for name, value in chosen.items()
        if isinstance(value, MethodObject)
    }
    return QueryOptions.of(**(chosen | methods))


def option_fields(place: str) -> dict[str, str]:
    """The names of options that are at a place of a request, by their paths in calls of the platform."""
    return {
        f"{call}options.{one.name}": f"{place}.{one.name}" for one in OPTIONS for call in ("retrieval.", "")
    }


def shown_options() -> list[dict[str, Any]]:
    """The options, for the controls of a page."""
    return [
        {
            "name": one.name,
            "kind": "choice" if issubclass(one.kind, enum.Enum) else one.kind.__name__,
            "description": one.description,
            "range": one.range,
            "family": one.family,
            "values": [member.value for member in one.kind] if issubclass(one.kind, enum.Enum) else [],
        }
        for one in OPTIONS
    ]
