"""The table of options of a query in docs/search.md, by the fields of `QueryOptions`."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import OPTIONS, Option


def options_table() -> str:
    """Every option with its values, and where it is taken."""
    rows = [
        f"| `{one.name}` | {_values(one)} | {'yes' if one.is_of_search else 'no'} | {one.description} |"
        for one in OPTIONS
    ]
    return "\n".join(["| option | value | of `Search` | what it does |", "|---|---|---|---|", *rows])


def _values(one: Option) -> str:
    if one.kind is bool:
        return "true, false"
    if one.kind is MethodChoice:
        return "method"
    if one.kind is Sequence:
        return "methods"
    if one.kind is Mapping:
        return "numbers by name"
    if issubclass(one.kind, enum.Enum):
        return ", ".join(f"`{member.value}`" for member in one.kind)
    return "name" if one.range is None else f"{one.range[0]:g} to {one.range[1]:g}"
