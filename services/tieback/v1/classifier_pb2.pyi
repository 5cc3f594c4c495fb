import datetime

from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
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

class FitHeadRequest(_message.Message):
    __slots__ = ("name", "space", "method", "examples", "memory")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    name: str
    space: str
    method: _report_pb2.Method
    examples: _containers.RepeatedCompositeFieldContainer[HeadExample]
    memory: _containers.RepeatedCompositeFieldContainer[HeadExample]
    def __init__(self, name: _Optional[str] = ..., space: _Optional[str] = ..., method: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., examples: _Optional[_Iterable[_Union[HeadExample, _Mapping]]] = ..., memory: _Optional[_Iterable[_Union[HeadExample, _Mapping]]] = ...) -> None: ...

class HeadExample(_message.Message):
    __slots__ = ("content", "label")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    content: _content_pb2.Content
    label: str
    def __init__(self, content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., label: _Optional[str] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("name", "version", "create_time", "space", "method", "classes", "class_count", "example_count", "memory_count", "accuracy", "artifact", "versions", "stale")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    CLASS_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    create_time: _timestamp_pb2.Timestamp
    space: _vector_pb2.SpaceRef
    method: _report_pb2.Method
    classes: _containers.RepeatedCompositeFieldContainer[HeadClass]
    class_count: int
    example_count: int
    memory_count: int
    accuracy: float
    artifact: str
    versions: _containers.RepeatedScalarFieldContainer[int]
    stale: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., method: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., classes: _Optional[_Iterable[_Union[HeadClass, _Mapping]]] = ..., class_count: _Optional[int] = ..., example_count: _Optional[int] = ..., memory_count: _Optional[int] = ..., accuracy: _Optional[float] = ..., artifact: _Optional[str] = ..., versions: _Optional[_Iterable[int]] = ..., stale: _Optional[str] = ...) -> None: ...

class HeadClass(_message.Message):
    __slots__ = ("label", "example_count")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    label: str
    example_count: int
    def __init__(self, label: _Optional[str] = ..., example_count: _Optional[int] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("head", "version", "contents", "top")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    head: str
    version: int
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    top: int
    def __init__(self, head: _Optional[str] = ..., version: _Optional[int] = ..., contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., top: _Optional[int] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("results", "version", "timing")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[PredictResult]
    version: int
    timing: _report_pb2.Timing
    def __init__(self, results: _Optional[_Iterable[_Union[PredictResult, _Mapping]]] = ..., version: _Optional[int] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class PredictResult(_message.Message):
    __slots__ = ("prediction", "error")
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    prediction: Prediction
    error: _status_pb2.Status
    def __init__(self, prediction: _Optional[_Union[Prediction, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("labels", "memory_share")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_SHARE_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedCompositeFieldContainer[_content_pb2.Label]
    memory_share: float
    def __init__(self, labels: _Optional[_Iterable[_Union[_content_pb2.Label, _Mapping]]] = ..., memory_share: _Optional[float] = ...) -> None: ...

class ListHeadsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListHeadsResponse(_message.Message):
    __slots__ = ("heads",)
    HEADS_FIELD_NUMBER: _ClassVar[int]
    heads: _containers.RepeatedCompositeFieldContainer[Head]
    def __init__(self, heads: _Optional[_Iterable[_Union[Head, _Mapping]]] = ...) -> None: ...

class GetHeadRequest(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetHeadResponse(_message.Message):
    __slots__ = ("head",)
    HEAD_FIELD_NUMBER: _ClassVar[int]
    head: Head
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ...) -> None: ...

class DeleteHeadRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteHeadResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClassifyRequest(_message.Message):
    __slots__ = ("model", "contents", "truncate", "top", "second_texts", "raw_scores")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    SECOND_TEXTS_FIELD_NUMBER: _ClassVar[int]
    RAW_SCORES_FIELD_NUMBER: _ClassVar[int]
    model: str
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    truncate: bool
    top: int
    second_texts: _containers.RepeatedScalarFieldContainer[str]
    raw_scores: bool
    def __init__(self, model: _Optional[str] = ..., contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., truncate: _Optional[bool] = ..., top: _Optional[int] = ..., second_texts: _Optional[_Iterable[str]] = ..., raw_scores: _Optional[bool] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("results", "problem", "timing")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ClassifyResult]
    problem: str
    timing: _report_pb2.Timing
    def __init__(self, results: _Optional[_Iterable[_Union[ClassifyResult, _Mapping]]] = ..., problem: _Optional[str] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class ClassifyResult(_message.Message):
    __slots__ = ("classification", "error")
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    classification: Classification
    error: _status_pb2.Status
    def __init__(self, classification: _Optional[_Union[Classification, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class Classification(_message.Message):
    __slots__ = ("labels", "truncated_tokens", "spans")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedCompositeFieldContainer[LabelScore]
    truncated_tokens: int
    spans: _containers.RepeatedCompositeFieldContainer[LabelSpan]
    def __init__(self, labels: _Optional[_Iterable[_Union[LabelScore, _Mapping]]] = ..., truncated_tokens: _Optional[int] = ..., spans: _Optional[_Iterable[_Union[LabelSpan, _Mapping]]] = ...) -> None: ...

class LabelSpan(_message.Message):
    __slots__ = ("name", "score", "begin_character", "end_character", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    BEGIN_CHARACTER_FIELD_NUMBER: _ClassVar[int]
    END_CHARACTER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    score: float
    begin_character: int
    end_character: int
    text: str
    def __init__(self, name: _Optional[str] = ..., score: _Optional[float] = ..., begin_character: _Optional[int] = ..., end_character: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class LabelScore(_message.Message):
    __slots__ = ("name", "score")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    name: str
    score: float
    def __init__(self, name: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...
