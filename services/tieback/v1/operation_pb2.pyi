import datetime

from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import index_pb2 as _index_pb2
from tieback.v1 import report_pb2 as _report_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OperationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_STATE_UNSPECIFIED: _ClassVar[OperationState]
    OPERATION_STATE_WAITING: _ClassVar[OperationState]
    OPERATION_STATE_RUNNING: _ClassVar[OperationState]
    OPERATION_STATE_SUCCEEDED: _ClassVar[OperationState]
    OPERATION_STATE_FAILED: _ClassVar[OperationState]
    OPERATION_STATE_CANCELLED: _ClassVar[OperationState]

class UpgradeAdvice(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UPGRADE_ADVICE_UNSPECIFIED: _ClassVar[UpgradeAdvice]
    UPGRADE_ADVICE_KEEP: _ClassVar[UpgradeAdvice]
    UPGRADE_ADVICE_REEMBED: _ClassVar[UpgradeAdvice]
    UPGRADE_ADVICE_TRANSLATE: _ClassVar[UpgradeAdvice]
OPERATION_STATE_UNSPECIFIED: OperationState
OPERATION_STATE_WAITING: OperationState
OPERATION_STATE_RUNNING: OperationState
OPERATION_STATE_SUCCEEDED: OperationState
OPERATION_STATE_FAILED: OperationState
OPERATION_STATE_CANCELLED: OperationState
UPGRADE_ADVICE_UNSPECIFIED: UpgradeAdvice
UPGRADE_ADVICE_KEEP: UpgradeAdvice
UPGRADE_ADVICE_REEMBED: UpgradeAdvice
UPGRADE_ADVICE_TRANSLATE: UpgradeAdvice

class OperationMetadata(_message.Message):
    __slots__ = ("kind", "subject", "state", "done", "total", "remaining", "cancelling", "trouble", "create_time", "run_time", "end_time")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    CANCELLING_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    RUN_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    kind: str
    subject: str
    state: OperationState
    done: int
    total: int
    remaining: _duration_pb2.Duration
    cancelling: bool
    trouble: str
    create_time: _timestamp_pb2.Timestamp
    run_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[str] = ..., subject: _Optional[str] = ..., state: _Optional[_Union[OperationState, str]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cancelling: _Optional[bool] = ..., trouble: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., run_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StartReindexRequest(_message.Message):
    __slots__ = ("collection", "space", "drop_missing")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    DROP_MISSING_FIELD_NUMBER: _ClassVar[int]
    collection: str
    space: str
    drop_missing: bool
    def __init__(self, collection: _Optional[str] = ..., space: _Optional[str] = ..., drop_missing: _Optional[bool] = ...) -> None: ...

class ReindexResult(_message.Message):
    __slots__ = ("total", "done", "failures", "failure_count", "finished", "space", "split_sections", "added_sections", "needed")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    SPLIT_SECTIONS_FIELD_NUMBER: _ClassVar[int]
    ADDED_SECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    total: int
    done: int
    failures: _containers.RepeatedCompositeFieldContainer[ReindexFailure]
    failure_count: int
    finished: bool
    space: _vector_pb2.SpaceRef
    split_sections: int
    added_sections: int
    needed: bool
    def __init__(self, total: _Optional[int] = ..., done: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[ReindexFailure, _Mapping]]] = ..., failure_count: _Optional[int] = ..., finished: _Optional[bool] = ..., space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., split_sections: _Optional[int] = ..., added_sections: _Optional[int] = ..., needed: _Optional[bool] = ...) -> None: ...

class ReindexFailure(_message.Message):
    __slots__ = ("id", "status")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: _status_pb2.Status
    def __init__(self, id: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class PlanUpgradeRequest(_message.Message):
    __slots__ = ("collection", "space", "policy", "labels", "items", "queries", "floor", "earlier")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    collection: str
    space: str
    policy: _report_pb2.Method
    labels: str
    items: int
    queries: _containers.RepeatedCompositeFieldContainer[JudgedQuery]
    floor: float
    earlier: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, collection: _Optional[str] = ..., space: _Optional[str] = ..., policy: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., labels: _Optional[str] = ..., items: _Optional[int] = ..., queries: _Optional[_Iterable[_Union[JudgedQuery, _Mapping]]] = ..., floor: _Optional[float] = ..., earlier: _Optional[_Iterable[str]] = ...) -> None: ...

class JudgedQuery(_message.Message):
    __slots__ = ("text", "grades")
    class GradesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    TEXT_FIELD_NUMBER: _ClassVar[int]
    GRADES_FIELD_NUMBER: _ClassVar[int]
    text: str
    grades: _containers.ScalarMap[str, int]
    def __init__(self, text: _Optional[str] = ..., grades: _Optional[_Mapping[str, int]] = ...) -> None: ...

