"""The data that moves between layers. NumPy arrays and frozen dataclasses; the protos' shapes in Python."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from numpy.typing import NDArray

from tieback.core.errors import TiebackError

Array = NDArray[Any]
Scalar = str | float | bool | date
"""One value of metadata; a `date` is a day, or as a `datetime` a point in time in UTC."""
MetadataValue = Scalar | Sequence[Scalar]
Metadata = Mapping[str, MetadataValue]
Box = tuple[float, float, float, float]
"""A rectangle in a picture: x, y, width and height in 0..1 of the picture's, from its upper left corner."""
Span = tuple[int, int]
"""Bytes of a UTF-8 text: the first, and the first after it."""

JOINT_SPACE = "joint"
"""The name of the space that the router binds all others into."""

INDEXED_FROM = "indexed_from"
"""The key of an item's metadata that names the source it was indexed from."""


class Modality(enum.StrEnum):
    """What kind of thing a content is."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    POINTS = "points"


class DType(enum.StrEnum):
    """The element type of a vector as it travels. INT8 comes with a scale; BINARY packs signs into bytes."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    BINARY = "binary"


class VectorKind(enum.StrEnum):
    """What an encoding can hold."""

    DENSE = "dense"
    TOKENS = "tokens"
    LABELS = "labels"
    SPARSE = "sparse"
    REGIONS = "regions"


class Truncation(enum.StrEnum):
    """What to do with an input longer than the model reads."""

    REFUSE = "refuse"
    END = "end"


class LongTexts(enum.StrEnum):
    """What ingestion does with a text that is longer than a space reads."""

    SPLIT = "split"
    TRUNCATE = "truncate"
    REFUSE = "refuse"


class CachePolicy(enum.StrEnum):
    """Whether vectors that were computed before may answer."""

    USE = "use"
    BYPASS = "bypass"


class EncodingSource(enum.StrEnum):
    """How an encoding came about."""

    COMPUTED = "computed"
    MEMORY = "memory"
    DISK = "disk"
    IN_FLIGHT = "in_flight"


class Role(enum.StrEnum):
    """Which side of a comparison a joint vector is for."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class SpaceRef:
    """Names a space exactly: vectors compare only where all three agree."""

    name: str
    revision: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}"


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector that knows its space.

    `values` is `[width]` in float32, float16 or int8, or `[width / 8]` uint8 for BINARY.
    """

    space: SpaceRef
    values: Array
    dtype: DType = DType.FLOAT32
    normalized: bool = True
    scale: float = 0.0

    @property
    def width(self) -> int:
        """Dimensions, whatever the packing."""
        return int(self.values.shape[0]) * (8 if self.dtype is DType.BINARY else 1)


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """One normalised vector per token: `values` `[tokens, width]`, `spans` byte ranges of the text."""

    space: SpaceRef
    values: Array
    spans: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class SparseVector:
    """What an input is about, in the terms of a vocabulary: a weight above 0 each, all others are 0.

    `indices` `[n]` int32, ascending, are the terms' numbers, and `weights` `[n]` float32. `terms` are their
    names, where they were asked for.
    """

    space: SpaceRef
    indices: Array
    weights: Array
    terms: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RegionVectors:
    """One vector per region of a picture: `values` `[regions, width]`, normalised where a model made them.

    `boxes` `[regions, 4]` are x, y, width and height in 0..1 of the picture's, from its upper left corner.
    """

    space: SpaceRef
    values: Array
    boxes: Array


@dataclass(frozen=True, slots=True)
class Label:
    """A class that a classifying encoder saw."""

    name: str
    index: int
    probability: float


@dataclass(frozen=True, slots=True)
class TokenIds:
    """A text that the caller tokenised: the model's own numbers `[n]`, int64, special tokens included."""

    ids: Array


@dataclass(frozen=True, slots=True)
class Content:
    """One piece of input.

    `data` is `str` or `TokenIds` for TEXT, encoded `bytes` for IMAGE and AUDIO, an array `[n, 3]` for POINTS,
    and a `Vector` where a vector was computed before (its modality is then that of the vector's space, or
    None).
    """

    modality: Modality | None
    data: str | TokenIds | bytes | Array | Vector


