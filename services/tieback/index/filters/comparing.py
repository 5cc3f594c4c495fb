"""Evaluates a comparison for one value.

A literal is read as the value's type: the string ``2024-03-01`` is a date where the value is one, and text
where it is text. Compared with a day, a point in time counts as its day in UTC; compared with a point in
time, a day counts as its midnight in UTC.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from tieback_contract.metadata import Scalar

from tieback.core.dates import day, instant, read_date
from tieback.index.filters.syntax import Comparison, Literal

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
