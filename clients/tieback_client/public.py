"""The names of the package, as `tieback_client` shows them: what a user imports."""

from tieback_contract.alignment import AlignedPair, Alignment, Reranked
from tieback_contract.answers import (
    Abstention,
    AbstentionReason,
    AnswerAction,
    AnswerStyle,
    Decision,
    Degraded,
    Finish,
    FinishReason,
    Repair,
    RewrittenQuestion,
    ScoredToken,
    TextDelta,
    TokenScore,
    TokenScores,
    Twin,
)
from tieback_contract.arrays import Box
from tieback_contract.claims import (
    Citation,
    Claim,
    Conflict,
    ConflictingPlace,
    ConflictKind,
    Disagreement,
    NotCheckedReason,
    QuestionFit,
    Repaired,
    Verdict,
    VerdictLabel,
)
from tieback_contract.collections import Moving, Snapshot, Source
from tieback_contract.conversation import ChatMessage, ChatRole
from tieback_contract.demonstrations import Demonstration, StoredDemonstration
from tieback_contract.encodings import AppliedAdapter, Encoding, EncodingSource, Label, Reduction, Truncated
from tieback_contract.fusion import Fused, FusePart, IgnoredDimensions, RoutingExplanation
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.heads import Head
from tieback_contract.hits import FoundPiece, Hit, Mixture, RetrievedHit, SameText, SignalShare, StageScore
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind, Locators
from tieback_contract.metadata import INDEXED_FROM
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.operations import OperationState
from tieback_contract.predictions import Prediction
from tieback_contract.query import Granularity, QueryOptions, RetrievalPlan
from tieback_contract.reports import Cost, Dropped, DroppedSection, Stage, Timing
from tieback_contract.server import Endpoint, ServiceState
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import DType, MultiVector, SpaceRef, SparseVector, Vector, VectorKind

from tieback_client.async_client import AsyncClient
from tieback_client.async_operation import AsyncOperation
from tieback_client.async_streams import AsyncEncodingStream, AsyncEventStream, AsyncWrites
from tieback_client.catalog import Drift, Health, Method, Model, ServerInfo, Space
from tieback_client.checks import Check, Checked, Checks
from tieback_client.client import Client
from tieback_client.content import Audio, Features, Image, Points, Text, TokenIds
from tieback_client.documents import Collection, Item, Section
from tieback_client.encodings import Encodings
from tieback_client.endpoints import Endpoints
from tieback_client.errors import (
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    InternalError,
    InvalidArgument,
    NotFound,
    NothingWritten,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateExceeded,
    ResourceExhausted,
    SpaceMismatch,
    StorageFull,
    TiebackError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from tieback_client.events import Answer, CheckedText, RetrievalEvent
from tieback_client.heads import Predictions
from tieback_client.moves import UpgradeResult
from tieback_client.operation import Operation
from tieback_client.operations import OperationStatus
from tieback_client.options import Hedging, Options, Retry, client_version
from tieback_client.procedures.encoding import Candidate
from tieback_client.reports import CallInfo
from tieback_client.reranking import RerankFailure, RerankResult
from tieback_client.results import FusedBatch, RetrievalResult, SearchResult
from tieback_client.streams import EncodingStream, EventStream, Writes
from tieback_client.text_pieces import TextPiece
from tieback_client.token_vectors import TokenVectorsLike
from tieback_client.upgrades import (
    CompatibilityCell,
    CompatibilityMatrix,
    JudgedQuery,
    MeasuredNumber,
    PolicyWorth,
    Recall,
    UpgradeAdvice,
    UpgradePlan,
    UpgradePoint,
    UpgradeWorth,
)
from tieback_client.writes import Acknowledgement, ReindexResult, WriteReport, WriteResult

__version__ = client_version()
from tieback_client.tenants import Access, Quota, Usage

__all__ = [
    "INDEXED_FROM",
    "Abstention",
    "AbstentionReason",
    "Access",
    "Acknowledgement",
    "AlignedPair",
    "Alignment",
    "AlreadyExists",
    "Answer",
    "AnswerAction",
    "AnswerStyle",
    "AppliedAdapter",
    "AsyncClient",
    "AsyncEncodingStream",
    "AsyncEventStream",
    "AsyncOperation",
    "AsyncWrites",
    "Audio",
    "Box",
    "CallInfo",
    "Cancelled",
    "Candidate",
    "ChatMessage",
    "ChatRole",
    "Check",
    "Checked",
    "CheckedText",
    "Checks",
    "Citation",
    "Claim",
    "Client",
    "Collection",
    "CompatibilityCell",
    "CompatibilityMatrix",
    "Conflict",
    "ConflictKind",
    "ConflictingPlace",
    "Cost",
    "DType",
    "DeadlineExceeded",
    "Decision",
    "Degraded",
    "Demonstration",
    "Disagreement",
    "Drift",
    "Dropped",
    "DroppedSection",
    "Encoding",
    "EncodingSource",
    "EncodingStream",
    "Encodings",
    "Endpoint",
    "Endpoints",
    "EventStream",
    "Evidence",
    "FailedPrecondition",
    "Features",
    "FieldViolation",
    "Finish",
    "FinishReason",
    "FoundPiece",
    "FusePart",
    "Fused",
    "FusedBatch",
    "Granularity",
    "Grounding",
    "Head",
    "Health",
    "Hedging",
    "Hit",
    "IgnoredDimensions",
    "Image",
    "InternalError",
    "InvalidArgument",
    "Item",
    "JudgedQuery",
    "Label",
    "Limits",
    "Locator",
    "LocatorKind",
    "Locators",
    "MeasuredNumber",
    "Method",
    "MethodChoice",
    "Mixture",
    "Modality",
    "Model",
    "Moving",
    "MultiVector",
    "NotCheckedReason",
    "NotFound",
    "NothingWritten",
    "Operation",
    "OperationState",
    "OperationStatus",
    "Options",
    "Overloaded",
    "PermissionDenied",
    "Points",
    "PolicyWorth",
    "Prediction",
    "Predictions",
    "QueryOptions",
    "QuestionFit",
    "Quota",
    "QuotaExceeded",
    "RateExceeded",
    "Recall",
    "Reduction",
    "ReindexResult",
    "Repair",
    "Repaired",
    "RerankFailure",
    "RerankResult",
    "Reranked",
    "ResourceExhausted",
    "RetrievalEvent",
    "RetrievalPlan",
    "RetrievalResult",
    "RetrievedHit",
    "Retry",
    "RewrittenQuestion",
    "RoutingExplanation",
    "SameText",
    "SamplingParameters",
    "ScoredToken",
    "SearchResult",
    "Section",
    "ServerInfo",
    "ServiceState",
    "SignalShare",
    "Snapshot",
    "Source",
    "Space",
    "SpaceMismatch",
    "SpaceRef",
    "SparseVector",
    "Stage",
    "StageScore",
    "StorageFull",
    "StoredDemonstration",
    "Text",
    "TextDelta",
    "TextPiece",
    "TiebackError",
    "Timing",
    "TokenIds",
    "TokenScore",
    "TokenScores",
    "TokenVectors",
    "TokenVectorsLike",
    "Truncated",
    "Twin",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "UpgradeAdvice",
    "UpgradePlan",
    "UpgradePoint",
    "UpgradeResult",
    "UpgradeWorth",
    "Usage",
    "Vector",
    "VectorKind",
    "Verdict",
    "VerdictLabel",
    "WriteReport",
    "WriteResult",
    "Writes",
]
