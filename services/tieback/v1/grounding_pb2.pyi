from google.rpc import status_pb2 as _status_pb2
from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import evidence_pb2 as _evidence_pb2
from tieback.v1 import report_pb2 as _report_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GroundingCheck(_message.Message):
    __slots__ = ("text", "evidence", "claims", "question")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    text: str
    evidence: _containers.RepeatedCompositeFieldContainer[_evidence_pb2.Evidence]
    claims: _containers.RepeatedCompositeFieldContainer[_vector_pb2.TextSpan]
    question: str
    def __init__(self, text: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[_evidence_pb2.Evidence, _Mapping]]] = ..., claims: _Optional[_Iterable[_Union[_vector_pb2.TextSpan, _Mapping]]] = ..., question: _Optional[str] = ...) -> None: ...

class CheckGroundingRequest(_message.Message):
    __slots__ = ("checks", "checker")
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    CHECKER_FIELD_NUMBER: _ClassVar[int]
    checks: _containers.RepeatedCompositeFieldContainer[GroundingCheck]
    checker: _report_pb2.Method
    def __init__(self, checks: _Optional[_Iterable[_Union[GroundingCheck, _Mapping]]] = ..., checker: _Optional[_Union[_report_pb2.Method, _Mapping]] = ...) -> None: ...

class CheckedText(_message.Message):
    __slots__ = ("claims", "citations", "verdicts", "supported_share", "conflicts")
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_SHARE_FIELD_NUMBER: _ClassVar[int]
    CONFLICTS_FIELD_NUMBER: _ClassVar[int]
    claims: _containers.RepeatedCompositeFieldContainer[_evidence_pb2.Claim]
    citations: _containers.RepeatedCompositeFieldContainer[_evidence_pb2.Citation]
    verdicts: _containers.RepeatedCompositeFieldContainer[_evidence_pb2.Verdict]
    supported_share: float
    conflicts: _containers.RepeatedCompositeFieldContainer[_evidence_pb2.Conflict]
    def __init__(self, claims: _Optional[_Iterable[_Union[_evidence_pb2.Claim, _Mapping]]] = ..., citations: _Optional[_Iterable[_Union[_evidence_pb2.Citation, _Mapping]]] = ..., verdicts: _Optional[_Iterable[_Union[_evidence_pb2.Verdict, _Mapping]]] = ..., supported_share: _Optional[float] = ..., conflicts: _Optional[_Iterable[_Union[_evidence_pb2.Conflict, _Mapping]]] = ...) -> None: ...

class GroundingResult(_message.Message):
    __slots__ = ("checked", "error")
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    checked: CheckedText
    error: _status_pb2.Status
    def __init__(self, checked: _Optional[_Union[CheckedText, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class CheckGroundingResponse(_message.Message):
    __slots__ = ("results", "timing")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[GroundingResult]
    timing: _report_pb2.Timing
    def __init__(self, results: _Optional[_Iterable[_Union[GroundingResult, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...
