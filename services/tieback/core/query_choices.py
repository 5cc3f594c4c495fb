"""Which choices of a query do not go together, in one table.

A plan of a collection that has two of them is refused. Of a query, what the request says wins: what its
collection chooses beside it, and what does not go together with it, is left out of that query.
"""

from __future__ import annotations

from collections.abc import Iterator

from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity, QueryOptions

NONE = "none"
"""In families of steps that may be left out, the method that does."""


WORDS_ALONE, VECTOR_ALONE, HYBRID, DOCUMENTS = "words alone", "vector alone", "hybrid", "documents"
COMPOSITION, ROUTING, NO_WORDS, CONDITION = "composition", "routing", "no words", "condition"

FIELD_OF = {
    **{name: name for name in ("rank_fusion", "reranker", "query_expansion", "diversity", "hits_per_item")},
    "ranker": "ranker",
    "balance_modalities": "balance_modalities",
    "collapse_pieces": "collapse_pieces",
    WORDS_ALONE: "vector_search",
    VECTOR_ALONE: "hybrid",
    HYBRID: "hybrid",
    DOCUMENTS: "granularity",
}
"""The field that says so."""

CLASHES = (
    *(("ranker", one) for one in ("reranker", "query_expansion", "diversity", DOCUMENTS, VECTOR_ALONE)),
    *(("ranker", one) for one in (WORDS_ALONE, COMPOSITION)),
    ("reranker", "diversity"),
    *((COMPOSITION, one) for one in ("reranker", HYBRID, WORDS_ALONE)),
    *((CONDITION, one) for one in ("reranker", "ranker", "diversity", DOCUMENTS, WORDS_ALONE, COMPOSITION)),
    *((DOCUMENTS, one) for one in ("hits_per_item", "collapse_pieces")),
    *((VECTOR_ALONE, one) for one in ("rank_fusion", WORDS_ALONE)),
    *((WORDS_ALONE, one) for one in ("rank_fusion", "balance_modalities", ROUTING, NO_WORDS)),
)
"""Pairs that do not go together."""


def said(choices: QueryOptions) -> frozenset[str]:
    """What is chosen that may clash with something."""
    every = {
        "rank_fusion": choices.rank_fusion is not None,
        "reranker": _names(choices.reranker),
        "query_expansion": _names(choices.query_expansion),
        "ranker": _names(choices.ranker),
        "diversity": bool(choices.diversity),
        "hits_per_item": bool(choices.hits_per_item),
        "balance_modalities": bool(choices.balance_modalities),
        "collapse_pieces": bool(choices.collapse_pieces),
        DOCUMENTS: choices.granularity is Granularity.DOCUMENT,
        HYBRID: choices.hybrid is True,
        VECTOR_ALONE: choices.hybrid is False,
        WORDS_ALONE: choices.vector_search is not None and choices.vector_search.name == NONE,
    }
    return frozenset(name for name, chosen in every.items() if chosen)


def clashes(one: frozenset[str], other: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What of the one does not go together with what of the other."""
    for first, second in CLASHES:
        if first in one and second in other:
            yield first, second
        if second in one and first in other:
            yield second, first


def _names(choice: MethodChoice | None) -> bool:
    return choice is not None and choice.name != NONE
