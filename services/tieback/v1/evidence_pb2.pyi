from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import content_pb2 as _content_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VerdictLabel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_LABEL_UNSPECIFIED: _ClassVar[VerdictLabel]
    VERDICT_LABEL_SUPPORTED: _ClassVar[VerdictLabel]
    VERDICT_LABEL_CONTRADICTED: _ClassVar[VerdictLabel]
    VERDICT_LABEL_UNSUPPORTED: _ClassVar[VerdictLabel]
    VERDICT_LABEL_NOT_CHECKED: _ClassVar[VerdictLabel]
    VERDICT_LABEL_LOW_CONFIDENCE: _ClassVar[VerdictLabel]

class NotCheckedReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOT_CHECKED_REASON_UNSPECIFIED: _ClassVar[NotCheckedReason]
    NOT_CHECKED_REASON_NO_PASSAGES: _ClassVar[NotCheckedReason]
    NOT_CHECKED_REASON_STATES_NOTHING: _ClassVar[NotCheckedReason]
    NOT_CHECKED_REASON_LANGUAGE: _ClassVar[NotCheckedReason]
    NOT_CHECKED_REASON_TOO_LONG: _ClassVar[NotCheckedReason]
    NOT_CHECKED_REASON_NO_TEXT: _ClassVar[NotCheckedReason]
    NOT_CHECKED_REASON_LABELS_ALONE: _ClassVar[NotCheckedReason]

class QuestionFit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUESTION_FIT_UNSPECIFIED: _ClassVar[QuestionFit]
    QUESTION_FIT_ANSWERS: _ClassVar[QuestionFit]
    QUESTION_FIT_ECHO: _ClassVar[QuestionFit]
    QUESTION_FIT_OTHER_KIND: _ClassVar[QuestionFit]
    QUESTION_FIT_UNSURE: _ClassVar[QuestionFit]
    QUESTION_FIT_LIKELY: _ClassVar[QuestionFit]

