from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import report_pb2 as _report_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Granularity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANULARITY_UNSPECIFIED: _ClassVar[Granularity]
    GRANULARITY_SECTION: _ClassVar[Granularity]
    GRANULARITY_DOCUMENT: _ClassVar[Granularity]
GRANULARITY_UNSPECIFIED: Granularity
GRANULARITY_SECTION: Granularity
GRANULARITY_DOCUMENT: Granularity

class QueryOptions(_message.Message):
    __slots__ = ("hybrid", "balance_modalities", "rank_fusion", "reranker", "candidates", "collapse_pieces", "query_expansion", "diversity", "hits_per_item", "granularity", "ranker", "vector_search", "min_relevance", "highlights", "every_copy", "min_scores", "stages")
    class MinScoresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    HYBRID_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MODALITIES_FIELD_NUMBER: _ClassVar[int]
    RANK_FUSION_FIELD_NUMBER: _ClassVar[int]
    RERANKER_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    COLLAPSE_PIECES_FIELD_NUMBER: _ClassVar[int]
    QUERY_EXPANSION_FIELD_NUMBER: _ClassVar[int]
    DIVERSITY_FIELD_NUMBER: _ClassVar[int]
    HITS_PER_ITEM_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    RANKER_FIELD_NUMBER: _ClassVar[int]
    VECTOR_SEARCH_FIELD_NUMBER: _ClassVar[int]
    MIN_RELEVANCE_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHTS_FIELD_NUMBER: _ClassVar[int]
    EVERY_COPY_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORES_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    hybrid: bool
    balance_modalities: bool
    rank_fusion: _report_pb2.Method
    reranker: _report_pb2.Method
    candidates: int
    collapse_pieces: bool
    query_expansion: _report_pb2.Method
    diversity: float
    hits_per_item: int
    granularity: Granularity
    ranker: _report_pb2.Method
    vector_search: _report_pb2.Method
    min_relevance: float
    highlights: int
    every_copy: bool
    min_scores: _containers.ScalarMap[str, float]
    stages: _containers.RepeatedCompositeFieldContainer[_report_pb2.Method]
    def __init__(self, hybrid: _Optional[bool] = ..., balance_modalities: _Optional[bool] = ..., rank_fusion: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., reranker: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., candidates: _Optional[int] = ..., collapse_pieces: _Optional[bool] = ..., query_expansion: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., diversity: _Optional[float] = ..., hits_per_item: _Optional[int] = ..., granularity: _Optional[_Union[Granularity, str]] = ..., ranker: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., vector_search: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., min_relevance: _Optional[float] = ..., highlights: _Optional[int] = ..., every_copy: _Optional[bool] = ..., min_scores: _Optional[_Mapping[str, float]] = ..., stages: _Optional[_Iterable[_Union[_report_pb2.Method, _Mapping]]] = ...) -> None: ...
