"""What calls return: frozen dataclasses and tuples around NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Label
from tieback_contract.fusion import Fused, RoutingExplanation
from tieback_contract.hits import Hit, Mixture, RetrievedHit
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo, Truncated


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
class RetrievalPlan:
    """How a query is answered, every default filled in."""

    hybrid: bool
    """Whether a full-text search for the query's words is merged in."""
    balance: bool
    """True if modalities were made comparable."""
    rank_fusion: str
    """The method that merges vector hits and word hits; empty where the search is not hybrid."""
    reranker: str
    """The reranking method, or "none"."""
    candidates: int
    """How many candidates the search hands over; of a server's defaults, 0: it follows the limit."""
    relevance_floor: float
    """Hits whose relevance is lower are marked."""
    collapse: bool
    """Whether the pieces of a short text are one hit; in `answer`, every piece is one by default."""
    query_expansion: str
    """The method that expanded the query, or "none": it was not asked for, or left the query as it was."""
    diversity: float
    """How much hits that are unlike those before them were preferred, 0 to 1."""
    hits_per_item: int
    """The most hits of one item; 0 for any number."""
    granularity: str
    """What was ranked: "section", or "document"."""
    ranker: str
    """The learned ranking that ordered the hits, or "none"."""
    token_vectors: bool = False
    """Whether texts were reranked by the vectors of their tokens that the collection keeps."""
    composition: str = ""
    """The learned composition by which a photo and words were one query; empty for the weighted sum."""
    condition: str = ""
    """The learned condition by which the hits were ordered; empty for none."""
    vector_search: str = "nearest"
    """The method that says how far the vector was searched for; "none" where words alone were."""
    expected_recall: float | None = None
    """Where a measurement chose that method, its recall at ten in it."""
    expected_seconds: float | None = None
    """Where "time_budget" chose it, how long the search by the vector was expected to take."""
    skipped_reranker: str = ""
    """The reranker that was asked for and left out, for want of time or because it was not available."""
    first_modality: Modality | None = None
    """The modality whose related hits came first: that of a query of photos alone, or of sounds alone."""
    every_copy: bool = False
    """True if each copy of a text was a hit."""
    fill_up: bool = False
    """True if what `hits_per_item` left out are pieces of hits, or hits where other items were too few."""


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