class Disagreement(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISAGREEMENT_UNSPECIFIED: _ClassVar[Disagreement]
    DISAGREEMENT_NUMBER: _ClassVar[Disagreement]
    DISAGREEMENT_DATE: _ClassVar[Disagreement]
    DISAGREEMENT_NAME: _ClassVar[Disagreement]
    DISAGREEMENT_NEGATION: _ClassVar[Disagreement]
    DISAGREEMENT_NOT_MENTIONED: _ClassVar[Disagreement]
    DISAGREEMENT_OTHER_SOURCE: _ClassVar[Disagreement]
    DISAGREEMENT_STATEMENT: _ClassVar[Disagreement]

class ConflictKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONFLICT_KIND_UNSPECIFIED: _ClassVar[ConflictKind]
    CONFLICT_KIND_NUMBER: _ClassVar[ConflictKind]
    CONFLICT_KIND_DATE: _ClassVar[ConflictKind]
    CONFLICT_KIND_NAME: _ClassVar[ConflictKind]
    CONFLICT_KIND_NEGATION: _ClassVar[ConflictKind]
    CONFLICT_KIND_STATEMENT: _ClassVar[ConflictKind]

class AbstentionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ABSTENTION_REASON_UNSPECIFIED: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_NO_EVIDENCE: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_WEAK_EVIDENCE: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_UNSUPPORTED_ANSWER: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_NO_ANSWER: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_SEARCH_AGAIN: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_NOT_NAMED: _ClassVar[AbstentionReason]
VERDICT_LABEL_UNSPECIFIED: VerdictLabel
VERDICT_LABEL_SUPPORTED: VerdictLabel
VERDICT_LABEL_CONTRADICTED: VerdictLabel
VERDICT_LABEL_UNSUPPORTED: VerdictLabel
VERDICT_LABEL_NOT_CHECKED: VerdictLabel
VERDICT_LABEL_LOW_CONFIDENCE: VerdictLabel
NOT_CHECKED_REASON_UNSPECIFIED: NotCheckedReason
NOT_CHECKED_REASON_NO_PASSAGES: NotCheckedReason
NOT_CHECKED_REASON_STATES_NOTHING: NotCheckedReason
NOT_CHECKED_REASON_LANGUAGE: NotCheckedReason
NOT_CHECKED_REASON_TOO_LONG: NotCheckedReason
NOT_CHECKED_REASON_NO_TEXT: NotCheckedReason
NOT_CHECKED_REASON_LABELS_ALONE: NotCheckedReason
QUESTION_FIT_UNSPECIFIED: QuestionFit
QUESTION_FIT_ANSWERS: QuestionFit
QUESTION_FIT_ECHO: QuestionFit
QUESTION_FIT_OTHER_KIND: QuestionFit
QUESTION_FIT_UNSURE: QuestionFit
QUESTION_FIT_LIKELY: QuestionFit
DISAGREEMENT_UNSPECIFIED: Disagreement
DISAGREEMENT_NUMBER: Disagreement
DISAGREEMENT_DATE: Disagreement
DISAGREEMENT_NAME: Disagreement
DISAGREEMENT_NEGATION: Disagreement
DISAGREEMENT_NOT_MENTIONED: Disagreement
DISAGREEMENT_OTHER_SOURCE: Disagreement
DISAGREEMENT_STATEMENT: Disagreement
CONFLICT_KIND_UNSPECIFIED: ConflictKind
CONFLICT_KIND_NUMBER: ConflictKind
CONFLICT_KIND_DATE: ConflictKind
CONFLICT_KIND_NAME: ConflictKind
CONFLICT_KIND_NEGATION: ConflictKind
CONFLICT_KIND_STATEMENT: ConflictKind
ABSTENTION_REASON_UNSPECIFIED: AbstentionReason
ABSTENTION_REASON_NO_EVIDENCE: AbstentionReason
ABSTENTION_REASON_WEAK_EVIDENCE: AbstentionReason
ABSTENTION_REASON_UNSUPPORTED_ANSWER: AbstentionReason
ABSTENTION_REASON_NO_ANSWER: AbstentionReason
ABSTENTION_REASON_SEARCH_AGAIN: AbstentionReason
ABSTENTION_REASON_NOT_NAMED: AbstentionReason

class Evidence(_message.Message):
    __slots__ = ("id", "text", "title", "item_id", "section_id", "uri", "modality", "score", "region", "segments")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_ID_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    text: str
    title: str
    item_id: str
    section_id: str
    uri: str
    modality: _content_pb2.Modality
    score: float
    region: _vector_pb2.Box
    segments: _containers.RepeatedCompositeFieldContainer[_content_pb2.Segment]
    def __init__(self, id: _Optional[str] = ..., text: _Optional[str] = ..., title: _Optional[str] = ..., item_id: _Optional[str] = ..., section_id: _Optional[str] = ..., uri: _Optional[str] = ..., modality: _Optional[_Union[_content_pb2.Modality, str]] = ..., score: _Optional[float] = ..., region: _Optional[_Union[_vector_pb2.Box, _Mapping]] = ..., segments: _Optional[_Iterable[_Union[_content_pb2.Segment, _Mapping]]] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("id", "span", "text")
    ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    id: int
    span: _vector_pb2.TextSpan
    text: str
    def __init__(self, id: _Optional[int] = ..., span: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class Citation(_message.Message):
    __slots__ = ("claim_id", "evidence_id", "place", "support")
    CLAIM_ID_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_ID_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_FIELD_NUMBER: _ClassVar[int]
    claim_id: int
    evidence_id: str
    place: CitedPlace
    support: float
    def __init__(self, claim_id: _Optional[int] = ..., evidence_id: _Optional[str] = ..., place: _Optional[_Union[CitedPlace, _Mapping]] = ..., support: _Optional[float] = ...) -> None: ...

class CitedPlace(_message.Message):
    __slots__ = ("item_id", "section_id", "text_span", "region", "time")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_SPAN_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    section_id: str
    text_span: _vector_pb2.TextSpan
    region: _vector_pb2.Box
    time: _vector_pb2.TimeRange
    def __init__(self, item_id: _Optional[str] = ..., section_id: _Optional[str] = ..., text_span: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ..., region: _Optional[_Union[_vector_pb2.Box, _Mapping]] = ..., time: _Optional[_Union[_vector_pb2.TimeRange, _Mapping]] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("claim_id", "label", "score", "checker", "reason", "answers_question", "nearest", "disagreement", "marked", "compared", "checker_revision", "other_language")
    CLAIM_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CHECKER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_QUESTION_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    MARKED_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    CHECKER_REVISION_FIELD_NUMBER: _ClassVar[int]
    OTHER_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    claim_id: int
    label: VerdictLabel
    score: float
    checker: str
    reason: NotCheckedReason
    answers_question: QuestionFit
    nearest: Citation
    disagreement: Disagreement
    marked: _containers.RepeatedCompositeFieldContainer[_vector_pb2.TextSpan]
    compared: ConflictingPlace
    checker_revision: str
    other_language: bool
    def __init__(self, claim_id: _Optional[int] = ..., label: _Optional[_Union[VerdictLabel, str]] = ..., score: _Optional[float] = ..., checker: _Optional[str] = ..., reason: _Optional[_Union[NotCheckedReason, str]] = ..., answers_question: _Optional[_Union[QuestionFit, str]] = ..., nearest: _Optional[_Union[Citation, _Mapping]] = ..., disagreement: _Optional[_Union[Disagreement, str]] = ..., marked: _Optional[_Iterable[_Union[_vector_pb2.TextSpan, _Mapping]]] = ..., compared: _Optional[_Union[ConflictingPlace, _Mapping]] = ..., checker_revision: _Optional[str] = ..., other_language: _Optional[bool] = ...) -> None: ...

class ConflictingPlace(_message.Message):
    __slots__ = ("evidence_id", "place", "differs", "text")
    EVIDENCE_ID_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    DIFFERS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    evidence_id: str
    place: CitedPlace
    differs: _vector_pb2.TextSpan
    text: str
    def __init__(self, evidence_id: _Optional[str] = ..., place: _Optional[_Union[CitedPlace, _Mapping]] = ..., differs: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class Conflict(_message.Message):
    __slots__ = ("claim_id", "kind", "cited", "other")
    CLAIM_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CITED_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    claim_id: int
    kind: ConflictKind
    cited: ConflictingPlace
    other: ConflictingPlace
    def __init__(self, claim_id: _Optional[int] = ..., kind: _Optional[_Union[ConflictKind, str]] = ..., cited: _Optional[_Union[ConflictingPlace, _Mapping]] = ..., other: _Optional[_Union[ConflictingPlace, _Mapping]] = ...) -> None: ...

class Abstention(_message.Message):
    __slots__ = ("reason", "score", "threshold", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: AbstentionReason
    score: float
    threshold: float
    message: str
    def __init__(self, reason: _Optional[_Union[AbstentionReason, str]] = ..., score: _Optional[float] = ..., threshold: _Optional[float] = ..., message: _Optional[str] = ...) -> None: ...
