"""How queries of a collection are answered where they do not say."""

from __future__ import annotations

from tieback_contract.field_path import ROOT, FieldPath
from tieback_contract.query import Granularity, QueryOptions

from tieback.serving.conversions.frames import Numbers, finite, optional
from tieback.serving.conversions.reports import read_method, write_method
from tieback.v1 import index_pb2

_GRANULARITIES = Numbers(index_pb2.Granularity, Granularity, "granularity", unspecified=Granularity.SECTION)
read_granularity, write_granularity = _GRANULARITIES.read, _GRANULARITIES.write


def read_query_plan(message: index_pb2.QueryPlan, field: FieldPath = ROOT) -> QueryOptions:
    """What a collection chooses for its queries."""
    return QueryOptions(
        hybrid=message.hybrid if message.HasField("hybrid") else None,
        balance_modalities=message.balance_modalities if message.HasField("balance_modalities") else None,
        rank_fusion=optional(message, "rank_fusion", read_method, field),
        reranker=optional(message, "reranker", read_method, field),
        candidates=message.candidates or None,
        collapse_pieces=message.collapse_pieces if message.HasField("collapse_pieces") else None,
        query_expansion=optional(message, "query_expansion", read_method, field),
        diversity=finite(message.diversity, field["diversity"]) or None,
        hits_per_item=message.hits_per_item or None,
        granularity=read_granularity(message.granularity, field["granularity"])
        if message.granularity
        else None,
        ranker=optional(message, "ranker", read_method, field),
        vector_search=optional(message, "vector_search", read_method, field),
    )


def write_query_plan(plan: QueryOptions) -> index_pb2.QueryPlan:
    """The message of what a collection chooses."""
    return index_pb2.QueryPlan(
        hybrid=plan.hybrid,
        balance_modalities=plan.balance_modalities,
        rank_fusion=None if plan.rank_fusion is None else write_method(plan.rank_fusion),
        reranker=None if plan.reranker is None else write_method(plan.reranker),
        candidates=plan.candidates,
        collapse_pieces=plan.collapse_pieces,
        query_expansion=None if plan.query_expansion is None else write_method(plan.query_expansion),
        diversity=plan.diversity,
        hits_per_item=plan.hits_per_item,
        granularity=None if plan.granularity is None else write_granularity(plan.granularity),
        ranker=None if plan.ranker is None else write_method(plan.ranker),
        vector_search=None if plan.vector_search is None else write_method(plan.vector_search),
    )
