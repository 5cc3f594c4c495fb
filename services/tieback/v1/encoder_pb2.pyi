from google.rpc import status_pb2 as _status_pb2
from tieback.v1 import content_pb2 as _content_pb2
from tieback.v1 import report_pb2 as _report_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Truncation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRUNCATION_UNSPECIFIED: _ClassVar[Truncation]
    TRUNCATION_REFUSE: _ClassVar[Truncation]
    TRUNCATION_END: _ClassVar[Truncation]

class CachePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CACHE_POLICY_UNSPECIFIED: _ClassVar[CachePolicy]
    CACHE_POLICY_USE: _ClassVar[CachePolicy]
    CACHE_POLICY_BYPASS: _ClassVar[CachePolicy]

class EncodingSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_SOURCE_UNSPECIFIED: _ClassVar[EncodingSource]
    ENCODING_SOURCE_COMPUTED: _ClassVar[EncodingSource]
    ENCODING_SOURCE_MEMORY: _ClassVar[EncodingSource]
    ENCODING_SOURCE_DISK: _ClassVar[EncodingSource]
    ENCODING_SOURCE_IN_FLIGHT: _ClassVar[EncodingSource]
TRUNCATION_UNSPECIFIED: Truncation
TRUNCATION_REFUSE: Truncation
TRUNCATION_END: Truncation
CACHE_POLICY_UNSPECIFIED: CachePolicy
CACHE_POLICY_USE: CachePolicy
CACHE_POLICY_BYPASS: CachePolicy
ENCODING_SOURCE_UNSPECIFIED: EncodingSource
ENCODING_SOURCE_COMPUTED: EncodingSource
ENCODING_SOURCE_MEMORY: EncodingSource
ENCODING_SOURCE_DISK: EncodingSource
ENCODING_SOURCE_IN_FLIGHT: EncodingSource

class EncodeRequest(_message.Message):
    __slots__ = ("space", "contents", "output", "truncation", "cache", "adapters")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    TRUNCATION_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    ADAPTERS_FIELD_NUMBER: _ClassVar[int]
    space: str
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    output: _vector_pb2.OutputSpec
    truncation: Truncation
    cache: CachePolicy
    adapters: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, space: _Optional[str] = ..., contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., output: _Optional[_Union[_vector_pb2.OutputSpec, _Mapping]] = ..., truncation: _Optional[_Union[Truncation, str]] = ..., cache: _Optional[_Union[CachePolicy, str]] = ..., adapters: _Optional[_Iterable[str]] = ...) -> None: ...

class EncodeStreamRequest(_message.Message):
    __slots__ = ("id", "request")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    id: int
    request: EncodeRequest
    def __init__(self, id: _Optional[int] = ..., request: _Optional[_Union[EncodeRequest, _Mapping]] = ...) -> None: ...

class EncodeStreamResponse(_message.Message):
    __slots__ = ("id", "response", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: int
    response: EncodeResponse
    error: _status_pb2.Status
    def __init__(self, id: _Optional[int] = ..., response: _Optional[_Union[EncodeResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class EncodeResponse(_message.Message):
    __slots__ = ("results", "timing", "cost")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[EncodeResult]
    timing: _report_pb2.Timing
    cost: _report_pb2.Cost
    def __init__(self, results: _Optional[_Iterable[_Union[EncodeResult, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ..., cost: _Optional[_Union[_report_pb2.Cost, _Mapping]] = ...) -> None: ...

class EncodeResult(_message.Message):
    __slots__ = ("encoding", "error")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    encoding: Encoding
    error: _status_pb2.Status
    def __init__(self, encoding: _Optional[_Union[Encoding, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class SplitTextsRequest(_message.Message):
    __slots__ = ("space", "texts", "max_tokens", "overlap")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    space: str
    texts: _containers.RepeatedScalarFieldContainer[str]
    max_tokens: int
    overlap: float
    def __init__(self, space: _Optional[str] = ..., texts: _Optional[_Iterable[str]] = ..., max_tokens: _Optional[int] = ..., overlap: _Optional[float] = ...) -> None: ...

class SplitTextsResponse(_message.Message):
    __slots__ = ("results", "window", "timing")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[SplitTextResult]
    window: int
    timing: _report_pb2.Timing
    def __init__(self, results: _Optional[_Iterable[_Union[SplitTextResult, _Mapping]]] = ..., window: _Optional[int] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class SplitTextResult(_message.Message):
    __slots__ = ("pieces", "error")
    PIECES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    pieces: TextPieces
    error: _status_pb2.Status
    def __init__(self, pieces: _Optional[_Union[TextPieces, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class TextPieces(_message.Message):
    __slots__ = ("pieces",)
    PIECES_FIELD_NUMBER: _ClassVar[int]
    pieces: _containers.RepeatedCompositeFieldContainer[TextPiece]
    def __init__(self, pieces: _Optional[_Iterable[_Union[TextPiece, _Mapping]]] = ...) -> None: ...

class TextPiece(_message.Message):
    __slots__ = ("span", "token_count")
    SPAN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    span: _vector_pb2.TextSpan
    token_count: int
    def __init__(self, span: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ..., token_count: _Optional[int] = ...) -> None: ...

class Encoding(_message.Message):
    __slots__ = ("space", "modality", "dense", "multi_vector", "labels", "token_count", "truncated_tokens", "source", "sparse", "reduction", "layer", "adapter")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    DENSE_FIELD_NUMBER: _ClassVar[int]
    MULTI_VECTOR_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SPARSE_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    space: _vector_pb2.SpaceRef
    modality: _content_pb2.Modality
    dense: _vector_pb2.Vector
    multi_vector: _vector_pb2.MultiVector
    labels: _containers.RepeatedCompositeFieldContainer[_content_pb2.Label]
    token_count: int
    truncated_tokens: int
    source: EncodingSource
    sparse: _vector_pb2.SparseVector
    reduction: _vector_pb2.Reduction
    layer: int
    adapter: AppliedAdapter
    def __init__(self, space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., modality: _Optional[_Union[_content_pb2.Modality, str]] = ..., dense: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., multi_vector: _Optional[_Union[_vector_pb2.MultiVector, _Mapping]] = ..., labels: _Optional[_Iterable[_Union[_content_pb2.Label, _Mapping]]] = ..., token_count: _Optional[int] = ..., truncated_tokens: _Optional[int] = ..., source: _Optional[_Union[EncodingSource, str]] = ..., sparse: _Optional[_Union[_vector_pb2.SparseVector, _Mapping]] = ..., reduction: _Optional[_Union[_vector_pb2.Reduction, _Mapping]] = ..., layer: _Optional[int] = ..., adapter: _Optional[_Union[AppliedAdapter, _Mapping]] = ...) -> None: ...

class AppliedAdapter(_message.Message):
    __slots__ = ("name", "sha256", "weights")
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    weights: _containers.ScalarMap[str, float]
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ..., weights: _Optional[_Mapping[str, float]] = ...) -> None: ...
