"""Plans of queries: as a collection has them, and as one was answered."""

from tieback.core.types.query_plan import QueryPlan
from tieback.core.types.retrieval import RetrievalPlan
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity

QUERY_PLANS = [
    QueryPlan(),
    QueryPlan(False, True, MethodChoice("standard_scores"), MethodChoice("none"), 50, True),
    QueryPlan(
        query_expansion=MethodChoice("rocchio", {"documents": 5}),
        diversity=0.5,
        hits_per_item=2,
        granularity=Granularity.DOCUMENT,
        ranker=MethodChoice("linear"),
        vector_search=MethodChoice("exact"),
    ),
]

PLAN = RetrievalPlan(
    True,
    False,
    MethodChoice("reciprocal_rank"),
    MethodChoice("late_interaction"),
    40,
    0.25,
    True,
    MethodChoice("rocchio", {"documents": 5}),
    0.5,
    2,
    Granularity.DOCUMENT,
    MethodChoice("linear"),
    True,
    "shades",
    MethodChoice("coarse_to_fine", {"breadth": 2}),
    0.75,
    0.25,
    MethodChoice("late_interaction"),
    "colour",
)
