"""What calls return: frozen dataclasses around NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tieback_client.content import Modality
from tieback_client.documents import Metadata
from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo, Cost, Timing
from tieback_client.vectors import Array, DType, SpaceRef, TokenVectors, Vector, decode


@dataclass(frozen=True, slots=True)
class Label:
    """A class that a classifying encoder saw."""

    name: str
    """Its name in plain English."""
    index: int
    """Its number in the model's own list."""
    probability: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a model says of one input."""

    space: SpaceRef
    """The space that spoke."""
    modality: Modality | None
    """The modality of the input."""
    vector: Vector | None = None
    """One pooled vector, where ``"dense"`` was asked for."""
    tokens: TokenVectors | None = None
    """One vector per token, where ``"tokens"`` was asked for."""
    labels: Sequence[Label] = ()
    """The most probable classes, where ``"labels"`` was asked for."""
    token_count: int = 0
    """Tokens (patches, frames) that the model read."""
    truncated_tokens: int = 0
    """Tokens cut off because the input was too long."""


@dataclass(frozen=True)
class Encodings:
    """The outcome of `encode`: one per input, in order."""

    outcomes: Sequence[Encoding | TiebackError]
    """An encoding, or why there is none."""
    timing: Timing
    """Where the time went; of several batches, the sum."""
    cost: Cost
    """What it cost; of several batches, the sum and the largest batch."""
    call: CallInfo
    """How the call went; of several batches, the last one's ids and all retries."""

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[Encoding]:
        """The encodings; raises where an input failed."""
        self.raise_for_errors()
        return (outcome for outcome in self.outcomes if isinstance(outcome, Encoding))

    def __getitem__(self, index: int) -> Encoding:
        """The encoding of one input; raises where it failed."""
        outcome = self.outcomes[index]
        if isinstance(outcome, TiebackError):
            raise outcome
        return outcome

    @property
    def errors(self) -> Mapping[int, TiebackError]:
        """Why inputs failed, by their place."""
        return {i: one for i, one in enumerate(self.outcomes) if isinstance(one, TiebackError)}

    def raise_for_errors(self) -> Encodings:
        """Raises the first input's error, if one failed; returns itself for chaining."""
        for error in self.errors.values():
            raise error
        return self

    @cached_property
    def vectors(self) -> Array:
        """All dense vectors, `[n, width]`, read-only; rows of failed inputs are NaN.

        float32 and float16 as they came; INT8 scaled to float32; BINARY as float32 of -1 and 1. Where every
        input has its vector, the elements are the bytes of the message, joined once.
        """
        dtype, scales = self._dtype, self.scales[:, None]
        whole = decode(self.codes, dtype, scales)
        failed = [i for i, one in enumerate(self._dense) if one is None]
        if failed:
            whole = whole.copy()
            whole[failed] = np.nan
        whole.flags.writeable = False
        return whole

    @cached_property
    def codes(self) -> Array:
        """All dense vectors as they travelled: `[n, width]`, for BINARY `[n, width / 8]`.

        Rows of failed inputs are 0.
        """
        first = next((one for one in self._dense if one is not None), None)
        if first is None:
            return np.zeros((len(self.outcomes), 0), dtype=np.float32)
        blank = np.zeros_like(first.values)
        rows = [(blank if one is None else one.values).data for one in self._dense]
        return np.frombuffer(b"".join(rows), dtype=first.values.dtype).reshape(len(rows), -1)

    @cached_property
    def scales(self) -> Array:
        """The quantisation step of each INT8 vector, `[n]` float32; 0 for other types."""
        return np.array([one.scale if one is not None else 0.0 for one in self._dense], dtype=np.float32)

    @property
    def space(self) -> SpaceRef | None:
        """The space that all vectors share; None where every input failed."""
        return next((one.space for one in self.outcomes if isinstance(one, Encoding)), None)

    @property
    def _dense(self) -> list[Vector | None]:
        return [one.vector if isinstance(one, Encoding) else None for one in self.outcomes]

    @property
    def _dtype(self) -> DType:
        return next((one.dtype for one in self._dense if one is not None), DType.FLOAT32)


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
    """Components that should have spoken and did not."""
    degraded: bool = False
    """Whether the vector is worse than it could be: something was missing."""
    paths: Sequence[str] = ()
    """The bound paths that were taken."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A joint vector with its explanation."""

    vector: Vector
    """The vector, in the joint space."""
    routing: RoutingExplanation
    """Which spaces spoke, and how loudly."""
    labels: Sequence[Label] = ()
    """The classes through which pictures and sounds entered."""


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


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The nearest sections, best first."""

    hits: Sequence[Hit]
    """The hits."""
    timing: Timing
    """Where the time went."""
    call: CallInfo
    """How the call went."""


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """Two matching pieces of text."""

    query_span: tuple[int, int]
    """Bytes of the query."""
    candidate_span: tuple[int, int]
    """Bytes of the candidate."""
    similarity: float
    """Their cosine similarity."""
    weight: float
    """How much the pair counts in the score."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Which part of a candidate answers which part of the query."""

    pairs: Sequence[AlignedPair]
    """The strongest pairs, best first."""
    plan: Array | None = None
    """For optimal transport: the whole plan, `[query tokens, candidate tokens]`, summing to 1."""


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


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """What was found, best first."""

    hits: Sequence[RetrievedHit]
    """The hits."""
    routing: RoutingExplanation
    """Which spaces spoke, and how loudly."""
    labels: Sequence[Label]
    """What the pictures and sounds of the query were taken for."""
    timing: Timing
    """Where the time went, step by step."""
    call: CallInfo = field(default_factory=CallInfo)
    """How the call went."""


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


@dataclass(frozen=True, slots=True)
class RerankResult:
    """The candidates, best first."""

    results: Sequence[Reranked]
    """The results."""
    timing: Timing
    """Where the time went."""
    cost: Cost
    """What the call cost."""
    call: CallInfo
    """How the call went."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome for one item that was sent to be written."""

    id: str
    """The item."""
    error: TiebackError | None = None
    """None where it is durable; else why it is not."""
    truncated_sections: int = 0
    """Sections whose text was cut off for some space."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The server's answer for one batch of items, given after they are durable."""

    results: Sequence[WriteResult]
    """One per item, in order."""
    timing: Timing
    """Where the time went."""

    @property
    def errors(self) -> Mapping[str, TiebackError]:
        """Why items were refused, by their id."""
        return {one.id: one.error for one in self.results if one.error is not None}


@dataclass(frozen=True, slots=True)
class WriteReport:
    """The whole of an `upsert` or `ingest`."""

    written: int
    """Items that are durable."""
    errors: Mapping[str, TiebackError]
    """Why items were refused, by their id."""
    truncated_sections: int
    """Sections whose text was cut off for some space."""
    call: CallInfo
    """How the call went."""