class UpgradePlan(_message.Message):
    __slots__ = ("old_space", "new_space", "policy", "artifact", "width", "trained", "held_out", "left_out", "old_old", "new_old", "new_new", "native", "encoding_time", "training_time", "judged", "old", "reembedded", "policies", "curve", "cost", "advice", "reason", "gain", "matrix")
    OLD_SPACE_FIELD_NUMBER: _ClassVar[int]
    NEW_SPACE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    TRAINED_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    OLD_OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_NEW_FIELD_NUMBER: _ClassVar[int]
    NATIVE_FIELD_NUMBER: _ClassVar[int]
    ENCODING_TIME_FIELD_NUMBER: _ClassVar[int]
    TRAINING_TIME_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    REEMBEDDED_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    old_space: _vector_pb2.SpaceRef
    new_space: _vector_pb2.SpaceRef
    policy: _report_pb2.Method
    artifact: str
    width: int
    trained: int
    held_out: int
    left_out: int
    old_old: RecallAtOne
    new_old: RecallAtOne
    new_new: RecallAtOne
    native: RecallAtOne
    encoding_time: _duration_pb2.Duration
    training_time: _duration_pb2.Duration
    judged: int
    old: UpgradeWorth
    reembedded: UpgradeWorth
    policies: _containers.RepeatedCompositeFieldContainer[PolicyWorth]
    curve: _containers.RepeatedCompositeFieldContainer[UpgradePoint]
    cost: UpgradeCost
    advice: UpgradeAdvice
    reason: str
    gain: MeasuredNumber
    matrix: CompatibilityMatrix
    def __init__(self, old_space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., new_space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., policy: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., artifact: _Optional[str] = ..., width: _Optional[int] = ..., trained: _Optional[int] = ..., held_out: _Optional[int] = ..., left_out: _Optional[int] = ..., old_old: _Optional[_Union[RecallAtOne, _Mapping]] = ..., new_old: _Optional[_Union[RecallAtOne, _Mapping]] = ..., new_new: _Optional[_Union[RecallAtOne, _Mapping]] = ..., native: _Optional[_Union[RecallAtOne, _Mapping]] = ..., encoding_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., training_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., judged: _Optional[int] = ..., old: _Optional[_Union[UpgradeWorth, _Mapping]] = ..., reembedded: _Optional[_Union[UpgradeWorth, _Mapping]] = ..., policies: _Optional[_Iterable[_Union[PolicyWorth, _Mapping]]] = ..., curve: _Optional[_Iterable[_Union[UpgradePoint, _Mapping]]] = ..., cost: _Optional[_Union[UpgradeCost, _Mapping]] = ..., advice: _Optional[_Union[UpgradeAdvice, str]] = ..., reason: _Optional[str] = ..., gain: _Optional[_Union[MeasuredNumber, _Mapping]] = ..., matrix: _Optional[_Union[CompatibilityMatrix, _Mapping]] = ...) -> None: ...

class CompatibilityMatrix(_message.Message):
    __slots__ = ("spaces", "cells", "average_compatibility", "average_accuracy")
    SPACES_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_COMPATIBILITY_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    spaces: _containers.RepeatedCompositeFieldContainer[_vector_pb2.SpaceRef]
    cells: _containers.RepeatedCompositeFieldContainer[CompatibilityCell]
    average_compatibility: float
    average_accuracy: float
    def __init__(self, spaces: _Optional[_Iterable[_Union[_vector_pb2.SpaceRef, _Mapping]]] = ..., cells: _Optional[_Iterable[_Union[CompatibilityCell, _Mapping]]] = ..., average_compatibility: _Optional[float] = ..., average_accuracy: _Optional[float] = ...) -> None: ...

class CompatibilityCell(_message.Message):
    __slots__ = ("query", "gallery", "ndcg", "policy")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    NDCG_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    query: int
    gallery: int
    ndcg: MeasuredNumber
    policy: str
    def __init__(self, query: _Optional[int] = ..., gallery: _Optional[int] = ..., ndcg: _Optional[_Union[MeasuredNumber, _Mapping]] = ..., policy: _Optional[str] = ...) -> None: ...

class MeasuredNumber(_message.Message):
    __slots__ = ("value", "low", "high")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class UpgradeWorth(_message.Message):
    __slots__ = ("ndcg", "recall", "kept")
    NDCG_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    ndcg: MeasuredNumber
    recall: float
    kept: MeasuredNumber
    def __init__(self, ndcg: _Optional[_Union[MeasuredNumber, _Mapping]] = ..., recall: _Optional[float] = ..., kept: _Optional[_Union[MeasuredNumber, _Mapping]] = ...) -> None: ...

