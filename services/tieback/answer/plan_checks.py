"""Refuses a query that cannot be answered as it was asked, before any work is done for it."""

from __future__ import annotations

import math
from collections.abc import Collection

from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.method_choice import is_chosen
from tieback_contract.query import Granularity, QueryOptions, RetrievalPlan

from tieback.answer.learned_order import Ranker
from tieback.answer.plan import (
    DEFAULT_LIMIT,
    MOST_CANDIDATES,
    MOST_HITS,
    NEAREST,
    NO_RANKER,
    NO_RERANKING,
    WORDS_ALONE,
    plan_of,
)
from tieback.answer.query_words import words_of
from tieback.core.errors import InvalidInput, NotFound, Unsupported
from tieback.core.types.fusion import Routing
from tieback.core.types.retrieval import RetrieveRequest
from tieback.methods.learned_ranking import learned_rankings
from tieback.methods.query_expansion import query_expansions
from tieback.methods.rank_fusion import rank_fusions
from tieback.methods.reranking import check_reranker, rerankings
from tieback.methods.vector_search import vector_searches
from tieback.ports import MOST_HIGHLIGHTS, NO_EXPANSION


def checked_plan(
    retrieval: RetrieveRequest, limits: Limits, defaults: RetrievalPlan, models: Collection[str]
) -> RetrievalPlan:
    """How the query is answered, after checking what needs no work to be found wrong."""
    if not retrieval.query:
        raise InvalidInput("there is nothing to look for: give at least one content", field="query")
    if limits.query_parts and len(retrieval.query) > limits.query_parts:
        raise InvalidInput(
            f"the query has {len(retrieval.query)} contents, and this server takes {limits.query_parts} at "
            "most",
            field="query",
        )
    for place, part in enumerate(retrieval.query):
        if not math.isfinite(part.weight):
            raise InvalidInput(
                f"a weight is a finite number, not {part.weight}", field=at("query", place, "weight")
            )
    if not any(part.weight > 0 for part in retrieval.query):
        raise InvalidInput(
            "nothing is looked for: give at least one content a positive weight; a negative one takes away",
            field="query",
        )
    if not 0 <= retrieval.limit <= MOST_HITS:
        raise InvalidInput(f"limit is 1 to {MOST_HITS}, or 0 for {DEFAULT_LIMIT}", field="limit")
    if not 0 <= (retrieval.options.highlights or 0) <= MOST_HIGHLIGHTS:
        raise InvalidInput(f"highlights is 1 to {MOST_HIGHLIGHTS}, or 0 for none", field="highlights")
    if retrieval.options.highlights and not words_of(retrieval.query):
        raise InvalidInput(
            "the query has no words, and sentences are chosen by what they say of them: leave this out",
            field="highlights",
        )
    if not 0 <= (retrieval.options.candidates or 0) <= MOST_CANDIDATES:
        raise InvalidInput(f"candidates is 1 to {MOST_CANDIDATES}, or 0 for the default", field="candidates")
    if not 0 <= (retrieval.options.min_relevance or 0) <= 1:
        raise InvalidInput("min_relevance is 0 to 1", field="min_relevance")
    plan = plan_of(retrieval, defaults)
    _check_searches(retrieval, plan)
    if plan.options.rank_fusion is not None:
        rank_fusions.configure(
            plan.options.rank_fusion.name, plan.options.rank_fusion.parameters, field="rank_fusion"
        )
    expansion = plan.options.query_expansion or NO_EXPANSION
    query_expansions.configure(expansion.name, expansion.parameters, field="query_expansion")
    method = plan.options.reranker or NO_RERANKING
    if retrieval.options.composition and is_chosen(method):
        raise InvalidInput(
            "a reranker would compare the hits with the photo or the words as they are; leave it out, or the "
            "composition",
            field="reranker",
        )
    if is_chosen(method) and plan.options.diversity:
        raise InvalidInput(
            f"a reranker orders the hits again, and their diversity would be lost: leave it out, or name the "
            f"reranker {NO_RERANKING.name!r}",
            field="diversity",
        )
    check_reranker(method, models, at("reranker"))
    return plan


