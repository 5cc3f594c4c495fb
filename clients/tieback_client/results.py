"""What calls return: frozen dataclasses and tuples around NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Label, Truncated
from tieback_contract.fusion import Fused, RoutingExplanation
from tieback_contract.hits import Hit, Mixture, RetrievedHit
from tieback_contract.query import RetrievalPlan
from tieback_contract.reports import Timing

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo


@dataclass(frozen=True, slots=True)
class FusedBatch:
    """The outcome of `fuse`: one per input, in order."""

    outcomes: Sequence[Fused | TiebackError]
    """A joint vector, or why there is none."""
    timing: Timing
    """Time by stage."""
    call: CallInfo
    """How the call went."""

    def __len__(self) -> int:
        return len(self.outcomes)

    def __getitem__(self, index: int) -> Fused:
        """The joint vector of one input; raises where it failed."""
        outcome = self.outcomes[index]
        if isinstance(outcome, TiebackError):
            raise outcome
        return outcome


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
