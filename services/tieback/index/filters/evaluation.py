"""Answers a filter with a mask over a collection's rows."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping

import numpy as np

from tieback.core.types import Array
from tieback.index.columns import Column, Value
from tieback.index.filters.syntax import And, Comparison, Field, Filter, Not

_ORDER: dict[str, Callable[[float | str, float | str], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(tree: Filter, columns: Mapping[Field, Column], size: int) -> Array:
    """Which of the first `size` rows pass. A field without a column is one that no row has."""
    if isinstance(tree, Comparison):
        column = columns.get(tree.field)
        return np.zeros(size, bool) if column is None else _compare(tree, column, size)
    if isinstance(tree, Not):
        return ~evaluate(tree.operand, columns, size)
    masks = (evaluate(operand, columns, size) for operand in tree.operands)
    return functools.reduce(np.logical_and if isinstance(tree, And) else np.logical_or, masks)


def _compare(comparison: Comparison, column: Column, size: int) -> Array:
    wanted = comparison.value
    if wanted is None:
        return column.present(size)
    if comparison.operator == "=":
        return column.equal(wanted, size)
    if comparison.operator == "!=":
        return column.present(size) & ~column.equal(wanted, size)
    if comparison.operator == ":":
        return column.where(functools.partial(_has, wanted), size)
    return column.where(functools.partial(_ordered, _ORDER[comparison.operator], wanted), size)


def _has(wanted: Value, value: Value) -> bool:
    if isinstance(wanted, str) and isinstance(value, str):
        return wanted.casefold() in value.casefold()
    return type(wanted) is type(value) and wanted == value


def _ordered(compare: Callable[[float | str, float | str], bool], wanted: Value, value: Value) -> bool:
    return type(wanted) is type(value) and compare(value, wanted)
