"""The defaults of Retrieve and Answer, in one place.

Clients leave out what their callers do not choose, so the SDK, the command line and other clients have these
defaults without a list of their own. docs/retrieval.md has the measurements behind them.
"""

from __future__ import annotations

import dataclasses

from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity

from tieback.answer.query_words import words_of
from tieback.answer.relevance import RELEVANCE_FLOOR
from tieback.core.query_choices import COMPOSITION, CONDITION, FIELD_OF, NO_WORDS, ROUTING, clashes, said
from tieback.core.types.fusion import Routing
from tieback.core.types.query_plan import QueryPlan
from tieback.core.types.retrieval import NEAREST, Retrieval, RetrievalPlan
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
    hybrid=True,
    balance_modalities=False,
    rank_fusion=DEFAULT_RANK_FUSION,
    reranker=NO_RERANKING,
    candidates=0,
    relevance_floor=RELEVANCE_FLOOR,
    collapse_pieces=True,
    query_expansion=NO_EXPANSION,
    diversity=0.0,
    hits_per_item=0,
    granularity=Granularity.SECTION,
    ranker=NO_RANKER,
    vector_search=NEAREST,
    fill_up=True,
)

ANSWER_PLAN = dataclasses.replace(DEFAULT_PLAN, collapse_pieces=False, fill_up=False)
"""An answer rests on the text of a few hits, and the own text of a collapsed hit is not all that was found of
it (docs/decisions/0035). So it may rest on one item."""


def filled(retrieval: Retrieval, chosen: QueryPlan) -> Retrieval:
    """A query with what its collection chooses where it says nothing, as far as that fits what it says."""
    asked = said(retrieval) | {
        name
        for name, is_asked in (
            (COMPOSITION, bool(retrieval.composition)),
            (CONDITION, bool(retrieval.condition)),
            (ROUTING, retrieval.routing != Routing()),
            (NO_WORDS, not words_of(retrieval.query)),
        )
        if is_asked
    }
    unfit = {FIELD_OF[one] for one, _ in clashes(said(chosen), asked)}
    silent = Retrieval(retrieval.collection, retrieval.query)
    taken = {
        name: value
        for name, value in chosen.chosen().items()
        if name not in unfit and getattr(retrieval, name) == getattr(silent, name)
    }
    return dataclasses.replace(retrieval, **taken)


def plan_of(retrieval: Retrieval, defaults: RetrievalPlan = DEFAULT_PLAN) -> RetrievalPlan:
    """The plan of a query: its own choices, and the defaults for the rest."""
    limit = retrieval.limit or DEFAULT_LIMIT
    hybrid = defaults.hybrid and not retrieval.composition if retrieval.hybrid is None else retrieval.hybrid
    reranker = retrieval.reranker or defaults.reranker
    candidates = retrieval.candidates
    vector_search = retrieval.vector_search or defaults.vector_search
    words_alone = vector_search.name == WORDS_ALONE.name
    documents = (retrieval.granularity or defaults.granularity) is Granularity.DOCUMENT
    ranker = retrieval.ranker or (NO_RANKER if _is_ordered_otherwise(retrieval) else defaults.ranker)
    if not candidates:
        # Without reranking the candidates are the hits. Of documents several sections each are compared.
        reranked = reranker.name != NO_RERANKING.name and not documents
        candidates = reranked_candidates(limit) if reranked else limit
        if ranker.name != NO_RANKER.name:
            candidates = RANKED_CANDIDATES
        if retrieval.condition:
            candidates = CONDITION_CANDIDATES
    is_ordered = (
        any(one.name != NO_RERANKING.name for one in (reranker, ranker))
        or bool(retrieval.condition or retrieval.diversity)
        or documents
    )
    fill_up = retrieval.hits_per_item is None and defaults.fill_up and not is_ordered
    return RetrievalPlan(
        hybrid=hybrid,
        balance_modalities=(
            defaults.balance_modalities
            if retrieval.balance_modalities is None
            else retrieval.balance_modalities
        ),
        rank_fusion=(retrieval.rank_fusion or defaults.rank_fusion or DEFAULT_RANK_FUSION)
        if hybrid and not words_alone
        else None,
        reranker=reranker,
        candidates=max(candidates, limit),
        relevance_floor=defaults.relevance_floor,
        collapse_pieces=(
            defaults.collapse_pieces and not documents
            if retrieval.collapse_pieces is None
            else retrieval.collapse_pieces
        ),
        query_expansion=retrieval.query_expansion or defaults.query_expansion,
        diversity=defaults.diversity if retrieval.diversity is None else retrieval.diversity,
        hits_per_item=(
            (most_per_item(limit) if fill_up else 0)
            if retrieval.hits_per_item is None
            else retrieval.hits_per_item
        ),
        granularity=retrieval.granularity or defaults.granularity,
        composition=retrieval.composition,
        condition=retrieval.condition,
        ranker=ranker,
        vector_search=vector_search,
        every_copy=retrieval.every_copy,
        fill_up=fill_up,
    )


def most_per_item(limit: int) -> int:
    """Number of hits of one item among so many, as long as others are near: half (docs/retrieval.md)."""
    return max(-(-limit // 2), FEWEST_PER_ITEM)


def reranked_candidates(limit: int) -> int:
    """How many candidates a reranker gets for so many hits, 0 for the default."""
    return max(CANDIDATES_PER_HIT * (limit or DEFAULT_LIMIT), FEWEST_CANDIDATES)


def _is_ordered_otherwise(retrieval: Retrieval) -> bool:
    """Whether the query asks for what a learned ranking does not go with."""
    named = (retrieval.reranker, retrieval.query_expansion)
    return (
        any(one is not None and one.name != NO_RERANKING.name for one in named)
        or bool(retrieval.diversity)
        or retrieval.granularity is Granularity.DOCUMENT
        or retrieval.hybrid is False
        or bool(retrieval.composition)
        or bool(retrieval.condition)
        or (retrieval.vector_search is not None and retrieval.vector_search.name == WORDS_ALONE.name)
    )
