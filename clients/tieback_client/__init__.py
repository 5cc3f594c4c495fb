"""The client of tieback: `Client` for code that blocks, `AsyncClient` for asyncio, with the same methods.

    from tieback_client import Client, Item

    with Client("localhost:50051") as client:
        client.ingest("notes", [Item("tides", "The moon pulls the sea.")]).collect()
        print(client.answer("notes", "What moves the sea?").collect().text)

Errors are those of `tieback_client.errors`; all are `TiebackError`.
"""

from tieback_client.async_client import AsyncClient
from tieback_client.async_streams import AsyncEncodingStream, AsyncEventStream, AsyncWrites
from tieback_client.catalog import (
    Drift,
    Health,
    Limits,
    Method,
    Model,
    ServerInfo,
    ServiceState,
    Space,
    VectorKind,
)
from tieback_client.client import Client
from tieback_client.content import Audio, Image, Modality, Points, Text, TokenIds
from tieback_client.documents import Collection, Item, Section
from tieback_client.encodings import Encodings
from tieback_client.endpoints import Endpoint, Endpoints
from tieback_client.errors import (
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FieldViolation,
    InternalError,
    InvalidArgument,
    NotFound,
    Overloaded,
    PermissionDenied,
    ResourceExhausted,
    SpaceMismatch,
    StorageFull,
    TiebackError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from tieback_client.events import (
    Abstention,
    AbstentionReason,
    Answer,
    Citation,
    Claim,
    Decoding,
    Evidence,
    Finish,
    FinishReason,
    Grounding,
    RetrievalEvent,
    TextDelta,
    Verdict,
    VerdictLabel,
)
from tieback_client.operations.encoding import Candidate, FusePart
from tieback_client.options import Hedging, Options, Retry, client_version
from tieback_client.reports import CallInfo, Cost, Stage, Timing
from tieback_client.results import (
    Acknowledgement,
    AlignedPair,
    Alignment,
    Encoding,
    EncodingSource,
    Fused,
    FusedBatch,
    Hit,
    Label,
    Reranked,
    RerankResult,
    RetrievalResult,
    RetrievedHit,
    RoutingExplanation,
    SearchResult,
    WriteReport,
    WriteResult,
)
from tieback_client.streams import EncodingStream, EventStream, Writes
from tieback_client.vectors import Box, DType, RegionVectors, SpaceRef, SparseVector, TokenVectors, Vector

__version__ = client_version()

__all__ = [
    "Abstention",
    "AbstentionReason",
    "Acknowledgement",
    "AlignedPair",
    "Alignment",
    "AlreadyExists",
    "Answer",
    "AsyncClient",
    "AsyncEncodingStream",
    "AsyncEventStream",
    "AsyncWrites",
    "Audio",
    "Box",
    "CallInfo",
    "Cancelled",
    "Candidate",
    "Citation",
    "Claim",
    "Client",
    "Collection",
    "Cost",
    "DType",
    "DeadlineExceeded",
    "Decoding",
    "Drift",
    "Encoding",
    "EncodingSource",
    "EncodingStream",
    "Encodings",
    "Endpoint",
    "Endpoints",
    "EventStream",
    "Evidence",
    "FieldViolation",
    "Finish",
    "FinishReason",
    "FusePart",
    "Fused",
    "FusedBatch",
    "Grounding",
    "Health",
    "Hedging",
    "Hit",
    "Image",
    "InternalError",
    "InvalidArgument",
    "Item",
    "Label",
    "Limits",
    "Method",
    "Modality",
    "Model",
    "NotFound",
    "Options",
    "Overloaded",
    "PermissionDenied",
    "Points",
    "RegionVectors",
    "RerankResult",
    "Reranked",
    "ResourceExhausted",
    "RetrievalEvent",
    "RetrievalResult",
    "RetrievedHit",
    "Retry",
    "RoutingExplanation",
    "SearchResult",
    "Section",
    "ServerInfo",
    "ServiceState",
    "Space",
    "SpaceMismatch",
    "SpaceRef",
    "SparseVector",
    "Stage",
    "StorageFull",
    "Text",
    "TextDelta",
    "TiebackError",
    "Timing",
    "TokenIds",
    "TokenVectors",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Vector",
    "VectorKind",
    "Verdict",
    "VerdictLabel",
    "WriteReport",
    "WriteResult",
    "Writes",
]
