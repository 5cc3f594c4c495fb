"""What calls return: frozen dataclasses and tuples around NumPy arrays."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tieback_client.applied import AppliedAdapter, Reduction
from tieback_client.content import Modality
from tieback_client.documents import Metadata
from tieback_client.errors import TiebackError
from tieback_client.moves import Mixture
from tieback_client.recognition import Segment
from tieback_client.reports import CallInfo, Timing, Truncated
from tieback_client.reranking import Alignment
from tieback_client.same_text import SameText
from tieback_client.vectors import Box, MultiVector, SpaceRef, SparseVector, Vector


@dataclass(frozen=True, slots=True)
class Label:
    """A class that a classifying encoder saw."""

    name: str
    """Its name in plain English."""
    index: int
    """Its number in the model's own list."""
    probability: float
    """0 to 1."""


class EncodingSource(enum.StrEnum):
    """How an encoding came about."""

    COMPUTED = "computed"
    """The model ran on it."""
    MEMORY = "memory"
    """It was in the server's memory."""
    DISK = "disk"
    """It was on the server's disk."""
    IN_FLIGHT = "in_flight"
    """An identical input was being computed, and this one waited for it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a model computed for one input."""

    space: SpaceRef
    """The space that encoded the input."""
    modality: Modality | None
    """The modality of the input."""
    vector: Vector | None = None
    """One pooled vector, where ``"dense"`` was asked for."""
    multi_vector: MultiVector | None = None
    """One vector per token, region or window, where ``"multi_vector"`` was asked for."""
    labels: Sequence[Label] = ()
    """The most probable classes, where ``"labels"`` was asked for."""
    token_count: int = 0
    """Tokens (patches, frames) that the model read."""
    truncated_tokens: int = 0
    """Tokens cut off because the input was too long."""
    source: EncodingSource = EncodingSource.COMPUTED
    """How it came about."""
    sparse: SparseVector | None = None
    """What the input is about, term by term, where ``"sparse"`` was asked for."""
    reduction: Reduction | None = None
    """How tokens were merged, since that was asked for or too much waited; None where all were computed."""
    layer: int | None = None
    """The layer whose states were pooled; None where the space offers no layers."""
    adapter: AppliedAdapter | None = None
    """The expert of a merged model whose weights made the vectors; None for the merged weights."""


@dataclass(frozen=True, slots=True)
class RoutingExplanation:
    """Why a joint vector is what it is."""

    policy: str = ""
    """The policy that was used."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """The weight of each component that took part; they sum to 1."""
    entropy: float = 0.0
    """Entropy of the weights in nats."""
    missing: Sequence[str] = ()
    """Spaces that should have encoded the input and did not."""
    degraded: bool = False
    """Whether the vector is worse than it could be: something was missing."""
    projections: Sequence[str] = ()
    """The bound paths that were taken."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a space is missing, by its name: "not given", "down", "late", "shed" or "refused"."""
    expected_recall_loss: float = 0.0
    """Points of recall at 10 that the missing spaces are expected to cost, as measured at binding."""
    binding: str = ""
    """The revision of the binding that weighted; empty for a joint space made from class names."""
    modality: str = ""
    """What the input is made of, for instance ``"image+text"``."""
    fallback: str = ""
    """Why a learned router did not weight, where the binding has some."""
    imputed: Mapping[str, str] = field(default_factory=dict)
    """By block of a lost space, the method that imputed it; the space is missing all the same."""


@dataclass(frozen=True, slots=True)
class IgnoredDimensions:
    """Dimensions of a query's vector that do not count for sections of a modality."""

    modality: Modality
    """The sections' modality."""
    begin: int
    """The first dimension, from 0."""
    end: int
    """The first dimension after them."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A joint vector with its explanation."""

    vector: Vector
    """The vector, in the joint space."""
    routing: RoutingExplanation
    """Which spaces were used, and with which weights."""
    labels: Sequence[Label] = ()
    """The classes through which pictures and sounds entered."""
    regions: MultiVector | None = None
    """The joint vectors of a picture's regions, where ``per_region=True`` asked for them."""
    ignored: Sequence[IgnoredDimensions] = ()
    """What does not count of a query's vector for sections of a modality; `search` takes the whole result."""


@dataclass(frozen=True, slots=True)
class FusedBatch:
    """The outcome of `fuse`: one per input, in order."""

    outcomes: Sequence[Fused | TiebackError]
    """A joint vector, or why there is none."""
    timing: Timing
    """Where the time went."""
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
class FoundPiece:
    """A further piece of a hit's text."""

    section_id: str
    """The section within the hit's item."""
    text: str
    """Its text."""
    score: float
    """Its score in the search."""
    span: tuple[int, int] | None = None
    """Which bytes of the original, as UTF-8, the text is; None where it is not known."""
    vector_score: float | None = None
    """Similarity to the query's vector, where one was given."""
    words_matched: float | None = None
    """The share of the query's content words that it or its titles have, by rarity."""
    relevance: float | None = None
    """The estimated probability that it is relevant, 0 to 1, as `retrieve` knows it."""
    below_floor: bool = False
    """Whether the relevance is below the server's floor: it probably does not bear on the query."""