class PolicyWorth(_message.Message):
    __slots__ = ("policy", "translated", "led", "retention", "refused", "translates_stored")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    TRANSLATED_FIELD_NUMBER: _ClassVar[int]
    LED_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    TRANSLATES_STORED_FIELD_NUMBER: _ClassVar[int]
    policy: str
    translated: UpgradeWorth
    led: UpgradeWorth
    retention: MeasuredNumber
    refused: bool
    translates_stored: bool
    def __init__(self, policy: _Optional[str] = ..., translated: _Optional[_Union[UpgradeWorth, _Mapping]] = ..., led: _Optional[_Union[UpgradeWorth, _Mapping]] = ..., retention: _Optional[_Union[MeasuredNumber, _Mapping]] = ..., refused: _Optional[bool] = ..., translates_stored: _Optional[bool] = ...) -> None: ...

class UpgradePoint(_message.Message):
    __slots__ = ("share", "both", "translated")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    BOTH_FIELD_NUMBER: _ClassVar[int]
    TRANSLATED_FIELD_NUMBER: _ClassVar[int]
    share: float
    both: float
    translated: float
    def __init__(self, share: _Optional[float] = ..., both: _Optional[float] = ..., translated: _Optional[float] = ...) -> None: ...

class UpgradeCost(_message.Message):
    __slots__ = ("sections", "encoding_time", "translation_time", "items", "staying_items", "staying_sections")
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_TIME_FIELD_NUMBER: _ClassVar[int]
    TRANSLATION_TIME_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    STAYING_ITEMS_FIELD_NUMBER: _ClassVar[int]
    STAYING_SECTIONS_FIELD_NUMBER: _ClassVar[int]
    sections: int
    encoding_time: _duration_pb2.Duration
    translation_time: _duration_pb2.Duration
    items: int
    staying_items: int
    staying_sections: int
    def __init__(self, sections: _Optional[int] = ..., encoding_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., translation_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., items: _Optional[int] = ..., staying_items: _Optional[int] = ..., staying_sections: _Optional[int] = ...) -> None: ...

class StartUpgradeRequest(_message.Message):
    __slots__ = ("collection", "space", "least_trust")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    LEAST_TRUST_FIELD_NUMBER: _ClassVar[int]
    collection: str
    space: str
    least_trust: float
    def __init__(self, collection: _Optional[str] = ..., space: _Optional[str] = ..., least_trust: _Optional[float] = ...) -> None: ...

class UpgradeResult(_message.Message):
    __slots__ = ("old_space", "new_space", "done", "total", "failures", "failure_count", "paused", "over", "staying")
    OLD_SPACE_FIELD_NUMBER: _ClassVar[int]
    NEW_SPACE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    STAYING_FIELD_NUMBER: _ClassVar[int]
    old_space: _vector_pb2.SpaceRef
    new_space: _vector_pb2.SpaceRef
    done: int
    total: int
    failures: _containers.RepeatedCompositeFieldContainer[ReindexFailure]
    failure_count: int
    paused: bool
    over: bool
    staying: int
    def __init__(self, old_space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., new_space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[ReindexFailure, _Mapping]]] = ..., failure_count: _Optional[int] = ..., paused: _Optional[bool] = ..., over: _Optional[bool] = ..., staying: _Optional[int] = ...) -> None: ...

class PauseUpgradeRequest(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: str
    def __init__(self, collection: _Optional[str] = ...) -> None: ...

class PauseUpgradeResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: _index_pb2.Collection
    def __init__(self, collection: _Optional[_Union[_index_pb2.Collection, _Mapping]] = ...) -> None: ...

class ResumeUpgradeRequest(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: str
    def __init__(self, collection: _Optional[str] = ...) -> None: ...

class RollbackUpgradeRequest(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: str
    def __init__(self, collection: _Optional[str] = ...) -> None: ...

class RollbackUpgradeResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: _index_pb2.Collection
    def __init__(self, collection: _Optional[_Union[_index_pb2.Collection, _Mapping]] = ...) -> None: ...

class GetUpgradeReportRequest(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: str
    def __init__(self, collection: _Optional[str] = ...) -> None: ...

class GetUpgradeReportResponse(_message.Message):
    __slots__ = ("page",)
    PAGE_FIELD_NUMBER: _ClassVar[int]
    page: str
    def __init__(self, page: _Optional[str] = ...) -> None: ...

class FinishUpgradeRequest(_message.Message):
    __slots__ = ("collection", "drop_missing")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DROP_MISSING_FIELD_NUMBER: _ClassVar[int]
    collection: str
    drop_missing: bool
    def __init__(self, collection: _Optional[str] = ..., drop_missing: _Optional[bool] = ...) -> None: ...

class FinishUpgradeResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: _index_pb2.Collection
    def __init__(self, collection: _Optional[_Union[_index_pb2.Collection, _Mapping]] = ...) -> None: ...

class RecallAtOne(_message.Message):
    __slots__ = ("value", "low", "high")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...
