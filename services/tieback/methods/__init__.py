"""The methods of the field, one folder per family, one file per method. They only know arrays."""

from __future__ import annotations

import importlib
from typing import Any

from tieback.core.extensions import entries
from tieback.core.family import Family


def families() -> dict[str, Family[Any]]:
    """Every family by its name: one for each folder here or of an extension. Methods are not imported by it.

    TypeError where a folder holds no family of its name.
    """
    found: dict[str, Family[Any]] = {}
    for module in entries(__name__).values():
        package = importlib.import_module(module)
        family = next((one for one in vars(package).values() if _is_of(package.__name__, one)), None)
        if family is None:
            raise TypeError(f"{package.__name__} holds no family")
        found[family.name] = family
    return dict(sorted(found.items()))


def _is_of(package: str, value: object) -> bool:
    return isinstance(value, Family) and value.package == package
