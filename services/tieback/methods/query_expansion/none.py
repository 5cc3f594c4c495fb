"""No expansion: the query stays as it is, and the first search is the only one."""

from __future__ import annotations

from tieback_contract.arrays import Array

from tieback.methods.query_expansion import query_expansions


@query_expansions.method
def none(query: Array, relevant: Array) -> Array:  # noqa: ARG001 - no document is relevant
    """The query."""
    return query


def words(query: Array, relevant: Array) -> Array:  # noqa: ARG001 - no document is relevant
    """The query."""
    return query


def feedback(scores: Array) -> int:  # noqa: ARG001 - whatever was found
    """No document."""
    return 0