@dataclass(frozen=True, slots=True)
class Section:
    """A citable part of an item. `content` of a stored section is its text, or None.

    `span` is which bytes of the original, as UTF-8, the text is; None where it is not known. It `continues`
    the section before it where both are pieces of one text that was cut for its length.
    """

    id: str
    content: Content | None
    title: str = ""
    uri: str = ""
    span: Span | None = None
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A document: sections of any modality."""

    id: str
    sections: Sequence[Section]
    title: str = ""
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """The shape of the output: width None for the full one.

    `batch_invariant` asks for vectors that are the same, bit for bit, whatever else is computed at the time.
    `terms` asks for the names of a sparse vector's terms beside their numbers.
    """

    width: int | None = None
    dtype: DType = DType.FLOAT32
    kinds: frozenset[VectorKind] = frozenset({VectorKind.DENSE})
    batch_invariant: bool = False
    terms: bool = False


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a model says of one input."""

    space: SpaceRef
    modality: Modality
    dense: Vector | None = None
    tokens: TokenVectors | None = None
    labels: Sequence[Label] = ()
    token_count: int = 0
    truncated_tokens: int = 0
    source: EncodingSource = EncodingSource.COMPUTED
    sparse: SparseVector | None = None
    regions: RegionVectors | None = None


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method by name with its parameters."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Stage:
    """A step of a pipeline: seconds from the request's arrival, and seconds it took."""

    name: str
    begin: float
    duration: float


@dataclass(slots=True)
class Timing:
    """Where the time went, in seconds."""

    queue: float = 0.0
    prepare: float = 0.0
    compute: float = 0.0
    total: float = 0.0
    stages: list[Stage] = field(default_factory=list)


@dataclass(slots=True)
class Cost:
    """What a call cost: the largest batch it was part of, useful tokens, padding computed beside them.

    `cached_items` were found in a cache, `shared_items` waited for an identical one in flight.
    """

    batch_size: int = 0
    tokens: int = 0
    padding_tokens: int = 0
    cached_items: int = 0
    shared_items: int = 0


