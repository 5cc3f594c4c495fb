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
    __slots__ = ("name", "begin_us", "duration_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BEGIN_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    begin_us: int
    duration_us: int
    def __init__(self, name: _Optional[str] = ..., begin_us: _Optional[int] = ..., duration_us: _Optional[int] = ...) -> None: ...

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
