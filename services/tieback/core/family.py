"""Families of methods: a folder is a family, a file is a method.

A family's `__init__.py` holds one Protocol, whose `__call__` names the data arguments, and one `Family`. A
method is a function of its file's name, decorated with the family's `method`: positional arguments are the
data, keyword-only arguments are the parameters, each with the paper's default. Adding a method adds a file
and touches nothing else. Names come from file names, so listing methods imports none of them.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from tieback.core.errors import InvalidInput, NotFound
from tieback.core.field_path import ROOT, FieldPath, at

P = TypeVar("P", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class MethodDescription:
    """A method as `CatalogService.ListMethods` and docs/methods.md show it."""

    family: str
    name: str
    summary: str
    schema: Mapping[str, Any]


class Family(Generic[P]):
    """The methods of one folder, all callable as the protocol `P` says.

    `package` is the family's `__name__`; `protocol` is the class whose `__call__` every method must match in
    its positional arguments. `beside` names the functions that a method's file must hold besides, above the
    method and with some of its parameters, or all: for instance what it costs. Messages call a method
    `called`; without it, for instance, "pooling method".
    """

    def __init__(
        self, package: str, protocol: type[Any], *, beside: Sequence[str] = (), called: str = ""
    ) -> None:
        # type[P] takes no Protocol: mypy #4717
        self.package = package
        self._beside = tuple(beside)
        self.name = package.rpartition(".")[2]
        self._called = called or f"{self.name} method"
        self._data = _positional(protocol.__call__)[1:]
        self._methods: dict[str, P] = {}

    def names(self) -> list[str]:
        """The methods' names, sorted, without importing them."""
        path = importlib.import_module(self.package).__path__
        return sorted(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_"))

    def method(self, function: P) -> P:
        """Registers a method under its function's name.

        TypeError where its data arguments differ, or its file lacks a function that the family asks for.
        """
        if _positional(function) != self._data:
            raise TypeError(
                f"{self.package}.{function.__name__} takes {_positional(function)}; "
                f"methods of this family take {self._data}"
            )
        for name in self._beside:
            found = vars(sys.modules[function.__module__]).get(name)
            if found is None or not set(_parameter_names(found)) <= set(_parameter_names(function)):
                raise TypeError(
                    f"{self.package}.{function.__name__} needs a function {name} above it, "
                    f"whose parameters are among {_parameter_names(function)}"
                )
        self._methods[function.__name__] = function
        return function

    def get(self, name: str) -> P:
        """The method of that name. NotFound, with the choices, where there is none."""
        if name not in self._methods:
            if name not in self.names():
                raise NotFound(self._called, name, self.names())
            importlib.import_module(f"{self.package}.{name}")
        return self._methods[name]

    def configure(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, field: FieldPath | str = ROOT
    ) -> P:
        """The method with its parameters bound, after checking them.

        InvalidInput names the parameter, under `field`, that is unknown or of the wrong type or range.
        """
        method = self.get(name)
        try:
            checked = _parameters(method)(**(parameters or {}))
        except ValidationError as error:
            first = error.errors()[0]
            parameter = _place(first["loc"])
            message = f"{self._called} {name!r}: parameter '{parameter}': {first['msg'].lower()}"
            if first["type"] == "extra_forbidden":
                known = ", ".join(_parameters(method).model_fields) or "none"
                message = (
                    f"{self._called} {name!r} has no parameter '{parameter}'; its parameters are: {known}"
                )
            asked = at(field) if isinstance(field, str) else field
            raise InvalidInput(message, field=parameter.under(asked["parameters"])) from None
        return cast(
            P, functools.partial(method, **{key: getattr(checked, key) for key in type(checked).model_fields})
        )

    def beside(self, configured: P, name: str) -> Callable[..., Any]:
        """The function `name` in the file of a method that `configure` gave, with the same parameters."""
        partial = cast("functools.partial[Any]", configured)
        function = getattr(sys.modules[partial.func.__module__], name)
        own = {parameter: partial.keywords[parameter] for parameter in _parameter_names(function)}
        return functools.partial(function, **own)

    def describe(self, name: str) -> MethodDescription:
        """What the method is and what parameters it has."""
        method = self.get(name)
        module = inspect.getmodule(method)
        text = inspect.getdoc(module) or ""
        return MethodDescription(
            self.name, name, text.split("\n\n")[0].replace("\n", " "), _parameters(method).model_json_schema()
        )


def _place(of_error: Sequence[str | int]) -> FieldPath:
    """Where in the parameters pydantic found an error: within one, names are keys of a mapping."""
    name, *inside = of_error
    path = at(name)
    for step in inside:
        path = path.key(step) if isinstance(step, str) else path[step]
    return path


def _positional(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return sorted(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


@functools.cache
def _parameters(method: Callable[..., Any]) -> type[BaseModel]:
    hints = typing.get_type_hints(method, include_extras=True)
    fields: dict[str, Any] = {
        p.name: (hints[p.name], p.default)
        for p in inspect.signature(method).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return create_model(method.__name__, __config__=ConfigDict(extra="forbid", strict=False), **fields)