@dataclass(frozen=True, slots=True)
class EncodeReply:
    """One result per input, in order; a bad input gets an error and the rest succeed."""

    results: Sequence[Encoding | TiebackError]
    timing: Timing
    cost: Cost


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a text: its bytes, and how many tokens it has, special ones not counted."""

    span: Span
    tokens: int


@dataclass(frozen=True, slots=True)
class SplitReply:
    """The pieces of each text, in order, or what is wrong with it.

    `window` is how many tokens of a text the space reads, special ones not counted; 0 where it has no limit.
    """

    results: Sequence[Sequence[TextPiece] | TiebackError]
    window: int
    timing: Timing


@dataclass(frozen=True, slots=True)
class FusePart:
    """One encoding within an input; parts of one content share `content`.

    The `weight` of a query's content may be negative: it is taken away from the others.
    """

    encoding: Encoding
    weight: float = 1.0
    content: int = 0


@dataclass(frozen=True, slots=True)
class Routing:
    """How the spaces are weighted.

    No policy means the default: by the weights where there are some, else by the learned router where the
    joint space has one for what the query is made of, else evenly. `missing` is what is done about the blocks
    of spaces that were lost, a method of the family missing; None is the binding's default for queries, and
    nothing for documents.
    """

    policy: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    missing: MethodChoice | None = None


@dataclass(frozen=True, slots=True)
class RoutingExplanation:
    """Why a joint vector is what it is. `weights` sum to 1; `entropy` is in nats.

    `reasons` say why what is missing is. `expected_recall_loss` is in points of recall at 10, as measured at
    binding. `binding` is the revision of the binding that weighted, `modality` what the input is made of
    ("image+text"), and `fallback` why a learned router did not weight where there are some. `stand_ins` name
    the blocks whose vector is not their space's own word, each with the method that made it.
    """

    policy: str
    weights: Mapping[str, float]
    entropy: float
    missing: Sequence[str] = ()
    degraded: bool = False
    paths: Sequence[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    expected_recall_loss: float = 0.0
    binding: str = ""
    modality: str = ""
    fallback: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IgnoredDimensions:
    """Dimensions `begin` to `end`, exclusive, of a query's vector.

    They do not count where it is compared with sections of the modality.
    """

    modality: Modality
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Fused:
    """A joint vector with its explanation and the classes through which pictures and sounds entered.

    `parts` are the joint vectors of a picture's parts, where they were asked for; `vector` is then that of
    the whole. `ignored` are for a query, to be searched with beside its vector.
    """

    vector: Vector
    routing: RoutingExplanation
    labels: Sequence[Label] = ()
    parts: RegionVectors | None = None
    ignored: Sequence[IgnoredDimensions] = ()


@dataclass(frozen=True, slots=True)
class FuseReply:
    """One result per input, in order."""

    results: Sequence[Fused | TiebackError]
    timing: Timing


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of items whose vectors share one space. `created` is seconds since the epoch.

    `routing` is for queries that do not say theirs. `vector_count` counts the sections' and their parts'.
    `sources` are by name, and left out of listings.
    `damage` says what is wrong with its files and what to do, `stale` why its vectors are of no use to the
    pipeline and what to do; both are empty where all is well.
    """

    name: str
    space: SpaceRef
    width: int
    item_count: int
    section_count: int
    created: float
    routing: Routing = field(default_factory=Routing)
    vector_count: int = 0
    sources: Sequence[Source] = ()
    damage: str = ""
    stale: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that items of a collection come from: those whose metadata says so under `INDEXED_FROM`.

    `location` is its path on the machine `host`; `indexed` is when it was last indexed, in seconds since the
    epoch.
    """

    name: str
    host: str
    location: str
    indexed: float = 0.0
    item_count: int = 0


@dataclass(frozen=True, slots=True)
class IndexedSection:
    """What search knows of a section: its vector, words to find it by, its modality.

    A picture may have `parts` with a vector each, beside the whole's.
    """

    vector: Vector
    text: str
    modality: Modality
    parts: RegionVectors | None = None


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """An item with one `IndexedSection` per section."""

    item: Item
    sections: Sequence[IndexedSection]


@dataclass(frozen=True, slots=True)
class PendingItem:
    """An item of a collection that is to be encoded again, as it was in a version.

    Its sections have their contents again; one whose original is not there has None.
    """

    version: int
    item: Item


@dataclass(frozen=True, slots=True)
class ReindexedPiece:
    """A section of an item, by its place, or of its text the bytes `span`; `id` is what it is called."""

    section: int
    id: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class ReindexedItem:
    """New vectors for the sections of an item as it was in a version.

    Where texts were split, `pieces` says what each is of; empty where each is a section.
    """

    id: str
    version: int
    sections: Sequence[IndexedSection]
    pieces: Sequence[ReindexedPiece] = ()

    @property
    def split(self) -> int:
        """How many of its sections were split."""
        return len({piece.section for piece in self.pieces if piece.span is not None})

    @property
    def added(self) -> int:
        """How many more sections it has for that."""
        return len(self.pieces) - len({piece.section for piece in self.pieces})


@dataclass(frozen=True, slots=True)
class ReindexState:
    """How far the reindexing of a collection is: items that have vectors of `space`, of `total`."""

    space: SpaceRef
    total: int
    done: int


@dataclass(frozen=True, slots=True)
class ReindexProgress:
    """What a reindex has done so far; the last says whether it `finished`, and what it could not encode."""

    space: SpaceRef
    total: int
    done: int
    failures: Mapping[str, TiebackError] = field(default_factory=dict)
    finished: bool = False
    split_sections: int = 0
    added_sections: int = 0


@dataclass(frozen=True, slots=True)
class UpsertReply:
    """None for an item that is durable, an error for one that was refused."""

    results: Sequence[TiebackError | None]
    timing: Timing


@dataclass(frozen=True, slots=True)
class FoundPiece:
    """A further piece of a hit's text, with its score in the search; `span` is the section's."""

    section_id: str
    text: str
    score: float
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that was found. `part` is where in a picture the part is that is nearest to the query.

    `words_matched` is the share of the query's content words that it has, by rarity. `span` is the section's.
    `pieces` are those of its text that collapsing left out as hits, best first.
    """

    item_id: str
    item_title: str
    section_id: str
    section_title: str
    modality: Modality
    text: str
    uri: str
    metadata: Metadata
    score: float
    vector_score: float | None = None
    text_score: float | None = None
    words_matched: float | None = None
    part: Box | None = None
    span: Span | None = None
    pieces: Sequence[FoundPiece] = ()


