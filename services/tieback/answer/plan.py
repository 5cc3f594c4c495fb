"""The defaults of Retrieve and Answer, in one place.

Clients leave out what their callers do not choose, so the SDK, the command line and other clients have these
defaults without a list of their own. docs/search.md has the measurements behind them.
"""

from __future__ import annotations

import dataclasses
import math

from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice, is_chosen
from tieback_contract.query import Granularity, QueryOptions, RetrievalPlan

from tieback.answer.query_words import words_of
from tieback.answer.relevance import RELEVANCE_FLOOR
from tieback.core.errors import InvalidInput, NotFound, Unsupported
from tieback.core.types.fusion import Routing
from tieback.core.types.retrieval import RetrieveRequest
from tieback.methods import reranking
from tieback.ports import DEFAULT_RANK_FUSION, NO_EXPANSION
from tieback.query_stages.checks import check, check_values, filled
from tieback.query_stages.stage import OPTIONS, RETRIEVE, Asked, Models

NO_RERANKING = MethodChoice(reranking.NO_RERANKING)
"""Keeps the search's order."""

PICTURE_RERANKING = MethodChoice("best_pairs")
"""Of a query of a picture alone, in the space of one encoder with regions, if nothing else is asked for."""

NO_RANKER = MethodChoice("none")
"""Keeps the search's order, without a learned ranking."""
WORDS_ALONE = MethodChoice("none")
"""Of the methods of vector search: the query's words are searched for, and no vector."""

NEAREST = MethodChoice("nearest")
"""Searches by the vector as the collection does by itself."""

DEFAULT_LIMIT, MOST_HITS = 10, 100
FEWEST_CANDIDATES = 20
CANDIDATES_PER_HIT = 4
FEWEST_PER_ITEM = 3
RANKED_CANDIDATES = 100
"""Candidates of a learned ranking: so many it was trained with."""

# Words are searched for where a query has some. Where it has none, its own kind comes first (`own_kind.py`).
DEFAULT_PLAN = RetrievalPlan(
    QueryOptions(
        hybrid=True,
        balance_modalities=False,
        rank_fusion=DEFAULT_RANK_FUSION,
        reranker=NO_RERANKING,
        collapse_pieces=True,
        query_expansion=NO_EXPANSION,
        diversity=0.0,
        hits_per_item=0,
        granularity=Granularity.SECTION,
        ranker=NO_RANKER,
        vector_search=NEAREST,
        min_relevance=0.0,
        highlights=0,
        every_copy=False,
    ),
    relevance_floor=RELEVANCE_FLOOR,
    fill_up=True,
)

ANSWER_PLAN = dataclasses.replace(DEFAULT_PLAN.but(collapse_pieces=False), fill_up=False)
"""An answer rests on the text of a few hits, and the own text of a collapsed hit is not all that was found of
it (docs/decisions/0035). So it may rest on one item."""


def with_plan(request: RetrieveRequest, chosen: QueryOptions) -> RetrieveRequest:
    """The query with what its collection chooses where it says nothing, as far as that fits what it says."""
    return dataclasses.replace(request, options=filled(_asked(request), chosen))


def checked_plan(
    request: RetrieveRequest, limits: Limits, defaults: RetrievalPlan, models: Models
) -> RetrievalPlan:
    """The plan of a query, after checking what needs no work to be found wrong."""
    _check_query(request, limits)
    if not 0 <= request.limit <= MOST_HITS:
        raise InvalidInput(f"limit is 1 to {MOST_HITS}, or 0 for {DEFAULT_LIMIT}", field="limit")
    check(_asked(request), RETRIEVE, models)
    return plan_of(request, defaults)


def check_known(collection: str, chosen: QueryOptions, models: Models) -> None:
    """Unsupported where the plan of a collection names what this server does not have."""
    for option, value in chosen.chosen().items():
        try:
            check_values(QueryOptions(**{option: value}), OPTIONS, models)
        except (InvalidInput, NotFound, Unsupported) as error:
            name = value.name if isinstance(value, MethodChoice) else value
            raise Unsupported(
                f"the plan of the collection {collection!r} has the {option} {name!r}, which this server "
                f"does not have: {error.message}. Say another {option} with the query, or change the plan: "
                f"tieback collections set {collection}"
            ) from None


def _asked(request: RetrieveRequest) -> Asked:
    """The demands of a query, as the list of stages reads them."""
    has = {"query words": bool(words_of(request.query)), "routing": request.routing != Routing()}
    return Asked(request.options, has)


def _check_query(request: RetrieveRequest, limits: Limits) -> None:
    query = request.query
    if not query:
        raise InvalidInput("there is nothing to look for: give at least one content", field="query")
    if limits.query_parts and len(query) > limits.query_parts:
        raise InvalidInput(
            f"the query has {len(query)} contents, and this server takes {limits.query_parts} at most",
            field="query",
        )
    for place, part in enumerate(query):
        if not math.isfinite(part.weight):
            raise InvalidInput(
                f"a weight is a finite number, not {part.weight}", field=at("query", place, "weight")
            )
    if not any(part.weight > 0 for part in query):
        raise InvalidInput(
            "nothing is looked for: give at least one content a positive weight; a negative one takes away",
            field="query",
        )


def plan_of(retrieval: RetrieveRequest, defaults: RetrievalPlan = DEFAULT_PLAN) -> RetrievalPlan:
    """The plan of a query: its own choices, and the defaults for the rest."""
    limit = retrieval.limit or DEFAULT_LIMIT
    said = retrieval.options
    every = said.over(defaults.options)
    hybrid = bool(every.hybrid)
    reranks = is_chosen(every.reranker)
    documents = every.granularity is Granularity.DOCUMENT
    candidates = said.candidates
    if not candidates:
        # Without reranking the candidates are the hits. Of documents several sections each are compared.
        candidates = reranked_candidates(limit) if reranks and not documents else limit
        if is_chosen(every.ranker):
            candidates = RANKED_CANDIDATES
    is_ordered = reranks or is_chosen(every.ranker) or bool(every.diversity) or documents
    fill_up = said.hits_per_item is None and defaults.fill_up and not is_ordered
    options = dataclasses.replace(
        every,
        hybrid=hybrid,
        rank_fusion=every.rank_fusion if hybrid and is_chosen(every.vector_search) else None,
        candidates=max(candidates, limit),
        collapse_pieces=every.collapse_pieces and (said.collapse_pieces is not None or not documents),
        hits_per_item=most_per_item(limit) if fill_up else every.hits_per_item,
    )
    return dataclasses.replace(defaults, options=options, fill_up=fill_up)


def most_per_item(limit: int) -> int:
    """Number of hits of one item among so many, as long as others are near: half (docs/search.md)."""
    return max(-(-limit // 2), FEWEST_PER_ITEM)


def reranked_candidates(limit: int) -> int:
    """How many candidates a reranker gets for so many hits, 0 for the default."""
    return max(CANDIDATES_PER_HIT * (limit or DEFAULT_LIMIT), FEWEST_CANDIDATES)
