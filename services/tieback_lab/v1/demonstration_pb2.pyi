import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tieback.v1 import report_pb2 as _report_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Demonstration(_message.Message):
    __slots__ = ("id", "passage", "question", "answer")
    ID_FIELD_NUMBER: _ClassVar[int]
    PASSAGE_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    id: str
    passage: str
    question: str
    answer: str
    def __init__(self, id: _Optional[str] = ..., passage: _Optional[str] = ..., question: _Optional[str] = ..., answer: _Optional[str] = ...) -> None: ...

class StoredDemonstration(_message.Message):
    __slots__ = ("demonstration", "tokens", "passage_tokens", "create_time")
    DEMONSTRATION_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    PASSAGE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    demonstration: Demonstration
    tokens: int
    passage_tokens: int
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, demonstration: _Optional[_Union[Demonstration, _Mapping]] = ..., tokens: _Optional[int] = ..., passage_tokens: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PutDemonstrationRequest(_message.Message):
    __slots__ = ("demonstration",)
    DEMONSTRATION_FIELD_NUMBER: _ClassVar[int]
    demonstration: Demonstration
    def __init__(self, demonstration: _Optional[_Union[Demonstration, _Mapping]] = ...) -> None: ...

class PutDemonstrationResponse(_message.Message):
    __slots__ = ("stored", "timing")
    STORED_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    stored: StoredDemonstration
    timing: _report_pb2.Timing
    def __init__(self, stored: _Optional[_Union[StoredDemonstration, _Mapping]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class ListDemonstrationsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDemonstrationsResponse(_message.Message):
    __slots__ = ("demonstrations",)
    DEMONSTRATIONS_FIELD_NUMBER: _ClassVar[int]
    demonstrations: _containers.RepeatedCompositeFieldContainer[StoredDemonstration]
    def __init__(self, demonstrations: _Optional[_Iterable[_Union[StoredDemonstration, _Mapping]]] = ...) -> None: ...

class DeleteDemonstrationRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteDemonstrationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