def check_known(name: str, chosen: QueryOptions, models: Collection[str], ranker: Ranker | None) -> None:
    """Unsupported where the plan of a collection names what this server does not have."""
    for field, family, choice, others in (
        ("rank_fusion", rank_fusions, chosen.rank_fusion, ()),
        ("query_expansion", query_expansions, chosen.query_expansion, ()),
        ("vector_search", vector_searches, chosen.vector_search, ()),
        ("reranker", rerankings, chosen.reranker, (NO_RERANKING.name, *models)),
    ):
        if choice is not None and choice.name not in others:
            try:
                family.configure(choice.name, choice.parameters)
            except (InvalidInput, NotFound) as error:
                raise _not_had(name, field, choice.name, str(error)) from None
    learned = chosen.ranker
    if learned is not None and learned.name not in (NO_RANKER.name, "" if ranker is None else ranker.method):
        there = "none" if ranker is None else repr(ranker.method)
        raise _not_had(name, "ranker", learned.name, f"its ranker is {there}")


def _not_had(collection: str, field: str, name: str, why: str) -> Unsupported:
    return Unsupported(
        f"the plan of the collection {collection!r} has the {field} {name!r}, which this server does not "
        f"have: {why}. Say another {field} with the query, or change the plan: tieback collections set "
        f"{collection}"
    )


def check_ranker(plan: RetrievalPlan, ranker: Ranker | None) -> None:
    """InvalidInput or Unsupported where a learned ranking is asked for that cannot be."""
    learned = plan.options.ranker or NO_RANKER
    name = learned.name
    learned_rankings.configure(name, learned.parameters, field="ranker")
    if name == NO_RANKER.name:
        return
    if ranker is None or ranker.method != name:
        there = "none" if ranker is None else repr(ranker.method)
        raise Unsupported(f"the ranker of this server is {there}, and not {name!r}; see TIEBACK_ARTIFACTS")
    others = {
        "reranker": is_chosen(plan.options.reranker),
        "query_expansion": is_chosen(plan.options.query_expansion),
        "diversity": bool(plan.options.diversity),
        "granularity": plan.options.granularity is Granularity.DOCUMENT,
        "hybrid": not plan.options.hybrid,
        "vector_search": not is_chosen(plan.options.vector_search),
    }
    for field, is_asked in others.items():
        if is_asked:
            raise InvalidInput(
                f"a learned ranking orders the sections that a hybrid search found, by feedback too: leave "
                f"{field} out, or name the ranker {NO_RANKER.name!r}",
                field="ranker",
            )


def _check_searches(retrieval: RetrieveRequest, plan: RetrievalPlan) -> None:
    """InvalidInput where a search is wrong, or something is asked for that the searches do not use."""
    method = plan.options.vector_search or NEAREST
    vector_searches.configure(method.name, method.parameters, field="vector_search")
    if retrieval.options.rank_fusion is not None and not plan.options.hybrid:
        raise InvalidInput("words are not searched for, so nothing is merged", field="rank_fusion")
    if method.name != WORDS_ALONE.name:
        return
    if not words_of(retrieval.query):
        raise InvalidInput("the query has no words, and words alone are searched for", field="vector_search")
    unused: dict[str, bool] = {
        "hybrid": not plan.options.hybrid,
        "rank_fusion": retrieval.options.rank_fusion is not None,
        "balance_modalities": bool(plan.options.balance_modalities),
        "routing": retrieval.routing != Routing(),
        "composition": bool(retrieval.options.composition),
    }
    for field, given in unused.items():
        if given:
            raise InvalidInput("words alone are searched for, and no vector: leave this out", field=field)
