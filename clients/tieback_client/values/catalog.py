"""What a server offers: spaces, models, methods, limits and health."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.answers import AnswerStyle
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.query import RetrievalPlan
from tieback_contract.recognition import SegmentKind
from tieback_contract.server import ServiceState
from tieback_contract.shapes import ABSENT, wire
from tieback_contract.vectors import SpaceRef, VectorKind

from tieback_client.reports import CallInfo


class Access(enum.StrEnum):
    """What a token is for, or a shared collection. Each includes those before it."""

    READ = "read"
    """Search and read collections, encode, rerank, generate."""
    WRITE = "write"
    """Write and remove items."""
    ADMIN = "admin"
    """Make and delete collections, make, restore and delete snapshots."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a tenant may use; None for no limit."""

    item_count: int | None = None
    """Items in all its collections."""
    byte_count: int | None = None
    """Bytes of its items (vectors, words, metadata and originals) and of the files of its snapshots."""
    collection_count: int | None = None
    """Collections."""
    tokens_per_second: float | None = None
    """Tokens computed in a second, by each replica."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The tenant that a client calls as."""

    tenant: str
    """Its name; empty where the server asks for no tokens."""
    role: Access | None
    """The role of the token; None for a role that this version does not know."""
    item_count: int
    """Items in all its collections."""
    byte_count: int
    """Bytes of its items and of the files of its snapshots, as its quota counts them."""
    collection_count: int
    """Its collections."""
    quota: Quota
    """How much it may use."""
    shared: Mapping[str, Access] = field(default_factory=dict)
    """What others share with it: for each collection, by the name OWNER/NAME, what it may be used for."""
    call: CallInfo = field(default_factory=CallInfo, metadata=wire(ABSENT))
    """How the call went."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What a precision costs, by one measure."""

    measure: str
    """What was measured, for instance ``"Cranfield nDCG@10"``."""
    value: float
    """Its value as served."""
    float32: float = field(metadata=wire("float32_value"))
    """Its value in float32."""


@dataclass(frozen=True, slots=True)
class MeasuredReduction:
    """A method that merges tokens inside of a model, at one ratio, as it was measured."""

    method: str
    """Its name, of the family "token_reduction"."""
    ratio: float
    """The share of its tokens that each layer keeps."""
    speed: float
    """How many times as fast texts are encoded, at the length that gains least."""
    lost: float
    """What that costs, by the measure that loses most, in its own unit: 0.01 is a point."""
    served: bool
    """Whether requests may ask for it, and for larger ratios."""


@dataclass(frozen=True, slots=True)
class Space:
    """A space that vectors live in."""

    ref: SpaceRef
    """Its exact name."""
    modalities: Sequence[Modality]
    """What it encodes."""
    width: int
    """The full width."""
    widths: Sequence[int]
    """Smaller widths that it was trained for."""
    kinds: Sequence[VectorKind]
    """Kinds of vectors that an encoding can hold."""
    max_tokens: int
    """Tokens that the model reads at most; 0 for no limit."""
    description: str
    """One sentence for people."""
    license: str
    """The licence of the weights, as an SPDX expression."""
    upstream: str
    """Where the weights come from."""
    binding: str
    """How it takes part in the joint space: empty, ``"component"``, or the path."""
    ready: bool
    """Whether it can be asked now."""
    precision: str = ""
    """What the model computes in, for instance ``"int8"``; empty if the server does not report it."""
    drift: Sequence[Drift] = ()
    """What that costs, as it was measured; empty in float32."""
    blocks: Mapping[str, int] = field(default_factory=dict)
    """Of the joint space: the width of each space's block, in their order in a vector."""
    projections: Sequence[str] = ()
    """Of the joint space: the paths from one space into another's block."""
    binding_revision: str = ""
    """Of the joint space: the binding that it was made from; empty where class names made it."""
    called: str = field(default="", metadata=wire("name"))
    """Its name in requests, if the server reports it; several spaces may share one ``ref``."""
    layers: Sequence[int] = ()
    """The layers that can be asked for, the last among them; empty where only that is."""
    reductions: Sequence[MeasuredReduction] = ()
    """Methods that merge tokens inside of the model."""
    deadline_exits: bool = False
    """Whether the layers are exits that a deadline may choose (``earliest_layer``)."""
    features: Sequence[str] = ()
    """Of a space of categorical features: their names."""
    adapters: Sequence[str] = ()
    """Of a merged model: the experts that a request may name."""

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return self.called or self.ref.name


@dataclass(frozen=True, slots=True)
class Model:
    """A model that writes or reranks."""

    name: str
    """Its name."""
    revision: str
    """Which weights: a short hash."""
    context_tokens: int
    """Tokens that it reads and writes at most; of a reranker, those of query and passage together."""
    description: str
    """One sentence for people."""
    license: str
    """The licence of the weights, as an SPDX expression."""
    upstream: str
    """Where the weights come from."""
    ready: bool
    """Whether it can be asked now."""
    modality: Modality | None = None
    """Of a recogniser: what it reads, pictures or sounds."""
    recognises: SegmentKind | None = None
    """Of a recogniser: whether its segments are words or labels."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method that requests can name."""

    family: str
    """Its family, for instance ``"reranking"``."""
    name: str
    """Its name within the family."""
    summary: str
    """One sentence for people."""
    schema: Mapping[str, Any]
    """JSON schema of its parameters."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server's description of itself."""

    version: str
    """The version of tieback."""
    limits: Limits
    """What it refuses."""
    services: Sequence[ServiceState]
    """Its services."""
    retrieval: RetrievalPlan
    """The defaults of a query."""
    styles: Sequence[AnswerStyle] = ()
    """How answers can be made, and first how they are where nothing is said; empty where there are none."""
    call: CallInfo = field(default_factory=CallInfo, metadata=wire(ABSENT))
    """How the call went."""


class Health(enum.StrEnum):
    """The state of a service in `grpc.health.v1`."""

    UNKNOWN = "unknown"
    SERVING = "serving"
    NOT_SERVING = "not_serving"
    SERVICE_UNKNOWN = "service_unknown"
