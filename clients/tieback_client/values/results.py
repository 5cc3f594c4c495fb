"""What calls return: frozen dataclasses and tuples around NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Label, Truncated
from tieback_contract.fusion import Fused, RoutingExplanation
from tieback_contract.hits import Hit, Mixture, Reranked, RetrievedHit
from tieback_contract.query import RetrievalPlan
from tieback_contract.recognition import RecognisedText
from tieback_contract.reports import Cost, Timing

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo
from tieback_client.values.batch import Batch


@dataclass(frozen=True, slots=True)
class RecognisedBatch(Batch[RecognisedText]):
    """The outcome of `recognise`: one per content."""


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


@dataclass(frozen=True, slots=True)
class FusedBatch(Batch[Fused]):
    """The outcome of `fuse`: a joint vector per input."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The nearest sections, best first."""

    hits: Sequence[Hit]
    """The hits."""
    timing: Timing
    """Time by stage."""
    call: CallInfo
    """How the call went."""
    expanded: bool = False
    """Whether the query was expanded."""
    vector_search: str = ""
    """With "wanted_recall" and "time_budget", the method that the measurement chose."""
    expected_recall: float | None = None
    """The recall at ten of that method in the measurement."""
    expected_seconds: float | None = None
    """With "time_budget", how long the search by the vector was expected to take."""


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """What was found, best first."""

    hits: Sequence[RetrievedHit]
    """The hits."""
    routing: RoutingExplanation
    """Spaces that were used, and their weights."""
    labels: Sequence[Label]
    """What the pictures and sounds of the query were taken for."""
    timing: Timing
    """Where the time went, step by step."""
    plan: RetrievalPlan
    """How the query was answered."""
    truncated: Mapping[str, Truncated] = field(default_factory=dict)
    """What was not read of a query that is longer than a space reads, by space."""
    mixture: Mixture | None = None
    """Of a collection between two spaces: how much was read in which."""
    call: CallInfo = field(default_factory=CallInfo)
    """How the call went."""
