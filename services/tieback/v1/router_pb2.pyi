from google.protobuf import struct_pb2 as _struct_pb2
from google.rpc import status_pb2 as _status_pb2
from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import content_pb2 as _content_pb2
from tieback.v1 import encoder_pb2 as _encoder_pb2
from tieback.v1 import report_pb2 as _report_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_QUERY: _ClassVar[Role]
    ROLE_DOCUMENT: _ClassVar[Role]
ROLE_UNSPECIFIED: Role
ROLE_QUERY: Role
ROLE_DOCUMENT: Role

class Routing(_message.Message):
    __slots__ = ("policy", "weights", "parameters", "imputation")
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    POLICY_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    IMPUTATION_FIELD_NUMBER: _ClassVar[int]
    policy: str
    weights: _containers.ScalarMap[str, float]
    parameters: _struct_pb2.Struct
    imputation: _report_pb2.Method
    def __init__(self, policy: _Optional[str] = ..., weights: _Optional[_Mapping[str, float]] = ..., parameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., imputation: _Optional[_Union[_report_pb2.Method, _Mapping]] = ...) -> None: ...

class FuseRequest(_message.Message):
    __slots__ = ("inputs", "role", "routing", "per_region")
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    PER_REGION_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.RepeatedCompositeFieldContainer[FuseInput]
    role: Role
    routing: Routing
    per_region: bool
    def __init__(self, inputs: _Optional[_Iterable[_Union[FuseInput, _Mapping]]] = ..., role: _Optional[_Union[Role, str]] = ..., routing: _Optional[_Union[Routing, _Mapping]] = ..., per_region: _Optional[bool] = ...) -> None: ...

class FuseInput(_message.Message):
    __slots__ = ("parts",)
    PARTS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[FusePart]
    def __init__(self, parts: _Optional[_Iterable[_Union[FusePart, _Mapping]]] = ...) -> None: ...

class FusePart(_message.Message):
    __slots__ = ("encoding", "weight", "content")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    encoding: _encoder_pb2.Encoding
    weight: float
    content: int
    def __init__(self, encoding: _Optional[_Union[_encoder_pb2.Encoding, _Mapping]] = ..., weight: _Optional[float] = ..., content: _Optional[int] = ...) -> None: ...

class FuseResponse(_message.Message):
    __slots__ = ("results", "timing")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[FuseResult]
    timing: _report_pb2.Timing
    def __init__(self, results: _Optional[_Iterable[_Union[FuseResult, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class FuseResult(_message.Message):
    __slots__ = ("fused", "error")
    FUSED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    fused: Fused
    error: _status_pb2.Status
    def __init__(self, fused: _Optional[_Union[Fused, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class Fused(_message.Message):
    __slots__ = ("vector", "routing", "labels", "regions", "ignored")
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    vector: _vector_pb2.Vector
    routing: RoutingExplanation
    labels: _containers.RepeatedCompositeFieldContainer[_content_pb2.Label]
    regions: _vector_pb2.MultiVector
    ignored: _containers.RepeatedCompositeFieldContainer[IgnoredDimensions]
    def __init__(self, vector: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., routing: _Optional[_Union[RoutingExplanation, _Mapping]] = ..., labels: _Optional[_Iterable[_Union[_content_pb2.Label, _Mapping]]] = ..., regions: _Optional[_Union[_vector_pb2.MultiVector, _Mapping]] = ..., ignored: _Optional[_Iterable[_Union[IgnoredDimensions, _Mapping]]] = ...) -> None: ...

class IgnoredDimensions(_message.Message):
    __slots__ = ("modality", "begin", "end")
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    modality: _content_pb2.Modality
    begin: int
    end: int
    def __init__(self, modality: _Optional[_Union[_content_pb2.Modality, str]] = ..., begin: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class RoutingExplanation(_message.Message):
    __slots__ = ("policy", "weights", "entropy", "missing", "degraded", "projections", "missing_reasons", "expected_recall_loss", "binding", "modality", "fallback", "imputed")
    class MissingReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ImputedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    POLICY_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    ENTROPY_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    PROJECTIONS_FIELD_NUMBER: _ClassVar[int]
    MISSING_REASONS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_RECALL_LOSS_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    IMPUTED_FIELD_NUMBER: _ClassVar[int]
    policy: str
    weights: _containers.RepeatedCompositeFieldContainer[SpaceWeight]
    entropy: float
    missing: _containers.RepeatedScalarFieldContainer[str]
    degraded: bool
    projections: _containers.RepeatedScalarFieldContainer[str]
    missing_reasons: _containers.ScalarMap[str, str]
    expected_recall_loss: float
    binding: str
    modality: str
    fallback: str
    imputed: _containers.ScalarMap[str, str]
    def __init__(self, policy: _Optional[str] = ..., weights: _Optional[_Iterable[_Union[SpaceWeight, _Mapping]]] = ..., entropy: _Optional[float] = ..., missing: _Optional[_Iterable[str]] = ..., degraded: _Optional[bool] = ..., projections: _Optional[_Iterable[str]] = ..., missing_reasons: _Optional[_Mapping[str, str]] = ..., expected_recall_loss: _Optional[float] = ..., binding: _Optional[str] = ..., modality: _Optional[str] = ..., fallback: _Optional[str] = ..., imputed: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SpaceWeight(_message.Message):
    __slots__ = ("space", "weight")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    space: str
    weight: float
    def __init__(self, space: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...
