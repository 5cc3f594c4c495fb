"""Plans of queries: as a collection has them, and as one was answered."""

from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity, QueryOptions, RetrievalPlan

QUERY_OPTIONS = [
    QueryOptions(),
    QueryOptions(False, True, MethodChoice("standard_scores"), MethodChoice("none"), 50, True),
    QueryOptions(
        query_expansion=MethodChoice("rocchio", {"documents": 5}),
        diversity=0.5,
        hits_per_item=2,
        granularity=Granularity.DOCUMENT,
        ranker=MethodChoice("linear"),
        vector_search=MethodChoice("exact"),
    ),
    QueryOptions(
        query_expansion=MethodChoice("rocchio", {"documents": 5, "deep": {"a": [1.5, "b", None, True]}}),
        diversity=0.0,
        hits_per_item=0,
        min_relevance=0.25,
        highlights=3,
        every_copy=False,
    ),
]

PLAN = RetrievalPlan(
    QueryOptions(
        hybrid=True,
        balance_modalities=False,
        rank_fusion=MethodChoice("reciprocal_rank"),
        reranker=MethodChoice("late_interaction"),
        candidates=40,
        collapse_pieces=True,
        query_expansion=MethodChoice("rocchio", {"documents": 5}),
        diversity=0.5,
        hits_per_item=2,
        granularity=Granularity.DOCUMENT,
        ranker=MethodChoice("linear"),
        vector_search=MethodChoice("coarse_to_fine", {"breadth": 2}),
        stages=[MethodChoice("condition", {"name": "colour"}), MethodChoice("upside_down")],
        every_copy=False,
    ),
    0.25,
    token_vectors=True,
    expected_recall=0.75,
    expected_seconds=0.25,
    skipped_reranker=MethodChoice("late_interaction"),
)
