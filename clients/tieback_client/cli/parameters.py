"""Parameters of the command line, each declared once: as a parameter of the command's function.

    @command("items", of=collections)
    def items(client: Client, output: Output, name: str, filter: str = option("A filter.", "TEXT")):

One without a default is an argument. An option has the name of the parameter, and is of the kind that the
annotation says: a bool is a flag, a tuple may be repeated, an enum is given by a value of its members. A
`group` is one value, made of several options that a function declares likewise.
"""

from __future__ import annotations

import enum
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import click

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
TARGET = click.Path(dir_okay=False, path_type=Path)
"""A file to write."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter of the command line, but for what its name and its annotation say."""

    flags: tuple[str, ...] | None
    """Of an option, where they are not its name; None of an argument."""
    range: tuple[float | None, float | None]
    settings: Mapping[str, Any]
    """Those of click."""

    def of(self, name: str, hint: Any) -> Decorator:
        """The decorator that adds it to a command."""
        many, optional = get_origin(hint) is tuple, get_origin(hint) is UnionType
        kind = get_args(hint)[0] if many or optional else hint
        settings = {**self._typed(kind), **self.settings}
        if self.flags is None:
            own = {"nargs": -1} if many else {"required": False} if optional else {}
            return click.argument(name, **{**own, **settings})
        if many:
            settings["multiple"] = True
        elif kind is str and not optional and not settings.get("required"):
            settings.setdefault("default", "")
        return click.option(*(self.flags or [f"--{name.replace('_', '-')}"]), name, **settings)

    def _typed(self, kind: Any) -> dict[str, Any]:
        """Settings of click for a kind."""
        if kind is bool:
            return {"is_flag": True}
        if self.range != (None, None):
            of_range: Any = click.IntRange if kind is int else click.FloatRange
            return {"type": of_range(*self.range)}
        if kind is Path:
            return {"type": click.Path(path_type=Path)}
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return {"type": Members(kind)}
        return {"type": kind} if kind in (int, float) else {}


class Members(click.Choice[str]):
    """The members of an enum, by their values."""

    def __init__(self, kind: type[enum.Enum]) -> None:
        super().__init__([str(one.value) for one in kind])
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The member. Usage error, with the choices, where there is none of that value."""
        return value if isinstance(value, self._kind) else self._kind(super().convert(value, param, ctx))


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """A value that `make` makes of options, which it takes by their names."""

    make: Callable[..., Any]
    options: Mapping[str, Decorator]

    def taken(self, given: dict[str, Any]) -> Any:
        """The value; its options are taken out of all that a command is given."""
        return self.make(**{name: given.pop(name) for name in self.options})


def option(
    help: str = "",
    metavar: str | None = None,
    *,
    flags: str = "",
    least: float | None = None,
    most: float | None = None,
    **settings: Any,
) -> Any:
    """An option, with spaces between its `flags`, a number from `least` to `most`; the rest is click's."""
    if metavar is not None:
        settings["metavar"] = metavar
    return Declared(tuple(flags.split()), (least, most), {"help": help, **settings})


AS_JSON: Any = option("Print JSON, for programs.", flags="--json")
"""Of commands that ask no server."""


def argument(**settings: Any) -> Any:
    """An argument of which click is told more than its name."""
    return Declared(None, (None, None), settings)


def group(make: Callable[..., Any]) -> Any:
    """The value that a function returns, which declares its options as commands do."""
    options, gathered = declarations(make)
    return OptionGroup(gathered, options)


def declared(command: F) -> F:
    """Adds to a command the options and arguments that its function has."""
    made: F = added(*declarations(command))
    return made


def added(options: Mapping[str, Decorator], command: Any) -> Any:
    """The command with options, in that order on its help page."""
    for one in reversed(list(options.values())):
        command = one(command)
    return command


def declarations(function: F, first: int = 0) -> tuple[dict[str, Decorator], F]:
    """Options and arguments that a function declares from its parameter of that number on, by their names.

    Beside them the function as click calls it, with the values of groups made of what is given.
    """
    hints = get_type_hints(function)
    options: dict[str, Decorator] = {}
    groups: dict[str, OptionGroup] = {}
    for one in list(inspect.signature(function).parameters.values())[first:]:
        if isinstance(one.default, OptionGroup):
            groups[one.name] = one.default
            options.update(one.default.options)
        else:
            declared = one.default if isinstance(one.default, Declared) else argument()
            options[one.name] = declared.of(one.name, hints[one.name])

    @functools.wraps(function)
    def gathered(*args: Any, **given: Any) -> Any:
        made = {name: one.taken(given) for name, one in groups.items()}
        return function(*args, **given, **made)

    return options, gathered  # type: ignore[return-value]  # click gives it other parameters than it has
