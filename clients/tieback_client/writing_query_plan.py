"""A collection's plan of queries, as a message."""

from __future__ import annotations

from tieback.v1 import index_pb2
from tieback_contract.field_path import FieldPath

from tieback_client import writing
from tieback_client.query_plan import QueryPlan


def query_plan(plan: QueryPlan | None, field: FieldPath) -> index_pb2.QueryPlan | None:
    """The message of a plan."""
    if plan is None:
        return None
    return index_pb2.QueryPlan(
        hybrid=plan.hybrid,
        balance_modalities=plan.balance,
        rank_fusion=writing.method(plan.rank_fusion, field["rank_fusion"]),
        reranker=writing.method(plan.reranker, field["reranker"]),
        candidates=plan.candidates,
        collapse_pieces=plan.collapse,
        query_expansion=writing.method(plan.query_expansion, field["query_expansion"]),
        diversity=plan.diversity,
        hits_per_item=plan.hits_per_item,
        granularity=writing.granularity(plan.granularity),
        ranker=writing.method(plan.ranker, field["ranker"]),
        vector_search=writing.method(plan.vector_search, field["vector_search"]),
    )
