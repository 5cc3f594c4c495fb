"""How queries of a collection are answered where they do not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tieback_contract.method_choice import MethodLike


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What a collection chooses for `retrieve` and `answer`, by their arguments.

    What is None or 0 is the server's default. What a query says itself wins, and what does not go together
    with that is left out of the query.
    """

    hybrid: bool | None = None
    """Whether a full-text search for the query's words is merged in."""
    balance: bool | None = None
    """Whether every modality is searched apart."""
    rank_fusion: MethodLike | None = None
    """How the hits by vector and by words are merged: a method of the family of that name."""
    reranker: MethodLike | None = None
    """A method of the family "reranking", a reranker of the server's, or "none"."""
    candidates: int = 0
    """How many hits the reranker is given."""
    collapse: bool | None = None
    """Whether the pieces of a short text are one hit, also in `answer`."""
    query_expansion: MethodLike | None = None
    """How the query is expanded by its best hits: a method of the family of that name, or "none"."""
    diversity: float = 0.0
    """How much hits that are unlike those before them are preferred, 0 to 1."""
    hits_per_item: int = 0
    """The most hits of one item."""
    granularity: Literal["section", "document"] | None = None
    """What is ranked: "section" or "document"."""
    ranker: MethodLike | None = None
    """A learned ranking: a method of the family "learned_ranking", or "none"."""
    vector_search: MethodLike | None = None
    """How far the vector is searched for: a method of the family of that name."""


NO_PLAN = QueryPlan()
"""Nothing but the server's defaults."""
