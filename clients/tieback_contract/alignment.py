"""Alignment of a query and a candidate: the parts that answer each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_contract.arrays import Array
from tieback_contract.locators import Locator


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """Two matching parts of the query and the candidate."""

    query: Locator
    """The part of the query."""
    candidate: Locator
    """The part of the candidate."""
    similarity: float
    """Their cosine similarity."""
    weight: float
    """Weight of the pair in the score."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Alignment of a query and a candidate, which explains its score."""

    pairs: Sequence[AlignedPair]
    """The strongest pairs, best first."""
    plan: Array | None = None
    """For optimal transport: the whole plan, `[query rows, candidate rows]`, summing to 1."""


@dataclass(frozen=True, slots=True)
class Reranked:
    """A candidate with its new place."""

    id: str
    """The candidate's id."""
    score: float
    """What the results are ordered by, higher is better."""
    rerank_score: float
    """The reranking method's own score."""
    first_rank: int
    """Its place in the first ranking, from 0."""
    alignment: Alignment | None = None
    """Why, where asked for."""
