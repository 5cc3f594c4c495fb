"""Packages beside the platform that bring entries of its registries.

A registry is a folder in which a file is an entry: a method of a family, a family, a recipe, a kind of
artifact, a kind of operation, a stage. An extension is an import package that an installed distribution names
in the entry-point group `tieback.extensions`. Its folders mirror the platform's: of the package `tieback_lab`
the file `methods/pooling/median.py` is a method beside those of `tieback/methods/pooling`. An entry of the
platform is not replaced.

A process uses those that the environment variable TIEBACK_EXTENSIONS names, and none by default: what is
merely installed cannot be asked for. Processes that it starts use the same.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points

from tieback.core.errors import StartupError

GROUP = "tieback.extensions"
VARIABLE = "TIEBACK_EXTENSIONS"


@functools.cache
def installed() -> Mapping[str, str]:
    """The import packages of extensions by their names."""
    return {one.name: one.value for one in entry_points(group=GROUP)}


def use(names: Iterable[str]) -> None:
    """Use these extensions and no others. StartupError, with the choices, for one that is not installed."""
    chosen = list(names)
    for name in chosen:
        if name not in installed():
            there = ", ".join(sorted(installed())) or "none"
            raise StartupError(f"{VARIABLE}: no extension {name!r} is installed; installed: {there}")
    os.environ[VARIABLE] = ",".join(chosen)


def used() -> tuple[str, ...]:
    """Names of the extensions that this process uses, in their order."""
    return tuple(name for one in os.environ.get(VARIABLE, "").split(",") if (name := one.strip()))


def unused() -> tuple[str, ...]:
    """Names of the extensions that are installed and that this process does not use, sorted."""
    return tuple(sorted(installed().keys() - used()))


def is_in_use(module: str) -> bool:
    """Tell whether a module is of the platform, or of an extension that this process uses."""
    root = module.partition(".")[0]
    return root not in installed().values() or root in {installed().get(name) for name in used()}


def entries(registry: str) -> Mapping[str, str]:
    """Full module names of the entries of a registry, a package, by their names, sorted.

    No entry is imported. Modules whose names begin with `_` are none.
    """
    return dict(sorted({**further_entries(registry), **_modules(registry)}.items()))


def further_entries(registry: str) -> Mapping[str, str]:
    """Those that extensions bring alone."""
    found: dict[str, str] = {}
    for package in _mirrors(registry, used()):
        found = {**_modules(package), **found}
    return dict(sorted(found.items()))


def where_more(registry: str, name: str) -> str:
    """A sentence that says which extension has an entry that is not there; empty where none has."""
    for extension in unused():
        if any(name in _modules(package) for package in _mirrors(registry, [extension])):
            return how_to_use(extension)
    return ""


def how_to_use(extension: str) -> str:
    """A sentence that says how an extension is used; empty where it is, or is not installed."""
    if extension not in unused():
        return ""
    return f"it is in the extension {extension!r}: set {VARIABLE}={','.join((*used(), extension))}"


def _mirrors(registry: str, extensions: Iterable[str]) -> Iterator[str]:
    """The packages of extensions that mirror a registry of another one."""
    root, _, inside = registry.partition(".")
    for name in extensions:
        package = installed().get(name, root)
        if package != root and _is_there(mirror := f"{package}.{inside}"):
            yield mirror


def _modules(package: str) -> dict[str, str]:
    path = importlib.import_module(package).__path__
    names = (module.name for module in pkgutil.iter_modules(path))
    return {name: f"{package}.{name}" for name in names if not name.startswith("_")}


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError as error:
        if package.startswith(f"{error.name}."):  # a folder above it is not there
            return False
        raise
