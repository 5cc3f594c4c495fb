from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Timing(_message.Message):
    __slots__ = ("queue_us", "prepare_us", "compute_us", "total_us", "stages")
    QUEUE_US_FIELD_NUMBER: _ClassVar[int]
    PREPARE_US_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_US_FIELD_NUMBER: _ClassVar[int]
    TOTAL_US_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    queue_us: int
    prepare_us: int
    compute_us: int
    total_us: int
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    def __init__(self, queue_us: _Optional[int] = ..., prepare_us: _Optional[int] = ..., compute_us: _Optional[int] = ..., total_us: _Optional[int] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ...) -> None: ...

class Stage(_message.Message):
    __slots__ = ("name", "begin_us", "duration_us", "within", "queue_us", "compute_us", "candidates_in", "candidates_out", "dropped", "structure")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BEGIN_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    QUEUE_US_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_US_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_IN_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_OUT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    STRUCTURE_FIELD_NUMBER: _ClassVar[int]
    name: str
    begin_us: int
    duration_us: int
    within: str
    queue_us: int
    compute_us: int
    candidates_in: int
    candidates_out: int
    dropped: _containers.RepeatedCompositeFieldContainer[Dropped]
    structure: str
    def __init__(self, name: _Optional[str] = ..., begin_us: _Optional[int] = ..., duration_us: _Optional[int] = ..., within: _Optional[str] = ..., queue_us: _Optional[int] = ..., compute_us: _Optional[int] = ..., candidates_in: _Optional[int] = ..., candidates_out: _Optional[int] = ..., dropped: _Optional[_Iterable[_Union[Dropped, _Mapping]]] = ..., structure: _Optional[str] = ...) -> None: ...

class Dropped(_message.Message):
    __slots__ = ("reason", "count", "best")
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    reason: str
    count: int
    best: _containers.RepeatedCompositeFieldContainer[DroppedSection]
    def __init__(self, reason: _Optional[str] = ..., count: _Optional[int] = ..., best: _Optional[_Iterable[_Union[DroppedSection, _Mapping]]] = ...) -> None: ...

class DroppedSection(_message.Message):
    __slots__ = ("item_id", "section_id", "score")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    section_id: str
    score: float
    def __init__(self, item_id: _Optional[str] = ..., section_id: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("batch_size", "tokens", "padding_tokens", "cached_items", "shared_items")
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    PADDING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_ITEMS_FIELD_NUMBER: _ClassVar[int]
    SHARED_ITEMS_FIELD_NUMBER: _ClassVar[int]
    batch_size: int
    tokens: int
    padding_tokens: int
    cached_items: int
    shared_items: int
    def __init__(self, batch_size: _Optional[int] = ..., tokens: _Optional[int] = ..., padding_tokens: _Optional[int] = ..., cached_items: _Optional[int] = ..., shared_items: _Optional[int] = ...) -> None: ...

class Method(_message.Message):
    __slots__ = ("name", "parameters")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    parameters: _struct_pb2.Struct
    def __init__(self, name: _Optional[str] = ..., parameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
