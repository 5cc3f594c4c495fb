"""Answers a filter with a mask over a collection's rows.

Comparisons that have to look at every distinct value of a column do so beforehand, without the collection's
lock and in steps that end when the caller has gone: `scan`. Under the lock, `evaluate` then looks again only
at values that were written since.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.metadata import Scalar

from tieback.core.dates import day, instant, read_date
from tieback.filters.syntax import And, Comparison, Field, Filter, Literal, Not

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tieback.filters.columns import Column, Value

Check = Callable[[str], None]
"""Raises where nobody waits for the answer any more; is told what would come next."""


class Facts(Protocol):
    """Columns that a filter is answered from."""

    def column(self, field: Field) -> Column | None:
        """The field's values; None where nothing has it."""
        ...

    def mask(self, field: Field, answer: Callable[[Column, int], Array], size: int) -> Array:
        """Mask of the first `size` rows that pass, as `answer` says of the field's column and its size."""
        ...


_VALUES_PER_STEP = 1000
_CHARACTERS_PER_STEP = 1_000_000


@dataclass(frozen=True, slots=True)
class Scan:
    """What a comparison says of the values that a column had at a time, by code.

    `in_lists` is what it says of them as values of a list.
    """

    column: Column
    table: Array
    in_lists: Array
    time: int


Scans = Mapping[str, Scan]
"""By the comparison as it is written: to Python, 0 and False are equal."""


def scan(
    tree: Filter, facts: Facts, reading: Callable[[], AbstractContextManager[None]], check: Check
) -> Scans:
    """Answers the comparisons that look at every value. `reading` holds the lock, which copies need."""
    scans: dict[str, Scan] = {}
    for written, comparison in {str(one): one for one in comparisons(tree)}.items():
        with reading():
            column = facts.column(comparison.field)
            if column is None or _by_code(comparison, column):
                continue
            values, time = column.snapshot()
        table = in_lists = _answers(values, predicate(comparison), check)
        if comparison.operator == "CONTAINS":
            in_lists = _answers(values, element_predicate(comparison), check)
        scans[written] = Scan(column, table, in_lists, time)
    return scans


def evaluate(tree: Filter, facts: Facts, size: int, scans: Scans, check: Check) -> Array:
    """Which of the first `size` rows pass. A field without a column is one that no row has."""
    if isinstance(tree, Comparison):
        check("the filter")
        return facts.mask(tree.field, functools.partial(_compare, tree, scans.get(str(tree))), size)
    if isinstance(tree, Not):
        return ~evaluate(tree.operand, facts, size, scans, check)
    masks = (evaluate(operand, facts, size, scans, check) for operand in tree.operands)
    return functools.reduce(np.logical_and if isinstance(tree, And) else np.logical_or, masks)


def comparisons(tree: Filter) -> Iterator[Comparison]:
    """All comparisons of a filter, from left to right."""
    if isinstance(tree, Comparison):
        yield tree
    elif isinstance(tree, Not):
        yield from comparisons(tree.operand)
    else:
        for operand in tree.operands:
            yield from comparisons(operand)


def _by_code(comparison: Comparison, column: Column) -> bool:
    """Whether the values that pass are found without looking at the others.

    Not so of dates: a day is equal to every point in time within it.
    """
    wanted = comparison.value
    if wanted is None:
        return True
    if comparison.operator not in ("=", "!=", "IN"):
        return False
    literals = wanted if isinstance(wanted, tuple) else (wanted,)
    has_dates = any(count and issubclass(kind, date) for kind, count in column.kinds.items())
    return not (has_dates and any(isinstance(one, str) and read_date(one) for one in literals))


def _compare(comparison: Comparison, known: Scan | None, column: Column, size: int) -> Array:
    wanted = comparison.value
    if wanted is None:
        return column.present(size)
    if not _by_code(comparison, column):
        passing = _looked_up(comparison, known, column, size)
    elif isinstance(wanted, tuple):
        passing = column.any_of(wanted, size)
    else:
        passing = column.equal(wanted, size)
    return column.present(size) & ~passing if comparison.operator == "!=" else passing


def _looked_up(comparison: Comparison, known: Scan | None, column: Column, size: int) -> Array:
    current = known if known is not None and known.column is column else None
    since = -1 if current is None else current.time
    changed = column.changed_since(since)
    table = _renewed(column.codes, None if current is None else current.table, changed, predicate(comparison))
    if comparison.operator != "CONTAINS":
        return column.spread(table, table, size)
    before = None if current is None else current.in_lists
    return column.spread(table, _renewed(column.codes, before, changed, element_predicate(comparison)), size)


def _renewed(
    codes: int, before: Array | None, changed: Sequence[tuple[int, Value | None]], passes: Predicate
) -> Array:
    table = np.zeros(codes, bool)
    if before is not None:
        table[: len(before)] = before
    for code, value in changed:
        table[code] = value is not None and not isinstance(value, tuple) and passes(value)
    return table


def _answers(values: Sequence[Value | None], passes: Predicate, check: Check) -> Array:
    table = np.zeros(len(values), bool)
    characters = 0
    for code, value in enumerate(values):
        if value is not None and not isinstance(value, tuple):
            table[code] = passes(value)
            characters += len(value) if isinstance(value, str) else 0
        if not code % _VALUES_PER_STEP or characters > _CHARACTERS_PER_STEP:
            check("the filter")
            characters = 0
    return table


# Evaluates a comparison for one value.
#
# A literal is read as the value's type: the string ``2024-03-01`` is a date where the value is one, and
# text where it is text. Compared with a day, a point in time counts as its day in UTC; compared with a
# point in time, a day counts as its midnight in UTC.
Predicate = Callable[[Scalar], bool]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.eq,  # whoever asks turns it round, for a row without a value passes neither
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    ":": operator.eq,  # of other values than text
    "CONTAINS": operator.eq,
    "IN": operator.eq,
}


def predicate(comparison: Comparison) -> Predicate:
    """Whether a single value passes; of ``!=``, whether it is equal.

    ValueError for a comparison with ``*``, which looks at no value.
    """
    wanted = comparison.value
    if wanted is None:
        raise ValueError("a comparison with * looks at no value")
    if isinstance(wanted, tuple):
        return functools.partial(_any, [predicate(replace(comparison, value=one)) for one in wanted])
    part = None
    if comparison.operator in (":", "CONTAINS") and isinstance(wanted, str):
        part = wanted.casefold()
    moment = read_date(wanted) if isinstance(wanted, str) else None
    return functools.partial(_passes, _ORDER[comparison.operator], wanted, part, moment)


def element_predicate(comparison: Comparison) -> Predicate:
    """Whether a value of a list passes: of CONTAINS, whether it is equal."""
    return predicate(replace(comparison, operator="=") if comparison.operator == "CONTAINS" else comparison)


def _any(predicates: list[Predicate], value: Scalar) -> bool:
    return any(passes(value) for passes in predicates)


def _passes(
    compare: Callable[[Any, Any], bool], wanted: Literal, part: str | None, moment: date | None, value: Scalar
) -> bool:
    if isinstance(value, date):
        if moment is None:
            return False
        as_wanted = instant if isinstance(moment, datetime) else day
        return compare(as_wanted(value), moment)
    if isinstance(value, str) and part is not None:
        return part in value.casefold()
    return type(wanted) is type(value) and compare(value, wanted)
