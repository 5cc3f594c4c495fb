"""Plans of queries as a collection has them."""

from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.query_plan import QueryPlan
from tieback.core.types.search import Granularity

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
