"""Answers a filter with a mask over a collection's rows.

Comparisons that have to look at every distinct value of a column do so beforehand, without the collection's
lock and in steps that end when the caller has gone: `scan`. Under the lock, `evaluate` then looks again only
at values that were written since.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tieback.core.types import Array
from tieback.index.filters.syntax import And, Comparison, Filter, Not

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tieback.index.columns import Column, Value
    from tieback.index.facts import Facts

Check = Callable[[str], None]
"""Raises where nobody waits for the answer any more; is told what would come next."""

_VALUES_PER_STEP = 1000
_CHARACTERS_PER_STEP = 1_000_000
_ORDER: dict[str, Callable[[float | str, float | str], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Scan:
    """What a comparison says of the values that a column had at a time."""

    column: Column
    table: Array
    time: int


Scans = Mapping[Comparison, Scan]


def scan(
    tree: Filter, facts: Facts, reading: Callable[[], AbstractContextManager[None]], check: Check
) -> Scans:
    """Answers the comparisons that look at every value. `reading` holds the lock, which copies need."""
    scans: dict[Comparison, Scan] = {}
    for comparison in dict.fromkeys(_scanning(tree)):
        with reading():
            column = facts.column(comparison.field)
            values, time = column.snapshot() if column is not None else ([], 0)
        if column is not None:
            scans[comparison] = Scan(column, _answers(values, _predicate(comparison), check), time)
    return scans


def evaluate(tree: Filter, facts: Facts, size: int, scans: Scans, check: Check) -> Array:
    """Which of the first `size` rows pass. A field without a column is one that no row has."""
    if isinstance(tree, Comparison):
        check("the filter")
        return facts.mask(tree.field, functools.partial(_compare, tree, scans.get(tree)), size)
    if isinstance(tree, Not):
        return ~evaluate(tree.operand, facts, size, scans, check)
    masks = (evaluate(operand, facts, size, scans, check) for operand in tree.operands)
    return functools.reduce(np.logical_and if isinstance(tree, And) else np.logical_or, masks)


def _compare(comparison: Comparison, known: Scan | None, column: Column, size: int) -> Array:
    wanted = comparison.value
    if wanted is None:
        return column.present(size)
    if comparison.operator == "=":
        return column.equal(wanted, size)
    if comparison.operator == "!=":
        return column.present(size) & ~column.equal(wanted, size)
    table = np.zeros(column.codes, bool)
    since = -1
    if known is not None and known.column is column:
        table[: len(known.table)] = known.table
        since = known.time
    predicate = _predicate(comparison)
    for code, value in column.changed_since(since):
        table[code] = value is not None and predicate(value)
    return column.spread(table, size)


def _answers(values: Sequence[Value | None], predicate: Callable[[Value], bool], check: Check) -> Array:
    table = np.zeros(len(values), bool)
    characters = 0
    for code, value in enumerate(values):
        if value is not None:
            table[code] = predicate(value)
            characters += len(value) if isinstance(value, str) else 0
        if not code % _VALUES_PER_STEP or characters > _CHARACTERS_PER_STEP:
            check("the filter")
            characters = 0
    return table


def _scanning(tree: Filter) -> Iterator[Comparison]:
    if isinstance(tree, Comparison):
        if tree.value is not None and tree.operator not in ("=", "!="):
            yield tree
    elif isinstance(tree, Not):
        yield from _scanning(tree.operand)
    else:
        for operand in tree.operands:
            yield from _scanning(operand)


def _predicate(comparison: Comparison) -> Callable[[Value], bool]:
    wanted = comparison.value
    if wanted is None:
        raise ValueError("a comparison with * looks at no value")
    if comparison.operator == ":":
        text = wanted.casefold() if isinstance(wanted, str) else None
        return functools.partial(_has, wanted, text)
    return functools.partial(_ordered, _ORDER[comparison.operator], wanted)


def _has(wanted: Value, folded: str | None, value: Value) -> bool:
    if folded is not None:
        return isinstance(value, str) and folded in value.casefold()
    return type(wanted) is type(value) and wanted == value


def _ordered(compare: Callable[[float | str, float | str], bool], wanted: Value, value: Value) -> bool:
    return type(wanted) is type(value) and compare(value, wanted)
