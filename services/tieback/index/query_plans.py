"""The plan of a collection's queries, checked before it is kept.

Which models rerank and which ranking was learned changes with the server: a reranker has to be there when
the plan is chosen, and both are checked again when a query is answered.
"""

from __future__ import annotations

from collections.abc import Collection

from tieback_contract.field_path import at
from tieback_contract.query import QueryOptions

from tieback.core.errors import InvalidInput
from tieback.core.query_choices import FIELD_OF, clashes, said
from tieback.index.query import MOST_HITS
from tieback.methods.learned_ranking import learned_rankings
from tieback.methods.query_expansion import query_expansions
from tieback.methods.rank_fusion import rank_fusions
from tieback.methods.reranking import check_reranker
from tieback.methods.vector_search import vector_searches

PLAN = at("plan")


def check_plan(plan: QueryOptions, rerankers: Collection[str] = ()) -> None:
    """InvalidInput or NotFound, with the field, where no query could be answered so.

    `rerankers` are the models that may be named in place of a method of reranking.
    """
    for family, field, choice in (
        (rank_fusions, "rank_fusion", plan.rank_fusion),
        (query_expansions, "query_expansion", plan.query_expansion),
        (learned_rankings, "ranker", plan.ranker),
        (vector_searches, "vector_search", plan.vector_search),
    ):
        if choice is not None:
            family.configure(choice.name, choice.parameters, field=PLAN[field])
    if plan.reranker is not None:
        check_reranker(plan.reranker, rerankers, PLAN["reranker"])
    if not 0 <= (plan.diversity or 0) <= 1:
        raise InvalidInput(f"the diversity is {plan.diversity}; it is 0 to 1", field=PLAN["diversity"])
    for field, number in (("candidates", plan.candidates), ("hits_per_item", plan.hits_per_item)):
        if not 0 <= (number or 0) <= MOST_HITS:
            raise InvalidInput(f"{field} is 1 to {MOST_HITS}, or 0 for the default", field=PLAN[field])
    _check_together(plan)


def _check_together(plan: QueryOptions) -> None:
    """InvalidInput where two of the choices do not go together."""
    chosen = said(plan)
    for one, other in clashes(chosen, chosen):
        raise InvalidInput(
            f"{one} does not go together with {other}: leave one of them out of the plan",
            field=PLAN[FIELD_OF[one]],
        )
