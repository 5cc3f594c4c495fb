from google.rpc import status_pb2 as _status_pb2
from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import content_pb2 as _content_pb2
from tieback.v1 import report_pb2 as _report_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecogniseRequest(_message.Message):
    __slots__ = ("contents", "model", "fusion")
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FUSION_FIELD_NUMBER: _ClassVar[int]
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    model: str
    fusion: _report_pb2.Method
    def __init__(self, contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., model: _Optional[str] = ..., fusion: _Optional[_Union[_report_pb2.Method, _Mapping]] = ...) -> None: ...

class RecogniseResponse(_message.Message):
    __slots__ = ("results", "timing")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RecogniseResult]
    timing: _report_pb2.Timing
    def __init__(self, results: _Optional[_Iterable[_Union[RecogniseResult, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class RecogniseResult(_message.Message):
    __slots__ = ("recognised", "error")
    RECOGNISED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    recognised: _content_pb2.RecognisedText
    error: _status_pb2.Status
    def __init__(self, recognised: _Optional[_Union[_content_pb2.RecognisedText, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
