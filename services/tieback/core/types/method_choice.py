"""A request's choice of a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.field_path import FieldPath

from tieback.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method by name with its parameters."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def refuse_parameters(self, path: FieldPath) -> None:
        """InvalidInput where there are some, for what has none: a model in place of a method."""
        for key in self.parameters:
            raise InvalidInput(
                f"{self.name!r} is a model, which has no parameter {key!r}; leave its parameters out",
                field=path["parameters"][key],
            )
