"""What `rerank` returns, and which parts of a candidate answer which parts of a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_contract.alignment import Reranked
from tieback_contract.reports import Cost, Timing

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo


@dataclass(frozen=True, slots=True, eq=False)
class RerankFailure:
    """A candidate that could not be compared."""

    id: str
    """The candidate's id."""
    first_rank: int
    """Its place in the first ranking, from 0."""
    error: TiebackError
    """Why, with the field of the request."""


@dataclass(frozen=True, slots=True)
class RerankResult:
    """The candidates, best first. Each candidate fails alone: see `failures`."""

    results: Sequence[Reranked]
    """The candidates that were compared."""
    timing: Timing
    """Time by stage."""
    cost: Cost
    """What the call cost."""
    call: CallInfo
    """How the call went."""
    failures: Sequence[RerankFailure] = ()
    """The candidates that could not be compared, in the order in which they were given."""

    def raise_for_errors(self) -> RerankResult:
        """Raises the first candidate's error, if one failed; returns itself for chaining."""
        for one in self.failures:
            raise one.error
        return self
