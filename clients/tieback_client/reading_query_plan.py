"""A collection's plan of queries, as it was answered."""

from __future__ import annotations

from typing import Any, Literal

from tieback_client.events import MethodLike
from tieback_client.query_plan import QueryPlan
from tieback_client.reading_token_vectors import method

# In the order of the contract's enum, whose zero is "not given".
_GRANULARITIES: tuple[Literal["section", "document"] | None, ...] = (None, "section", "document")


def query_plan(message: Any) -> QueryPlan:
    """What the collection chooses."""
    return QueryPlan(
        hybrid=message.hybrid if message.HasField("hybrid") else None,
        balance=message.balance_modalities if message.HasField("balance_modalities") else None,
        rank_fusion=_method(message, "rank_fusion"),
        reranker=_method(message, "reranker"),
        candidates=message.candidates,
        collapse=message.collapse_pieces if message.HasField("collapse_pieces") else None,
        query_expansion=_method(message, "query_expansion"),
        diversity=message.diversity,
        hits_per_item=message.hits_per_item,
        granularity=_GRANULARITIES[message.granularity],
        ranker=_method(message, "ranker"),
        vector_search=_method(message, "vector_search"),
    )


def _method(message: Any, field: str) -> MethodLike | None:
    if not message.HasField(field):
        return None
    name, parameters = method(getattr(message, field))
    return (name, parameters) if parameters else name
