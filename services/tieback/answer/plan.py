"""The defaults of Retrieve and Answer, in one place.

Clients leave out what their callers do not choose, so the SDK, the command line and other clients have these
defaults without a list of their own. docs/retrieval.md has the measurements behind them.
"""

from __future__ import annotations

import dataclasses

from tieback_contract.method_choice import MethodChoice, is_chosen
from tieback_contract.query import Granularity, QueryOptions, RetrievalPlan

from tieback.answer.query_words import words_of
from tieback.answer.relevance import RELEVANCE_FLOOR
from tieback.core.query_choices import COMPOSITION, CONDITION, FIELD_OF, NO_WORDS, ROUTING, clashes, said
from tieback.core.types.fusion import Routing
from tieback.core.types.retrieval import RetrieveRequest
from tieback.methods import reranking
from tieback.ports import DEFAULT_RANK_FUSION, NO_EXPANSION

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
FEWEST_CANDIDATES, MOST_CANDIDATES = 20, 1000
CANDIDATES_PER_HIT = 4
CONDITION_CANDIDATES = 200
"""Under a condition: what agrees in it may be far down the order of the search."""
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
        composition="",
        condition="",
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


def filled(retrieval: RetrieveRequest, chosen: QueryOptions) -> RetrieveRequest:
    """A query with what its collection chooses where it says nothing, as far as that fits what it says."""
    options = retrieval.options
    asked = said(options) | {
        name
        for name, is_asked in (
            (COMPOSITION, bool(options.composition)),
            (CONDITION, bool(options.condition)),
            (ROUTING, retrieval.routing != Routing()),
            (NO_WORDS, not words_of(retrieval.query)),
        )
        if is_asked
    }
    unfit = {FIELD_OF[one] for one, _ in clashes(said(chosen), asked)}
    fitting = dataclasses.replace(chosen, **dict.fromkeys(unfit))
    return dataclasses.replace(retrieval, options=options.over(fitting))


def plan_of(retrieval: RetrieveRequest, defaults: RetrievalPlan = DEFAULT_PLAN) -> RetrievalPlan:
    """The plan of a query: its own choices, and the defaults for the rest."""
    limit = retrieval.limit or DEFAULT_LIMIT
    asked = retrieval.options
    every = asked.over(defaults.options)
    hybrid = bool(every.hybrid) and not (asked.hybrid is None and asked.composition)
    reranks = is_chosen(every.reranker)
    documents = every.granularity is Granularity.DOCUMENT
    ranker = asked.ranker or (NO_RANKER if _is_ordered_otherwise(asked) else every.ranker)
    candidates = asked.candidates
    if not candidates:
        # Without reranking the candidates are the hits. Of documents several sections each are compared.
        candidates = reranked_candidates(limit) if reranks and not documents else limit
        if is_chosen(ranker):
            candidates = RANKED_CANDIDATES
        if every.condition:
            candidates = CONDITION_CANDIDATES
    is_ordered = reranks or is_chosen(ranker) or bool(every.condition or every.diversity) or documents
    fill_up = asked.hits_per_item is None and defaults.fill_up and not is_ordered
    options = dataclasses.replace(
        every,
        hybrid=hybrid,
        rank_fusion=every.rank_fusion if hybrid and is_chosen(every.vector_search) else None,
        candidates=max(candidates, limit),
        collapse_pieces=every.collapse_pieces and (asked.collapse_pieces is not None or not documents),
        hits_per_item=most_per_item(limit) if fill_up else every.hits_per_item,
        ranker=ranker,
    )
    return dataclasses.replace(defaults, options=options, fill_up=fill_up)


def most_per_item(limit: int) -> int:
    """Number of hits of one item among so many, as long as others are near: half (docs/retrieval.md)."""
    return max(-(-limit // 2), FEWEST_PER_ITEM)


def reranked_candidates(limit: int) -> int:
    """How many candidates a reranker gets for so many hits, 0 for the default."""
    return max(CANDIDATES_PER_HIT * (limit or DEFAULT_LIMIT), FEWEST_CANDIDATES)


def _is_ordered_otherwise(asked: QueryOptions) -> bool:
    """Whether the query asks for what a learned ranking does not go with."""
    return (
        is_chosen(asked.reranker)
        or is_chosen(asked.query_expansion)
        or bool(asked.diversity)
        or asked.granularity is Granularity.DOCUMENT
        or asked.hybrid is False
        or bool(asked.composition)
        or bool(asked.condition)
        or (asked.vector_search is not None and asked.vector_search.is_none)
    )
