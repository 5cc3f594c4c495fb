"""Which operations a list shows: the filter language of the index, over the three fields of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tieback.core.errors import InvalidInput, cut
from tieback.core.types.operation import OperationRecord
from tieback.filters import And, Comparison, Filter, Not, parse
from tieback.filters.evaluation import comparisons, predicate

FIELDS: Mapping[str, Callable[[OperationRecord], str | bool | None]] = {
    "collection": lambda operation: operation.request.get("collection"),
    "done": lambda operation: operation.state.is_over,
    "kind": lambda operation: operation.kind,
}
"""By name, the value of an operation; None where its kind works on something else."""

_BOOLEANS = {"done"}
_EXAMPLE = 'kind = "reindex" AND NOT done'


def read_filter(text: str) -> Filter | None:
    """The filter's tree; None for a blank one, which every operation passes.

    InvalidInput with the field "filter" for what is no filter, for a field that operations do not have, and
    for a comparison of different types.
    """
    tree = parse(text, fields=", ".join(FIELDS), example=_EXAMPLE)
    if tree is not None:
        for comparison in comparisons(tree):
            _check(comparison)
    return tree


def passes(tree: Filter | None, operation: OperationRecord) -> bool:
    """Whether an operation passes a filter that was read."""
    if tree is None:
        return True
    if isinstance(tree, Comparison):
        return _compared(tree, FIELDS[tree.field.name](operation))
    if isinstance(tree, Not):
        return not passes(tree.operand, operation)
    decide = all if isinstance(tree, And) else any
    return decide(passes(operand, operation) for operand in tree.operands)


def _compared(comparison: Comparison, value: str | bool | None) -> bool:
    if value is None:
        return False
    if comparison.value is None:
        return True
    found = predicate(comparison)(value)
    return not found if comparison.operator == "!=" else found


def _check(comparison: Comparison) -> None:
    name = comparison.field.name
    if name not in FIELDS:
        raise InvalidInput(
            f"operations have no field {cut(name)}; their fields are {_fields()}; for example: {_EXAMPLE}",
            field="filter",
            reason="UNKNOWN_FIELD",
        )
    literals = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    kind = bool if name in _BOOLEANS else str
    if any(literal is not None and type(literal) is not kind for literal in literals):
        raise InvalidInput(
            f"a value of {name} is of another type; the fields are {_fields()}; for example: {_EXAMPLE}",
            field="filter",
            reason="DIFFERENT_TYPES",
        )


def _fields() -> str:
    return ", ".join(f"{name} ({'true or false' if name in _BOOLEANS else 'text'})" for name in FIELDS)