@dataclass(frozen=True, slots=True)
class SearchReply:
    """The nearest sections, best first."""

    hits: Sequence[Hit]
    timing: Timing


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """Two matching pieces of text, as byte ranges, with their cosine and their share of the score."""

    query_span: tuple[int, int]
    candidate_span: tuple[int, int]
    similarity: float
    weight: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which part of a candidate answers which part of the query; `plan` `[query, candidate]` sums to 1."""

    pairs: Sequence[AlignedPair]
    plan: Array | None = None


@dataclass(frozen=True, slots=True)
class RerankCandidate:
    """A text or its token vectors, with its score in the first ranking."""

    id: str
    source: str | TokenVectors
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class RerankResult:
    """A candidate with its new place."""

    id: str
    score: float
    rerank_score: float
    first_rank: int
    alignment: Alignment | None = None


@dataclass(frozen=True, slots=True)
class RerankReply:
    """The candidates, best first."""

    results: Sequence[RerankResult]
    timing: Timing
    cost: Cost


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that an answer may rest on; `region` is where in a picture what was looked for is."""

    id: str
    text: str
    title: str = ""
    item_id: str = ""
    section_id: str = ""
    uri: str = ""
    modality: Modality = Modality.TEXT
    score: float = 0.0
    region: Box | None = None


class VerdictLabel(enum.StrEnum):
    """What a check of a claim found."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNSUPPORTED = "unsupported"
    NOT_CHECKED = "not_checked"


class AbstentionReason(enum.StrEnum):
    """Why no answer is given."""

    NO_EVIDENCE = "no_evidence"
    WEAK_EVIDENCE = "weak_evidence"
    UNSUPPORTED_ANSWER = "unsupported_answer"


class FinishReason(enum.StrEnum):
    """Why the text ended."""

    END = "end"
    LENGTH = "length"
    STOP = "stop"
    ABSTAINED = "abstained"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement; `span` is in bytes of the answer's UTF-8 text."""

    id: int
    span: tuple[int, int]
    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Ties a claim to a passage; `span` is in bytes of its text, `region` a place in its picture."""

    claim_id: int
    evidence_id: str
    item_id: str
    section_id: str
    span: tuple[int, int] | None
    support: float
    region: Box | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check."""

    claim_id: int
    label: VerdictLabel
    score: float
    checker: str


@dataclass(frozen=True, slots=True)
class Abstention:
    """The decision not to answer."""

    reason: AbstentionReason
    score: float
    threshold: float
    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer. `first_token` is in seconds from the request's arrival."""

    reason: FinishReason
    model: str
    prompt_tokens: int
    completion_tokens: int
    changed_tokens: int
    timing: Timing
    first_token: float


