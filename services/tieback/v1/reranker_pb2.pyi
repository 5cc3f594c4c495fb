from google.rpc import status_pb2 as _status_pb2
from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import content_pb2 as _content_pb2
from tieback.v1 import report_pb2 as _report_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RerankSource(_message.Message):
    __slots__ = ("content", "multi_vector")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    MULTI_VECTOR_FIELD_NUMBER: _ClassVar[int]
    content: _content_pb2.Content
    multi_vector: _vector_pb2.MultiVector
    def __init__(self, content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., multi_vector: _Optional[_Union[_vector_pb2.MultiVector, _Mapping]] = ...) -> None: ...

class RerankCandidate(_message.Message):
    __slots__ = ("id", "source", "score")
    ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    id: str
    source: RerankSource
    score: float
    def __init__(self, id: _Optional[str] = ..., source: _Optional[_Union[RerankSource, _Mapping]] = ..., score: _Optional[float] = ...) -> None: ...

class RerankRequest(_message.Message):
    __slots__ = ("query", "candidates", "method", "rank_fusion", "space", "limit", "explain")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RANK_FUSION_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    query: RerankSource
    candidates: _containers.RepeatedCompositeFieldContainer[RerankCandidate]
    method: _report_pb2.Method
    rank_fusion: _report_pb2.Method
    space: str
    limit: int
    explain: bool
    def __init__(self, query: _Optional[_Union[RerankSource, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[RerankCandidate, _Mapping]]] = ..., method: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., rank_fusion: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., space: _Optional[str] = ..., limit: _Optional[int] = ..., explain: _Optional[bool] = ...) -> None: ...

class RerankResponse(_message.Message):
    __slots__ = ("results", "timing", "cost", "failures")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RerankResult]
    timing: _report_pb2.Timing
    cost: _report_pb2.Cost
    failures: _containers.RepeatedCompositeFieldContainer[RerankFailure]
    def __init__(self, results: _Optional[_Iterable[_Union[RerankResult, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ..., cost: _Optional[_Union[_report_pb2.Cost, _Mapping]] = ..., failures: _Optional[_Iterable[_Union[RerankFailure, _Mapping]]] = ...) -> None: ...

class RerankFailure(_message.Message):
    __slots__ = ("id", "first_rank", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_RANK_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    first_rank: int
    error: _status_pb2.Status
    def __init__(self, id: _Optional[str] = ..., first_rank: _Optional[int] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class RerankResult(_message.Message):
    __slots__ = ("id", "score", "rerank_score", "first_rank", "alignment")
    ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RERANK_SCORE_FIELD_NUMBER: _ClassVar[int]
    FIRST_RANK_FIELD_NUMBER: _ClassVar[int]
    ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    score: float
    rerank_score: float
    first_rank: int
    alignment: Alignment
    def __init__(self, id: _Optional[str] = ..., score: _Optional[float] = ..., rerank_score: _Optional[float] = ..., first_rank: _Optional[int] = ..., alignment: _Optional[_Union[Alignment, _Mapping]] = ...) -> None: ...

class Alignment(_message.Message):
    __slots__ = ("pairs", "plan")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[AlignedPair]
    plan: _vector_pb2.Tensor
    def __init__(self, pairs: _Optional[_Iterable[_Union[AlignedPair, _Mapping]]] = ..., plan: _Optional[_Union[_vector_pb2.Tensor, _Mapping]] = ...) -> None: ...

class AlignedPair(_message.Message):
    __slots__ = ("query", "candidate", "similarity", "weight")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    query: _vector_pb2.Locator
    candidate: _vector_pb2.Locator
    similarity: float
    weight: float
    def __init__(self, query: _Optional[_Union[_vector_pb2.Locator, _Mapping]] = ..., candidate: _Optional[_Union[_vector_pb2.Locator, _Mapping]] = ..., similarity: _Optional[float] = ..., weight: _Optional[float] = ...) -> None: ...
