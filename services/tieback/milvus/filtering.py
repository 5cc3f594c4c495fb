"""A filter of tieback as an expression of Milvus over the field `facts` (`facts.py`).

Every test of a value asks first whether the key has values of that type: what Milvus makes of a missing key
under NOT is not the same everywhere. A key without a value passes no comparison, and passes its negation.
"""

from __future__ import annotations

from datetime import datetime

from tieback.core.dates import read_date
from tieback.index.filters import And, Comparison, Filter, Not
from tieback.index.filters.syntax import Literal
from tieback.milvus import sortable
from tieback.milvus.facts import (
    BOOLEANS,
    DAYS,
    FOLDED,
    INSTANTS,
    LIST,
    NUMBERS,
    STRINGS,
    key_of,
)

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
