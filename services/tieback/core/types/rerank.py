"""Candidates in a new order, and the alignment that explains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tieback_contract.hits import Reranked
from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import MultiVector

from tieback.core.errors import TiebackError
from tieback.core.types.content import Content

RerankSource = Content | MultiVector
"""A content that the reranker encodes, or vectors that were computed before."""


@dataclass(frozen=True, slots=True)
class RerankCandidate:
    """Candidate that is compared with the query, with its score in the first ranking.

    In place of a source that could not be read stands why.
    """

    id: str
    source: RerankSource | TiebackError
    score: float = 0.0


DEFAULT_RERANKING = MethodChoice("late_interaction")


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """Candidates to compare with a query, and how.

    `rank_fusion` merges the new order with the first one; None for the new one alone. `space` is that of the
    vectors to compare by, empty for the default. 0 is any `limit`.
    """

    query: RerankSource
    candidates: Sequence[RerankCandidate]
    method: MethodChoice = DEFAULT_RERANKING
    rank_fusion: MethodChoice | None = None
    space: str = ""
    limit: int = 0
    explain: bool = False


@dataclass(frozen=True, slots=True)
class FailedCandidate:
    """A candidate that could not be compared, and why."""

    id: str
    first_rank: int
    error: TiebackError


@dataclass(frozen=True, slots=True)
class RerankReply:
    """The candidates that were compared, best first; `failures` are the others, in the request's order."""

    results: Sequence[Reranked]
    timing: Timing
    cost: Cost
    failures: Sequence[FailedCandidate] = ()

    def raise_for_errors(self) -> Self:
        """Raises the first candidate's error, if one failed: some protocols have no place for it."""
        for one in self.failures:
            raise one.error
        return self
