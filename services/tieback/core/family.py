"""Families of methods: a folder is a family, a file is a method.

A family's `__init__.py` holds one Protocol, whose `__call__` names the data arguments, and one `Family`. A
method is a function of its file's name, decorated with the family's `method`: positional arguments are the
data, keyword-only arguments are the parameters, each with the paper's default.

The file may hold further forms of the method, by the family's `Form`s: `fit` makes the method's state of
data, `graph` is the method in torch, for exported graphs, `summary` has what a result rests on. What else is
to be known of a method is read from its file as well: its parameters, the arrays of its state, the fewest
data that it can be fitted on. Adding a method adds a file and touches nothing else. Names come from file
names, so listing methods imports none. Extensions add methods by folders that mirror a family's
(`tieback.core.extensions`).
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from tieback_contract.field_path import ROOT, FieldPath, at

from tieback.core.errors import InvalidInput, NotFound
from tieback.core.extensions import entries, is_in_use, where_more
from tieback.core.state import Schema

P = TypeVar("P", bound=Callable[..., Any])
F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound=BaseModel)

FIT, GRAPH, SUMMARY = "fit", "graph", "summary"
"""Names of forms that mean the same in every family that takes them."""

STATE = "STATE"
"""Where the file of a method that is fitted declares the arrays of its state: a `Schema`."""


@dataclass(frozen=True, slots=True)
class Form(Generic[F]):
    """A function that a method's file holds beside the method, callable as the protocol `F`.

    The positional arguments of the protocol's `__call__` are data. Its keyword-only arguments are given by
    whoever calls; a method that has no use for one leaves it out. All other keyword-only arguments of the
    function are parameters: the method's own, or with `own_parameters` the form's. Each has a default.
    """

    name: str
    protocol: type[Any]  # type[F] takes no Protocol: mypy #4717
    required: bool = True
    own_parameters: bool = False

    @property
    def data(self) -> list[str]:
        """The data arguments."""
        return _positional(self.protocol.__call__)[1:]

    @property
    def given(self) -> frozenset[str]:
        """The arguments that callers give by name."""
        return frozenset(_keywords(self.protocol.__call__))


@dataclass(frozen=True, slots=True)
class MethodDescription:
    """A method as `CatalogService.ListMethods` and docs/methods.md show it."""

    family: str
    name: str
    summary: str
    schema: Mapping[str, Any]


class Family(Generic[P]):
    """The methods of one folder, all callable as the protocol `P`.

    `package` is the family's `__name__`; `protocol` is the class whose `__call__` every method must match in
    its positional arguments. `forms` are what a method's file may hold or has to hold besides. Methods of a
    family that is `in_graph` are torch functions themselves: they are used within exported graphs alone.
    Messages call a method `called`; without it, for instance, "pooling method".
    """

    def __init__(
        self,
        package: str,
        protocol: type[Any],
        *forms: Form[Any],
        in_graph: bool = False,
        called: str = "",
    ) -> None:
        self.package = package
        self.name = package.rpartition(".")[2]
        self.forms = forms
        self._in_graph = in_graph
        self._called = called or f"{self.name} method"
        self._data = _positional(protocol.__call__)[1:]
        self._methods: dict[str, P] = {}
        self._checked: set[str] = set()

    def names(self) -> list[str]:
        """The methods' names, sorted, without importing them."""
        return list(entries(self.package))

    def method(self, function: P) -> P:
        """Registers a method under its function's name. TypeError where its data arguments differ."""
        if _positional(function) != self._data:
            raise TypeError(
                f"{self.package}.{function.__name__} takes {_positional(function)}; "
                f"methods of this family take {self._data}"
            )
        self._methods[function.__name__] = function
        return function

    def get(self, name: str) -> P:
        """The method of that name. NotFound, with the choices, where there is none.

        TypeError where its file lacks what the family asks for, or holds it with other arguments.
        """
        if name not in self._checked or not is_in_use(self._methods[name].__module__):
            there = entries(self.package)
            if name not in there:
                raise NotFound(self._called, name, there, hint=where_more(self.package, name))
            module = importlib.import_module(there[name])
            if name not in self._methods:
                raise TypeError(f"{module.__name__} holds no function {name} that is a method of the family")
            for form in self.forms:
                self._check(form, module, name)
            self._checked.add(name)
        return self._methods[name]

    def configure(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, field: FieldPath | str = ROOT
    ) -> P:
        """The method with its parameters bound, after checking them.

        InvalidInput names the parameter, under `field`, that is unknown or of the wrong type or range.
        """
        method = self.get(name)
        bound = self._bound(name, _parameters(method, frozenset()), parameters, field)
        return cast(P, functools.partial(method, **bound))

    def form(
        self,
        form: Form[F],
        name: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        field: FieldPath | str = ROOT,
    ) -> F:
        """That form of the method, with parameters bound as `configure` does.

        NotFound, with the methods that have the form, where it has none.
        """
        method = self.get(name)
        function = getattr(self._file(name), form.name, None)
        if function is None:
            having = [one for one in self.names() if self.has(form, one)]
            raise NotFound(f"{self._called} with a form {form.name!r}", name, having)
        model = _parameters(function, form.given) if form.own_parameters else _parameters(method, frozenset())
        taken = _keywords(function)
        bound = self._bound(name, model, parameters, field)
        bound = {key: value for key, value in bound.items() if key in taken}
        unused = form.given.difference(taken)

        def call(*data: Any, **given: Any) -> Any:
            return function(*data, **bound, **{key: given[key] for key in given if key not in unused})

        return cast(F, call)

    def has(self, form: Form[Any], name: str) -> bool:
        """Whether the method has that form."""
        return hasattr(self._file(name), form.name)

    def goes_into_graphs(self, name: str) -> bool:
        """Whether an exported graph can hold the method."""
        return self._in_graph or any(form.name == GRAPH and self.has(form, name) for form in self.forms)

    @property
    def learns(self) -> bool:
        """Whether methods are fitted before they are used."""
        return any(form.name == FIT for form in self.forms)

    @property
    def explains(self) -> bool:
        """Whether methods explain what their results are based on."""
        return any(form.name == SUMMARY for form in self.forms)

    def state(self, name: str) -> Schema:
        """The arrays of the state that the method's `fit` makes and the method reads."""
        return cast("Schema", getattr(self._file(name), STATE))

    def has_state(self, name: str) -> bool:
        """Whether the method declares arrays of a state. NotFound for an unknown method."""
        return hasattr(self._file(name), STATE)

    def describe(self, name: str) -> MethodDescription:
        """What the method is and what parameters it has."""
        text = inspect.getdoc(self._file(name)) or ""
        summary = text.split("\n\n")[0].replace("\n", " ")
        return MethodDescription(self.name, name, summary, self.schema(name))

    def schema(self, name: str, form: Form[Any] | None = None) -> Mapping[str, Any]:
        """JSON schema of the method's parameters, or of a form's own."""
        if form is None or not form.own_parameters:
            return _parameters(self.get(name), frozenset()).model_json_schema()
        return _parameters(getattr(self._file(name), form.name), form.given).model_json_schema()

    def _file(self, name: str) -> ModuleType:
        return sys.modules[self.get(name).__module__]

    def _check(self, form: Form[Any], module: ModuleType, name: str) -> None:
        """TypeError where the file lacks the form, or the form takes something else."""
        function = getattr(module, form.name, None)
        if function is None:
            if form.required:
                raise TypeError(f"{module.__name__} needs a function {form.name}{tuple(form.data)}")
            return
        if _positional(function) != form.data:
            raise TypeError(f"{module.__name__}.{form.name} takes {_positional(function)}, not {form.data}")
        strange = set(_keywords(function)) - form.given - set(_keywords(self._methods[name]))
        if strange and not form.own_parameters:
            raise TypeError(f"{module.__name__}.{form.name} has parameters that {name} lacks: {strange}")
        if form.name == FIT and not hasattr(module, STATE):
            raise TypeError(f"{module.__name__} needs {STATE}, the arrays that its fit gives")

    def _bound(
        self,
        name: str,
        model: type[BaseModel],
        parameters: Mapping[str, Any] | None,
        field: FieldPath | str,
    ) -> dict[str, Any]:
        asked = at(field) if isinstance(field, str) else field
        made = checked(model, parameters or {}, f"{self._called} {name!r}", asked["parameters"])
        return {key: getattr(made, key) for key in model.model_fields}


def checked(model: type[M], parameters: Mapping[str, Any], called: str, field: FieldPath) -> M:
    """The parameters of what is `called` so. InvalidInput names the wrong one, which is under `field`."""
    try:
        return model(**parameters)
    except ValidationError as error:
        first = error.errors()[0]
        parameter = _place(first["loc"])
        message = f"{called}: parameter '{parameter}': {first['msg'].lower()}"
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields) or "none"
            message = f"{called} has no parameter '{parameter}'; its parameters are: {known}"
        raise InvalidInput(message, field=parameter.under(field)) from None


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


@functools.cache
def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


@functools.cache
def _parameters(function: Callable[..., Any], given: frozenset[str]) -> type[BaseModel]:
    hints = typing.get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        p.name: (hints[p.name], p.default)
        for p in inspect.signature(function).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name not in given
    }
    settings = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(function.__name__, __config__=settings, **fields)
