from google.rpc import status_pb2 as _status_pb2
from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import content_pb2 as _content_pb2
from tieback.v1 import generator_pb2 as _generator_pb2
from tieback.v1 import index_pb2 as _index_pb2
from tieback.v1 import query_pb2 as _query_pb2
from tieback.v1 import report_pb2 as _report_pb2
from tieback.v1 import reranker_pb2 as _reranker_pb2
from tieback.v1 import router_pb2 as _router_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LongTexts(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LONG_TEXTS_UNSPECIFIED: _ClassVar[LongTexts]
    LONG_TEXTS_SPLIT: _ClassVar[LongTexts]
    LONG_TEXTS_TRUNCATE: _ClassVar[LongTexts]
    LONG_TEXTS_REFUSE: _ClassVar[LongTexts]
LONG_TEXTS_UNSPECIFIED: LongTexts
LONG_TEXTS_SPLIT: LongTexts
LONG_TEXTS_TRUNCATE: LongTexts
LONG_TEXTS_REFUSE: LongTexts

class IngestItemsRequest(_message.Message):
    __slots__ = ("collection", "items", "long_texts", "space", "codec", "token_vectors")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXTS_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    TOKEN_VECTORS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    items: _containers.RepeatedCompositeFieldContainer[_content_pb2.Item]
    long_texts: LongTexts
    space: str
    codec: _report_pb2.Method
    token_vectors: _index_pb2.TokenVectors
    def __init__(self, collection: _Optional[str] = ..., items: _Optional[_Iterable[_Union[_content_pb2.Item, _Mapping]]] = ..., long_texts: _Optional[_Union[LongTexts, str]] = ..., space: _Optional[str] = ..., codec: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., token_vectors: _Optional[_Union[_index_pb2.TokenVectors, _Mapping]] = ...) -> None: ...

class IngestItemsResponse(_message.Message):
    __slots__ = ("sequence", "results", "timing")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    results: _containers.RepeatedCompositeFieldContainer[IngestResult]
    timing: _report_pb2.Timing
    def __init__(self, sequence: _Optional[int] = ..., results: _Optional[_Iterable[_Union[IngestResult, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class IngestResult(_message.Message):
    __slots__ = ("id", "status", "truncated_sections", "truncated", "split_sections", "added_sections")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_SECTIONS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    SPLIT_SECTIONS_FIELD_NUMBER: _ClassVar[int]
    ADDED_SECTIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: _status_pb2.Status
    truncated_sections: int
    truncated: _containers.RepeatedCompositeFieldContainer[Truncated]
    split_sections: int
    added_sections: int
    def __init__(self, id: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., truncated_sections: _Optional[int] = ..., truncated: _Optional[_Iterable[_Union[Truncated, _Mapping]]] = ..., split_sections: _Optional[int] = ..., added_sections: _Optional[int] = ...) -> None: ...

class Truncated(_message.Message):
    __slots__ = ("space", "sections", "tokens", "window")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    space: str
    sections: int
    tokens: int
    window: int
    def __init__(self, space: _Optional[str] = ..., sections: _Optional[int] = ..., tokens: _Optional[int] = ..., window: _Optional[int] = ...) -> None: ...

class RetrieveRequest(_message.Message):
    __slots__ = ("collection", "query", "limit", "filter", "routing", "options", "explain")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    collection: str
    query: _containers.RepeatedCompositeFieldContainer[QueryPart]
    limit: int
    filter: str
    routing: _router_pb2.Routing
    options: _query_pb2.QueryOptions
    explain: bool
    def __init__(self, collection: _Optional[str] = ..., query: _Optional[_Iterable[_Union[QueryPart, _Mapping]]] = ..., limit: _Optional[int] = ..., filter: _Optional[str] = ..., routing: _Optional[_Union[_router_pb2.Routing, _Mapping]] = ..., options: _Optional[_Union[_query_pb2.QueryOptions, _Mapping]] = ..., explain: _Optional[bool] = ...) -> None: ...

class RetrievalPlan(_message.Message):
    __slots__ = ("options", "relevance_floor", "token_vectors", "expected_recall", "expected_us", "skipped_reranker", "first_modality", "fill_up")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    RELEVANCE_FLOOR_FIELD_NUMBER: _ClassVar[int]
    TOKEN_VECTORS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_RECALL_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_US_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_RERANKER_FIELD_NUMBER: _ClassVar[int]
    FIRST_MODALITY_FIELD_NUMBER: _ClassVar[int]
    FILL_UP_FIELD_NUMBER: _ClassVar[int]
    options: _query_pb2.QueryOptions
    relevance_floor: float
    token_vectors: bool
    expected_recall: float
    expected_us: int
    skipped_reranker: _report_pb2.Method
    first_modality: _content_pb2.Modality
    fill_up: bool
    def __init__(self, options: _Optional[_Union[_query_pb2.QueryOptions, _Mapping]] = ..., relevance_floor: _Optional[float] = ..., token_vectors: _Optional[bool] = ..., expected_recall: _Optional[float] = ..., expected_us: _Optional[int] = ..., skipped_reranker: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., first_modality: _Optional[_Union[_content_pb2.Modality, str]] = ..., fill_up: _Optional[bool] = ...) -> None: ...

class QueryPart(_message.Message):
    __slots__ = ("content", "weight")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    content: _content_pb2.Content
    weight: float
    def __init__(self, content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., weight: _Optional[float] = ...) -> None: ...

class RetrieveResponse(_message.Message):
    __slots__ = ("hits", "routing", "labels", "timing", "plan", "truncated", "steps", "mixture")
    HITS_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    MIXTURE_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[RetrievedHit]
    routing: _router_pb2.RoutingExplanation
    labels: _containers.RepeatedCompositeFieldContainer[_content_pb2.Label]
    timing: _report_pb2.Timing
    plan: RetrievalPlan
    truncated: _containers.RepeatedCompositeFieldContainer[Truncated]
    steps: _containers.RepeatedCompositeFieldContainer[_index_pb2.StageScores]
    mixture: Mixture
    def __init__(self, hits: _Optional[_Iterable[_Union[RetrievedHit, _Mapping]]] = ..., routing: _Optional[_Union[_router_pb2.RoutingExplanation, _Mapping]] = ..., labels: _Optional[_Iterable[_Union[_content_pb2.Label, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ..., plan: _Optional[_Union[RetrievalPlan, _Mapping]] = ..., truncated: _Optional[_Iterable[_Union[Truncated, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[_index_pb2.StageScores, _Mapping]]] = ..., mixture: _Optional[_Union[Mixture, _Mapping]] = ...) -> None: ...

class Mixture(_message.Message):
    __slots__ = ("old", "new", "translated", "trust", "done")
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    TRANSLATED_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    old: int
    new: int
    translated: int
    trust: float
    done: float
    def __init__(self, old: _Optional[int] = ..., new: _Optional[int] = ..., translated: _Optional[int] = ..., trust: _Optional[float] = ..., done: _Optional[float] = ...) -> None: ...

class RetrievedHit(_message.Message):
    __slots__ = ("hit", "search_score", "search_rank", "rerank_score", "alignment", "relevance", "below_floor", "signals", "sections")
    HIT_FIELD_NUMBER: _ClassVar[int]
    SEARCH_SCORE_FIELD_NUMBER: _ClassVar[int]
    SEARCH_RANK_FIELD_NUMBER: _ClassVar[int]
    RERANK_SCORE_FIELD_NUMBER: _ClassVar[int]
    ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    RELEVANCE_FIELD_NUMBER: _ClassVar[int]
    BELOW_FLOOR_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    hit: _index_pb2.Hit
    search_score: float
    search_rank: int
    rerank_score: float
    alignment: _reranker_pb2.Alignment
    relevance: float
    below_floor: bool
    signals: _containers.RepeatedCompositeFieldContainer[SignalShare]
    sections: _containers.RepeatedCompositeFieldContainer[RetrievedHit]
    def __init__(self, hit: _Optional[_Union[_index_pb2.Hit, _Mapping]] = ..., search_score: _Optional[float] = ..., search_rank: _Optional[int] = ..., rerank_score: _Optional[float] = ..., alignment: _Optional[_Union[_reranker_pb2.Alignment, _Mapping]] = ..., relevance: _Optional[float] = ..., below_floor: _Optional[bool] = ..., signals: _Optional[_Iterable[_Union[SignalShare, _Mapping]]] = ..., sections: _Optional[_Iterable[_Union[RetrievedHit, _Mapping]]] = ...) -> None: ...

class SignalShare(_message.Message):
    __slots__ = ("name", "value", "contribution")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    contribution: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., contribution: _Optional[float] = ...) -> None: ...

class AnswerRequest(_message.Message):
    __slots__ = ("retrieval", "model", "evidence_limit", "sampling", "grounding", "style", "history", "system")
    RETRIEVAL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    GROUNDING_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    retrieval: RetrieveRequest
    model: str
    evidence_limit: int
    sampling: _generator_pb2.SamplingParameters
    grounding: _generator_pb2.Grounding
    style: _generator_pb2.AnswerStyle
    history: _containers.RepeatedCompositeFieldContainer[_generator_pb2.ChatMessage]
    system: str
    def __init__(self, retrieval: _Optional[_Union[RetrieveRequest, _Mapping]] = ..., model: _Optional[str] = ..., evidence_limit: _Optional[int] = ..., sampling: _Optional[_Union[_generator_pb2.SamplingParameters, _Mapping]] = ..., grounding: _Optional[_Union[_generator_pb2.Grounding, _Mapping]] = ..., style: _Optional[_Union[_generator_pb2.AnswerStyle, str]] = ..., history: _Optional[_Iterable[_Union[_generator_pb2.ChatMessage, _Mapping]]] = ..., system: _Optional[str] = ...) -> None: ...

class AnswerResponse(_message.Message):
    __slots__ = ("retrieval", "generation")
    RETRIEVAL_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    retrieval: RetrieveResponse
    generation: _generator_pb2.GenerateResponse
    def __init__(self, retrieval: _Optional[_Union[RetrieveResponse, _Mapping]] = ..., generation: _Optional[_Union[_generator_pb2.GenerateResponse, _Mapping]] = ...) -> None: ...