class StageScore(NamedTuple):
    """What a step of a search made of a hit."""

    stage: str
    """The step, as it is named in the stages of the timing."""
    score: float | None
    """Its score in that step; None where it has none there."""
    normalised: float | None
    """The score as the next step used it; None where it is used as it is."""
    rank: int
    """Its place among the candidates of that step, from 0; equal scores share the better one."""
    kept: str
    """Why it was kept, for instance ``"nearest"``, ``"both"`` or ``"differs"``."""


@dataclass(frozen=True, slots=True)
class Highlight:
    """A sentence of a hit's text."""

    span: tuple[int, int]
    """Its bytes in the hit's text, as UTF-8."""
    words: float
    """The share of the query's content words that it has, by rarity, 0 to 1."""
    similarity: float | None = None
    """The similarity of its vector to that of the query's words; None where words chose it."""

    def of(self, text: str) -> str:
        """The sentence, of the text of its hit."""
        begin, end = self.span
        return text.encode()[begin:end].decode()


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that was found."""

    item_id: str
    """Its item."""
    item_title: str
    """The item's title."""
    section_id: str
    """The section within the item."""
    section_title: str
    """The section's heading."""
    modality: Modality | None
    """The section's modality."""
    text: str
    """Its text, or the words a picture or sound was indexed under."""
    uri: str
    """Where the original can be found."""
    metadata: Metadata
    """The item's metadata."""
    score: float
    """What the hits are ordered by, higher is better."""
    vector_score: float | None = None
    """Similarity to the query's vector, where one was given."""
    text_score: float | None = None
    """BM25 score for the query's words, where some matched."""
    words_matched: float | None = None
    """The share of the query's content words that the section or its titles have, by rarity."""
    region: Box | None = None
    """Where in the picture the region is that is most similar to the query, where there are some."""
    span: tuple[int, int] | None = None
    """Which bytes of the original, as UTF-8, the text is; None where it is not known."""
    pieces: Sequence[FoundPiece] = ()
    """Further pieces of the same short text, or sections of the item, that were found before the last hit."""
    multi_vector: MultiVector | None = None
    """The vectors of a picture that is known by its regions, the whole's first; see ``search``."""
    sections: Sequence[Hit] = ()
    """Of a ``search`` by documents: the item's next best sections, best first."""
    stages: Sequence[StageScore] = ()
    """With ``explain``, what the steps that it passed made of it, in order."""
    signals: Mapping[str, float] = field(default_factory=dict)
    """What a learned ranking can go by, by name, where ``search(signals=…)`` asked for it."""
    segments: Sequence[Segment] = ()
    """Of a picture or sound: where parts of `text` are in it, which were read or heard."""
    highlights: Sequence[Highlight] = ()
    """The sentences of its text that say most of the query, best first, where they were asked for."""
    read_in: str = ""
    """Of a collection between two spaces, by which vectors it was compared: "old", "new" or "translated"."""
    own_score: float | None = None
    """Its similarity there; `vector_score` is brought to one scale for all hits."""
    trust: float | None = None
    """1, or of a translated hit how much of what a reindex would find is found so."""
    also_in: Sequence[SameText] = ()
    """Other items that hold the same text, by their ids, at most 100."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The nearest sections, best first."""

    hits: Sequence[Hit]
    """The hits."""
    timing: Timing
    """Where the time went."""
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
class SignalShare:
    """A signal of a hit, and how much it counts."""

    name: str
    """Its name."""
    value: float
    """Its value."""
    contribution: float
    """What it adds to the hit's score, or takes away."""


@dataclass(frozen=True, slots=True)
class RetrievedHit:
    """A hit with its history."""

    hit: Hit
    """The section. Its score is what the hits are ordered by."""
    search_score: float
    """Its score in the search, before reranking."""
    search_rank: int
    """Its place in the search, from 0."""
    rerank_score: float | None = None
    """Its score by the reranking method, where one ran."""
    alignment: Alignment | None = None
    """Why, where asked for."""
    relevance: float | None = None
    """The estimated probability that it is relevant, 0 to 1; None where nothing was calibrated."""
    below_floor: bool = False
    """Whether the relevance is below the server's floor: it probably does not bear on the query."""
    sections: Sequence[RetrievedHit] = ()
    """Of a search by documents: the item's next best sections, best first."""
    signals: Sequence[SignalShare] = ()
    """Where a learned ranking ordered the hits, with `explain`: what each signal adds to the score."""


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
    """Which spaces were used, and with which weights."""
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