GenerationEvent = TextDelta | Claim | Citation | Verdict | Abstention | Finish


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the next token is chosen. Temperature 0 is greedy; 0 elsewhere means no limit or the default."""

    max_tokens: int = 0
    temperature: float = 0.0
    top_p: float = 0.0
    top_k: int = 0
    seed: int | None = None
    stop: Sequence[str] = ()
    strategy: MethodChoice = field(default_factory=lambda: MethodChoice("plain"))


@dataclass(frozen=True, slots=True)
class Grounding:
    """How the answer is held to the evidence; None for the server's default."""

    checker: MethodChoice | None = None
    abstain_below: float | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a service is: what waits and runs, what was dropped since the start, its measured rate."""

    queued_items: int = 0
    queued_tokens: int = 0
    active_items: int = 0
    dropped_cancelled: int = 0
    dropped_deadline: int = 0
    rejected: int = 0
    tokens_per_second: float = 0.0
    recall: float = 0.0
    """Share of the contents asked for lately that were known and had not to be computed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server refuses to take; the contract's `Limits` in Python. 0 is no limit."""

    message_bytes: int = 32 * 1024 * 1024
    batch_items: int = 1024
    text_bytes: int = 1024 * 1024
    image_pixels: int = 40_000_000
    audio_seconds: float = 600.0
    points: int = 200_000
    queued_tokens: int = 200_000
    query_parts: int = 64
    rerank_tokens: int = 1024
    rerank_steps: int = 4_000_000_000
    decoded_bytes: int = 768 * 1024 * 1024
    stop_texts: int = 16
    stop_bytes: int = 256
    name_bytes: int = 4096
    filter_bytes: int = 64 * 1024
    sections: int = 4096
    entries: int = 256
    numbers: int = 64 * 1024
    fields: int = 256 * 1024
    depth: int = 32
    request_bytes: int = 128 * 1024 * 1024
    open_calls: int = 1024
    tenant_calls: int = 512
    connection_calls: int = 512
    metadata_key_bytes: int = 256
    metadata_bytes: int = 64 * 1024
    collection_keys: int = 1024
    collections: int = 1000


@dataclass(frozen=True, slots=True)
class QueryPart:
    """One content of a query, and how much it counts beside the others."""

    content: Content
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What to find, and how. 0 and None stand for the server's default (`answer/plan.py`).

    Hits whose relevance is below `min_relevance` are left out.
    """

    collection: str
    query: Sequence[QueryPart]
    limit: int = 0
    filter: str = ""
    routing: Routing = field(default_factory=Routing)
    candidates: int = 0
    reranker: MethodChoice | None = None
    hybrid: bool | None = None
    balance_modalities: bool | None = None
    explain: bool = False
    fusion: MethodChoice | None = None
    min_relevance: float = 0.0
    collapse_pieces: bool | None = None


@dataclass(frozen=True, slots=True)
class RetrievalPlan:
    """How a query is answered, every default filled in.

    `fusion` is None where the search is not hybrid, the name of `reranker` is "none" where the search's order
    is kept, and hits whose relevance is below `relevance_floor` are marked. Of a server's defaults,
    `candidates` is 0: it follows the limit. With `collapse_pieces`, the pieces of a short text
    are one hit.
    """

    hybrid: bool
    balance_modalities: bool
    fusion: MethodChoice | None
    reranker: MethodChoice
    candidates: int
    relevance_floor: float
    collapse_pieces: bool


@dataclass(frozen=True, slots=True)
class RetrievedHit:
    """A hit with its history. `hit.score` is what the hits are ordered by; `search_rank` counts from 0.

    `relevance` is the estimated probability that it is relevant, None where nothing was calibrated for the
    space; below the plan's floor the hit is marked.
    """

    hit: Hit
    search_score: float
    search_rank: int
    rerank_score: float | None = None
    alignment: Alignment | None = None
    relevance: float | None = None
    below_floor: bool = False


@dataclass(frozen=True, slots=True)
class RetrieveReply:
    """What was found, best first; `labels` are what pictures and sounds of the query were taken for.

    `truncated` is what spaces did not read of the query.
    """

    hits: Sequence[RetrievedHit]
    routing: RoutingExplanation
    labels: Sequence[Label]
    timing: Timing
    plan: RetrievalPlan
    truncated: Sequence[Truncated] = ()


@dataclass(frozen=True, slots=True)
class Truncated:
    """What a space did not read of an item or a query: so many tokens of so many texts. It reads `window`."""

    space: str
    sections: int
    tokens: int
    window: int


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The outcome for one item: durable where `error` is None.

    `split_sections` were split, and `added_sections` are there because of that beside those that were sent.
    """

    id: str
    error: TiebackError | None = None
    truncated_sections: int = 0
    truncated: Sequence[Truncated] = ()
    split_sections: int = 0
    added_sections: int = 0


@dataclass(frozen=True, slots=True)
class IngestReply:
    """One result per item, in order."""

    results: Sequence[IngestResult]
    timing: Timing
