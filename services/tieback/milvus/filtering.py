"""A filter of tieback as an expression of Milvus over the field `facts` (`milvus/filtering.py`).

Every test of a value asks first whether the key has values of that type: what Milvus makes of a missing key
under NOT is not the same everywhere. A key without a value passes no comparison, and passes its negation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from tieback_contract.metadata import MetadataValue, Scalar
from tieback_contract.modality import Modality

from tieback.collections.metadata import scalars
from tieback.core.dates import read_date
from tieback.core.types.content import Item
from tieback.filters import And, Comparison, Filter, Not
from tieback.filters.syntax import BUILT_IN, Field, Literal
from tieback.milvus import sortable

FIELD = "facts"
_LEAST = {"<": "0", "<=": "0", ">": "1", ">=": "1"}  # which end of the values is compared


def expression(tree: Filter) -> str:
    """What passes the filter, in parentheses."""
    if isinstance(tree, Comparison):
        return _comparison(tree)
    if isinstance(tree, Not):
        return f"(not {expression(tree.operand)})"
    joint = " and " if isinstance(tree, And) else " or "
    return f"({joint.join(map(expression, tree.operands))})"


def together(*parts: str) -> str:
    """What passes all of these expressions; empty ones are left out."""
    return " and ".join(part for part in parts if part)


def _comparison(comparison: Comparison) -> str:
    path = f'{FIELD}["{key_of(comparison.field)}"]'
    value, operator = comparison.value, comparison.operator
    if value is None:
        return f"(exists {path})"
    if operator == "!=":
        return f"(exists {path} and not {_any(path, '=', value)})"
    return _any(path, operator, value)


def _any(path: str, operator: str, value: Literal | tuple[Literal, ...]) -> str:
    literals = value if isinstance(value, tuple) else (value,)
    tests = [test for one in literals for test in _tests(path, operator, one)]
    return f"({' or '.join(tests)})"


def _tests(path: str, operator: str, literal: Literal) -> list[str]:
    """Of which one has to pass."""
    codes = _codes(literal)
    if operator in _LEAST:
        return [_compared(path, kind, operator, code) for kind, code in codes]
    tests = [_contains(path, kind, code) for kind, code in codes]
    if isinstance(literal, str) and operator in (":", "CONTAINS"):
        part = sortable.of_text(literal.casefold())
        held = f'exists {path}["{FOLDED}"] and {path}["{FOLDED}"] like "%{part}%"'
        # Of a list CONTAINS asks for a whole value.
        alone = f' and not exists {path}["{LIST}"]' if operator == "CONTAINS" else ""
        tests.append(f"({held}{alone})")
    return tests


def _codes(literal: Literal) -> list[tuple[str, str]]:
    """The literal as each of the types that it may be meant as."""
    if isinstance(literal, bool):
        return [(BOOLEANS, "1" if literal else "0")]
    if not isinstance(literal, str):
        return [(NUMBERS, sortable.of_number(literal))]
    codes = [(STRINGS, sortable.of_text(literal))]
    moment = read_date(literal)
    if isinstance(moment, datetime):
        codes.append((INSTANTS, sortable.of_instant(moment)))
    elif moment is not None:
        codes.append((DAYS, sortable.of_day(moment)))
    return codes


def _contains(path: str, kind: str, code: str) -> str:
    return f'(exists {path}["{kind}"] and json_contains({path}["{kind}"], "{code}"))'


def _compared(path: str, kind: str, operator: str, code: str) -> str:
    end = f'{path}["{kind}{_LEAST[operator]}"]'
    return f'(exists {end} and {end} {operator} "{code}")'


# What filters read of a section, as the field `facts` of its row: for each key, its values by type.
#
#     {KEY: {"s": [...], "s0": …, "s1": …, "c": "|…|…|", "n": [...], …, "l": true}}
#
# `s` are strings, `n` numbers, `b` booleans, `t` points in time and `d` their days, each as sortable text
# (`sortable.py`), and with 0 and 1 after the letter the least and the greatest. A list passes a comparison
# where one of its values does, and one value is less than another if the least one is. `c` holds the
# strings with their case folded, for parts of texts. `l` says that the value is a list.
STRINGS, NUMBERS, BOOLEANS, INSTANTS, DAYS = "s", "n", "b", "t", "d"
FOLDED, LIST = "c", "l"


def key_of(field: Field) -> str:
    """The key of a field in `facts`."""
    return ("m" if field.metadata else "f") + sortable.of_text(field.name)


def facts_of(item: Item, ordinal: int, modality: Modality) -> dict[str, dict[str, Any]]:
    """The facts of a section of an item whose metadata was checked."""
    section = item.sections[ordinal]
    own = (item.id, section.id, section.title, modality.value, item.title)
    facts = {
        key_of(Field(name)): _values((value,), is_list=False)
        for name, value in zip(BUILT_IN, own, strict=True)
    }
    for name, values, is_list in _metadata(item):
        facts[key_of(Field(name, metadata=True))] = _values(values, is_list=is_list)
    return facts


def types_of(item: Item) -> Iterator[tuple[str, type]]:
    """Each key of the metadata with each type of its values, once."""
    for name, values, _ in _metadata(item):
        for kind in dict.fromkeys(map(type, values)):
            yield name, kind


def _metadata(item: Item) -> Iterator[tuple[str, tuple[Scalar, ...], bool]]:
    for name, value in item.metadata.items():
        values = tuple(scalars(value))
        if values:
            yield name, values, _is_list(value)


def _is_list(value: MetadataValue) -> bool:
    return isinstance(value, tuple | list)


def _values(values: tuple[Scalar, ...], *, is_list: bool) -> dict[str, Any]:
    by_type: dict[str, set[str]] = {}
    folded: list[str] = []
    for value in values:
        for kind, code in _coded(value):
            by_type.setdefault(kind, set()).add(code)
        if isinstance(value, str):
            folded.append(sortable.of_text(value.casefold()))
    found: dict[str, Any] = {}
    for kind, codes in by_type.items():
        found |= {kind: sorted(codes), f"{kind}0": min(codes), f"{kind}1": max(codes)}
    if folded:
        found[FOLDED] = f"|{'|'.join(folded)}|"
    if is_list:
        found[LIST] = True
    return found


def _coded(value: Scalar) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield STRINGS, sortable.of_text(value)
    elif isinstance(value, bool):
        yield BOOLEANS, "1" if value else "0"
    elif isinstance(value, date):
        yield INSTANTS, sortable.of_instant(value)
        yield DAYS, sortable.of_day(value)
    else:
        yield NUMBERS, sortable.of_number(value)
