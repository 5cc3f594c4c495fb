"""Refuses a filter that names a field which nothing has, or compares values of different types.

An empty answer would not tell a misspelt field from a filter that nothing passes. A field is known while an
item has it; the fields that every section has are always known, and so is the key that names the source of an
item. A collection without items knows no others, and there a filter finds nothing, as any search does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from tieback_contract.metadata import INDEXED_FROM

from tieback.core.dates import read_date
from tieback.core.errors import InvalidInput, cut
from tieback.filters.syntax import BUILT_IN, Comparison, Field, Literal

STRINGS, NUMBERS, BOOLEANS, DATES = "strings", "numbers", "booleans", "dates"
_ALWAYS = {Field(name): (STRINGS,) for name in BUILT_IN} | {Field(INDEXED_FROM, metadata=True): (STRINGS,)}
OF_THE_INDEX_COMMAND = frozenset(
    {"bytes", "content_hash", INDEXED_FROM, "kept_words", "kind", "part", "parts", "path"}
)
"""The fields that `tieback index` adds to the users' own; they are listed last."""
_MOST_LISTED = 20
_LONGEST_COMPARED = 40  # characters: comparing names takes time by the product of their lengths
_WAYS_OUT = {
    STRINGS: "write text in quotes",
    NUMBERS: "write a number without quotes",
    BOOLEANS: "write true or false",
    DATES: "write a date as 2024-03-01 or 2024-03-01T10:30:00Z",
}

Kinds = tuple[str, ...]


def kinds(types: Mapping[type, int]) -> Kinds:
    """What a column holds, in words, from its numbers of values by type."""
    found = {_kind(one) for one, count in types.items() if count}
    return tuple(kind for kind in _WAYS_OUT if kind in found)


@dataclass(frozen=True, slots=True)
class Fault:
    """A comparison that cannot be answered as it was meant.

    `held` is what its field holds, which the `literal` is not; nothing where no item has the field.
    """

    comparison: Comparison
    held: Kinds = ()
    literal: Literal = ""


def first_fault(
    comparisons: Iterable[Comparison], held: Callable[[Field], Kinds], *, empty: bool
) -> Fault | None:
    """The first comparison with a field that is not there, or with a value of a type that it does not hold.

    `held` says what a field holds. Of an `empty` collection, only those that are always there are looked at.
    """
    for comparison in comparisons:
        kinds_held = held(comparison.field) or _ALWAYS.get(comparison.field, ())
        if not kinds_held and not empty:
            return Fault(comparison)
        wanted = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
        for literal in wanted:
            if kinds_held and literal is not None and not set(kinds_held) & set(_kinds_of(literal)):
                return Fault(comparison, kinds_held, literal)
    return None


def refusal(fault: Fault, known: Mapping[Field, Kinds]) -> InvalidInput:
    """The error with field "filter" that names what is wrong, and the fields that there are, `known`."""
    if fault.held:
        return _different(fault.comparison, fault.literal, fault.held, known)
    return _unknown(fault.comparison.field, known)


def _kind(of: type) -> str:
    if issubclass(of, date):
        return DATES
    return {str: STRINGS, float: NUMBERS, bool: BOOLEANS}[of]


def _kinds_of(literal: Literal) -> Kinds:
    if not isinstance(literal, str):
        return (_kind(type(literal)),)
    return (STRINGS, DATES) if read_date(literal) else (STRINGS,)


def _unknown(field: Field, known: Mapping[Field, Kinds]) -> InvalidInput:
    names = {str(one)[:_LONGEST_COMPARED]: one for one in [*map(Field, BUILT_IN), *known]}
    near = get_close_matches(str(field)[:_LONGEST_COMPARED], names, n=1, cutoff=0.7)
    meant = f"; did you mean {cut(str(names[near[0]]))}?" if near else "."
    first = [names[one] for one in near]
    return InvalidInput(
        f"no item of the collection has a field {cut(str(field))}{meant} {_listed(known, first)}",
        field="filter",
        reason="UNKNOWN_FIELD",
    )


def _different(
    comparison: Comparison, literal: Literal, held: Kinds, known: Mapping[Field, Kinds]
) -> InvalidInput:
    name = cut(str(comparison.field))
    shown = f'"{cut(literal)}"' if isinstance(literal, str) else _plain(literal)
    return InvalidInput(
        f"{name} holds {' and '.join(held)}, and {shown} is none of them: "
        f"{', or '.join(_WAYS_OUT[kind] for kind in held)}. {_listed(known, [comparison.field])}",
        field="filter",
        reason="DIFFERENT_TYPES",
    )


def _plain(literal: float | bool) -> str:
    return str(literal).lower() if isinstance(literal, bool) else f"{literal:.17g}"


def _listed(known: Mapping[Field, Kinds], first: list[Field]) -> str:
    """The fields with what they hold: those of `first`, the users' own, those of `tieback index`."""
    metadata = sorted((field for field in known if field.metadata), key=str)
    set_by_index = OF_THE_INDEX_COMMAND if Field(INDEXED_FROM, metadata=True) in known else frozenset()
    own = [one for one in metadata if one not in first and str(one) not in set_by_index]
    ordered = [*(field for field in first if field in known), *own]
    names = [f"{cut(str(field))} ({' and '.join(known[field])})" for field in ordered[:_MOST_LISTED]]
    more = f" and {len(ordered) - _MOST_LISTED} more" if len(ordered) > _MOST_LISTED else ""
    told = f"{', '.join(names)}{more}; " if names else ""
    others = [str(one) for one in metadata if one not in first and str(one) in set_by_index]
    told += f"`tieback index` adds {', '.join(others)}; " if others else ""
    return f"Its fields are {told}every section has {', '.join(BUILT_IN)}"
