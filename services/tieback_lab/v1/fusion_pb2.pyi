from google.rpc import status_pb2 as _status_pb2
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

class TagKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TAG_KIND_UNSPECIFIED: _ClassVar[TagKind]
    TAG_KIND_ENTITY: _ClassVar[TagKind]
    TAG_KIND_ATTRIBUTE: _ClassVar[TagKind]
TAG_KIND_UNSPECIFIED: TagKind
TAG_KIND_ENTITY: TagKind
TAG_KIND_ATTRIBUTE: TagKind

class FuseRequest(_message.Message):
    __slots__ = ("fusion", "things", "explain", "refuse_missing")
    FUSION_FIELD_NUMBER: _ClassVar[int]
    THINGS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    REFUSE_MISSING_FIELD_NUMBER: _ClassVar[int]
    fusion: str
    things: _containers.RepeatedCompositeFieldContainer[Thing]
    explain: bool
    refuse_missing: bool
    def __init__(self, fusion: _Optional[str] = ..., things: _Optional[_Iterable[_Union[Thing, _Mapping]]] = ..., explain: _Optional[bool] = ..., refuse_missing: _Optional[bool] = ...) -> None: ...

class Thing(_message.Message):
    __slots__ = ("parts", "condition", "state", "seen")
    PARTS_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[ThingPart]
    condition: _encoder_pb2.Encoding
    state: _vector_pb2.Vector
    seen: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, parts: _Optional[_Iterable[_Union[ThingPart, _Mapping]]] = ..., condition: _Optional[_Union[_encoder_pb2.Encoding, _Mapping]] = ..., state: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., seen: _Optional[_Iterable[str]] = ...) -> None: ...

class ThingPart(_message.Message):
    __slots__ = ("name", "encoding", "item")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    encoding: _encoder_pb2.Encoding
    item: int
    def __init__(self, name: _Optional[str] = ..., encoding: _Optional[_Union[_encoder_pb2.Encoding, _Mapping]] = ..., item: _Optional[int] = ...) -> None: ...

class FuseResponse(_message.Message):
    __slots__ = ("results", "timing")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ThingResult]
    timing: _report_pb2.Timing
    def __init__(self, results: _Optional[_Iterable[_Union[ThingResult, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class ThingResult(_message.Message):
    __slots__ = ("fused", "error")
    FUSED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    fused: FusedThing
    error: _status_pb2.Status
    def __init__(self, fused: _Optional[_Union[FusedThing, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class FusedThing(_message.Message):
    __slots__ = ("vector", "present", "missing", "replaced", "unseen", "expected_loss", "weights", "predictions", "steps", "state", "tags", "trusts")
    class ReplacedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class TrustsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    UNSEEN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_LOSS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    TRUSTS_FIELD_NUMBER: _ClassVar[int]
    vector: _vector_pb2.Vector
    present: _containers.RepeatedScalarFieldContainer[str]
    missing: _containers.RepeatedScalarFieldContainer[str]
    replaced: _containers.ScalarMap[str, str]
    unseen: bool
    expected_loss: float
    weights: _containers.ScalarMap[str, float]
    predictions: _containers.RepeatedCompositeFieldContainer[_content_pb2.Label]
    steps: _containers.RepeatedCompositeFieldContainer[FusionStep]
    state: _vector_pb2.Vector
    tags: _containers.RepeatedCompositeFieldContainer[FusionTag]
    trusts: _containers.ScalarMap[str, float]
    def __init__(self, vector: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., present: _Optional[_Iterable[str]] = ..., missing: _Optional[_Iterable[str]] = ..., replaced: _Optional[_Mapping[str, str]] = ..., unseen: _Optional[bool] = ..., expected_loss: _Optional[float] = ..., weights: _Optional[_Mapping[str, float]] = ..., predictions: _Optional[_Iterable[_Union[_content_pb2.Label, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[FusionStep, _Mapping]]] = ..., state: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., tags: _Optional[_Iterable[_Union[FusionTag, _Mapping]]] = ..., trusts: _Optional[_Mapping[str, float]] = ...) -> None: ...

class FusionTag(_message.Message):
    __slots__ = ("name", "kind", "score", "parts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: TagKind
    score: float
    parts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[TagKind, str]] = ..., score: _Optional[float] = ..., parts: _Optional[_Iterable[str]] = ...) -> None: ...

class FuseStreamRequest(_message.Message):
    __slots__ = ("fusion", "thing", "explain", "refuse_missing")
    FUSION_FIELD_NUMBER: _ClassVar[int]
    THING_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    REFUSE_MISSING_FIELD_NUMBER: _ClassVar[int]
    fusion: str
    thing: Thing
    explain: bool
    refuse_missing: bool
    def __init__(self, fusion: _Optional[str] = ..., thing: _Optional[_Union[Thing, _Mapping]] = ..., explain: _Optional[bool] = ..., refuse_missing: _Optional[bool] = ...) -> None: ...

class FuseStreamResponse(_message.Message):
    __slots__ = ("fused", "timing")
    FUSED_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    fused: FusedThing
    timing: _report_pb2.Timing
    def __init__(self, fused: _Optional[_Union[FusedThing, _Mapping]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class FusionStep(_message.Message):
    __slots__ = ("part", "vector", "predictions")
    PART_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    part: str
    vector: _vector_pb2.Vector
    predictions: _containers.RepeatedCompositeFieldContainer[_content_pb2.Label]
    def __init__(self, part: _Optional[str] = ..., vector: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., predictions: _Optional[_Iterable[_Union[_content_pb2.Label, _Mapping]]] = ...) -> None: ...

class ListFusionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListFusionsResponse(_message.Message):
    __slots__ = ("fusions",)
    FUSIONS_FIELD_NUMBER: _ClassVar[int]
    fusions: _containers.RepeatedCompositeFieldContainer[FusionDescription]
    def __init__(self, fusions: _Optional[_Iterable[_Union[FusionDescription, _Mapping]]] = ...) -> None: ...

class FusionDescription(_message.Message):
    __slots__ = ("name", "method", "space", "width", "parts", "condition", "missing", "measure", "patterns")
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    name: str
    method: str
    space: _vector_pb2.SpaceRef
    width: int
    parts: _containers.RepeatedCompositeFieldContainer[FusionPart]
    condition: str
    missing: str
    measure: str
    patterns: _containers.RepeatedCompositeFieldContainer[FusionPattern]
    def __init__(self, name: _Optional[str] = ..., method: _Optional[str] = ..., space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., width: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[FusionPart, _Mapping]]] = ..., condition: _Optional[str] = ..., missing: _Optional[str] = ..., measure: _Optional[str] = ..., patterns: _Optional[_Iterable[_Union[FusionPattern, _Mapping]]] = ...) -> None: ...

class FusionPart(_message.Message):
    __slots__ = ("name", "space", "rows")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    name: str
    space: str
    rows: bool
    def __init__(self, name: _Optional[str] = ..., space: _Optional[str] = ..., rows: _Optional[bool] = ...) -> None: ...

class FusionPattern(_message.Message):
    __slots__ = ("parts", "things", "seen", "value")
    PARTS_FIELD_NUMBER: _ClassVar[int]
    THINGS_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedScalarFieldContainer[str]
    things: int
    seen: bool
    value: float
    def __init__(self, parts: _Optional[_Iterable[str]] = ..., things: _Optional[int] = ..., seen: _Optional[bool] = ..., value: _Optional[float] = ...) -> None: ...
