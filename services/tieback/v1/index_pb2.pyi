import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import content_pb2 as _content_pb2
from tieback.v1 import metadata_pb2 as _metadata_pb2
from tieback.v1 import query_pb2 as _query_pb2
from tieback.v1 import report_pb2 as _report_pb2
from tieback.v1 import router_pb2 as _router_pb2
from tieback.v1 import tenant_pb2 as _tenant_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReadIn(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    READ_IN_UNSPECIFIED: _ClassVar[ReadIn]
    READ_IN_OLD: _ClassVar[ReadIn]
    READ_IN_NEW: _ClassVar[ReadIn]
    READ_IN_TRANSLATED: _ClassVar[ReadIn]
READ_IN_UNSPECIFIED: ReadIn
READ_IN_OLD: ReadIn
READ_IN_NEW: ReadIn
READ_IN_TRANSLATED: ReadIn

class Collection(_message.Message):
    __slots__ = ("name", "space", "width", "item_count", "section_count", "create_time", "routing", "vector_count", "sources", "damage", "stale", "codec", "resident_bytes", "codec_trained_on", "token_vectors", "plan", "moving")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    SECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    VECTOR_COUNT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CODEC_TRAINED_ON_FIELD_NUMBER: _ClassVar[int]
    TOKEN_VECTORS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    MOVING_FIELD_NUMBER: _ClassVar[int]
    name: str
    space: _vector_pb2.SpaceRef
    width: int
    item_count: int
    section_count: int
    create_time: _timestamp_pb2.Timestamp
    routing: _router_pb2.Routing
    vector_count: int
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    damage: str
    stale: str
    codec: _report_pb2.Method
    resident_bytes: int
    codec_trained_on: int
    token_vectors: TokenVectors
    plan: _query_pb2.QueryOptions
    moving: Moving
    def __init__(self, name: _Optional[str] = ..., space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., width: _Optional[int] = ..., item_count: _Optional[int] = ..., section_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., routing: _Optional[_Union[_router_pb2.Routing, _Mapping]] = ..., vector_count: _Optional[int] = ..., sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ..., damage: _Optional[str] = ..., stale: _Optional[str] = ..., codec: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., resident_bytes: _Optional[int] = ..., codec_trained_on: _Optional[int] = ..., token_vectors: _Optional[_Union[TokenVectors, _Mapping]] = ..., plan: _Optional[_Union[_query_pb2.QueryOptions, _Mapping]] = ..., moving: _Optional[_Union[Moving, _Mapping]] = ...) -> None: ...

class Moving(_message.Message):
    __slots__ = ("space", "width", "done", "total", "paused", "translation", "trust", "translates_stored")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    TRANSLATION_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    TRANSLATES_STORED_FIELD_NUMBER: _ClassVar[int]
    space: _vector_pb2.SpaceRef
    width: int
    done: int
    total: int
    paused: bool
    translation: str
    trust: float
    translates_stored: bool
    def __init__(self, space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., width: _Optional[int] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., paused: _Optional[bool] = ..., translation: _Optional[str] = ..., trust: _Optional[float] = ..., translates_stored: _Optional[bool] = ...) -> None: ...

class TokenVectors(_message.Message):
    __slots__ = ("space", "width", "pooling", "codec", "stored_bytes")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    POOLING_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    space: _vector_pb2.SpaceRef
    width: int
    pooling: _report_pb2.Method
    codec: _report_pb2.Method
    stored_bytes: int
    def __init__(self, space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., width: _Optional[int] = ..., pooling: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., codec: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., stored_bytes: _Optional[int] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ("name", "host", "location", "item_count", "index_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    INDEX_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    host: str
    location: str
    item_count: int
    index_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., host: _Optional[str] = ..., location: _Optional[str] = ..., item_count: _Optional[int] = ..., index_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateCollectionRequest(_message.Message):
    __slots__ = ("name", "space", "width", "routing", "codec", "token_vectors", "plan")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    TOKEN_VECTORS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    name: str
    space: _vector_pb2.SpaceRef
    width: int
    routing: _router_pb2.Routing
    codec: _report_pb2.Method
    token_vectors: TokenVectors
    plan: _query_pb2.QueryOptions
    def __init__(self, name: _Optional[str] = ..., space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., width: _Optional[int] = ..., routing: _Optional[_Union[_router_pb2.Routing, _Mapping]] = ..., codec: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., token_vectors: _Optional[_Union[TokenVectors, _Mapping]] = ..., plan: _Optional[_Union[_query_pb2.QueryOptions, _Mapping]] = ...) -> None: ...

class CreateCollectionResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class UpdateCollectionRequest(_message.Message):
    __slots__ = ("name", "plan")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    name: str
    plan: _query_pb2.QueryOptions
    def __init__(self, name: _Optional[str] = ..., plan: _Optional[_Union[_query_pb2.QueryOptions, _Mapping]] = ...) -> None: ...

class UpdateCollectionResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class GetCollectionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCollectionResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class ListCollectionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCollectionsResponse(_message.Message):
    __slots__ = ("collections", "next_page_token")
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedCompositeFieldContainer[Collection]
    next_page_token: str
    def __init__(self, collections: _Optional[_Iterable[_Union[Collection, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteCollectionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteCollectionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class IndexedItem(_message.Message):
    __slots__ = ("item", "sections", "following")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    FOLLOWING_FIELD_NUMBER: _ClassVar[int]
    item: _content_pb2.Item
    sections: _containers.RepeatedCompositeFieldContainer[IndexedSection]
    following: FollowingVectors
    def __init__(self, item: _Optional[_Union[_content_pb2.Item, _Mapping]] = ..., sections: _Optional[_Iterable[_Union[IndexedSection, _Mapping]]] = ..., following: _Optional[_Union[FollowingVectors, _Mapping]] = ...) -> None: ...

class FollowingVectors(_message.Message):
    __slots__ = ("sections", "pieces")
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    sections: _containers.RepeatedCompositeFieldContainer[IndexedSection]
    pieces: _containers.RepeatedCompositeFieldContainer[FollowingPiece]
    def __init__(self, sections: _Optional[_Iterable[_Union[IndexedSection, _Mapping]]] = ..., pieces: _Optional[_Iterable[_Union[FollowingPiece, _Mapping]]] = ...) -> None: ...

class FollowingPiece(_message.Message):
    __slots__ = ("section", "id", "span")
    SECTION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    section: int
    id: str
    span: _vector_pb2.TextSpan
    def __init__(self, section: _Optional[int] = ..., id: _Optional[str] = ..., span: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ...) -> None: ...

class IndexedSection(_message.Message):
    __slots__ = ("vector", "text", "modality", "regions", "tokens")
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    vector: _vector_pb2.Vector
    text: str
    modality: _content_pb2.Modality
    regions: _vector_pb2.MultiVector
    tokens: _vector_pb2.MultiVector
    def __init__(self, vector: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., text: _Optional[str] = ..., modality: _Optional[_Union[_content_pb2.Modality, str]] = ..., regions: _Optional[_Union[_vector_pb2.MultiVector, _Mapping]] = ..., tokens: _Optional[_Union[_vector_pb2.MultiVector, _Mapping]] = ...) -> None: ...

class UpsertItemsRequest(_message.Message):
    __slots__ = ("collection", "items")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    items: _containers.RepeatedCompositeFieldContainer[IndexedItem]
    def __init__(self, collection: _Optional[str] = ..., items: _Optional[_Iterable[_Union[IndexedItem, _Mapping]]] = ...) -> None: ...

class UpsertItemsResponse(_message.Message):
    __slots__ = ("sequence", "results", "timing")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    results: _containers.RepeatedCompositeFieldContainer[_status_pb2.Status]
    timing: _report_pb2.Timing
    def __init__(self, sequence: _Optional[int] = ..., results: _Optional[_Iterable[_Union[_status_pb2.Status, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ...) -> None: ...

class DeleteItemsRequest(_message.Message):
    __slots__ = ("collection", "ids")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, collection: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteItemsResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class GetItemRequest(_message.Message):
    __slots__ = ("collection", "id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    id: str
    def __init__(self, collection: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetItemResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: _content_pb2.Item
    def __init__(self, item: _Optional[_Union[_content_pb2.Item, _Mapping]] = ...) -> None: ...

class GetOriginalRequest(_message.Message):
    __slots__ = ("collection", "item_id", "section_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    item_id: str
    section_id: str
    def __init__(self, collection: _Optional[str] = ..., item_id: _Optional[str] = ..., section_id: _Optional[str] = ...) -> None: ...

class GetOriginalResponse(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: _content_pb2.Content
    def __init__(self, content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ...) -> None: ...

class ListItemsRequest(_message.Message):
    __slots__ = ("collection", "page_size", "page_token", "filter", "without_sections")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_SECTIONS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    page_size: int
    page_token: str
    filter: str
    without_sections: bool
    def __init__(self, collection: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., without_sections: _Optional[bool] = ...) -> None: ...

class ListItemsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_content_pb2.Item]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[_content_pb2.Item, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CountItemsRequest(_message.Message):
    __slots__ = ("collection", "filter")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: str
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class CountItemsResponse(_message.Message):
    __slots__ = ("item_count", "section_count")
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    SECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    item_count: int
    section_count: int
    def __init__(self, item_count: _Optional[int] = ..., section_count: _Optional[int] = ...) -> None: ...

class RecordSourceRequest(_message.Message):
    __slots__ = ("collection", "source", "moved")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    collection: str
    source: Source
    moved: bool
    def __init__(self, collection: _Optional[str] = ..., source: _Optional[_Union[Source, _Mapping]] = ..., moved: _Optional[bool] = ...) -> None: ...

class RecordSourceResponse(_message.Message):
    __slots__ = ("source",)
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    source: Source
    def __init__(self, source: _Optional[_Union[Source, _Mapping]] = ...) -> None: ...

class DeleteSourceRequest(_message.Message):
    __slots__ = ("collection", "name")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    collection: str
    name: str
    def __init__(self, collection: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class DeleteSourceResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("collection", "vector", "text", "limit", "filter", "options", "ignored", "multi_vectors", "signals", "token_vectors", "explain", "vectors", "second", "first_modality", "related_from", "fill_up")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    MULTI_VECTORS_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_VECTORS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    FIRST_MODALITY_FIELD_NUMBER: _ClassVar[int]
    RELATED_FROM_FIELD_NUMBER: _ClassVar[int]
    FILL_UP_FIELD_NUMBER: _ClassVar[int]
    collection: str
    vector: _vector_pb2.Vector
    text: str
    limit: int
    filter: str
    options: _query_pb2.QueryOptions
    ignored: _containers.RepeatedCompositeFieldContainer[_router_pb2.IgnoredDimensions]
    multi_vectors: bool
    signals: _containers.RepeatedScalarFieldContainer[str]
    token_vectors: bool
    explain: bool
    vectors: bool
    second: SecondVector
    first_modality: _content_pb2.Modality
    related_from: float
    fill_up: bool
    def __init__(self, collection: _Optional[str] = ..., vector: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., text: _Optional[str] = ..., limit: _Optional[int] = ..., filter: _Optional[str] = ..., options: _Optional[_Union[_query_pb2.QueryOptions, _Mapping]] = ..., ignored: _Optional[_Iterable[_Union[_router_pb2.IgnoredDimensions, _Mapping]]] = ..., multi_vectors: _Optional[bool] = ..., signals: _Optional[_Iterable[str]] = ..., token_vectors: _Optional[bool] = ..., explain: _Optional[bool] = ..., vectors: _Optional[bool] = ..., second: _Optional[_Union[SecondVector, _Mapping]] = ..., first_modality: _Optional[_Union[_content_pb2.Modality, str]] = ..., related_from: _Optional[float] = ..., fill_up: _Optional[bool] = ...) -> None: ...

class SecondVector(_message.Message):
    __slots__ = ("vector", "ignored")
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    vector: _vector_pb2.Vector
    ignored: _containers.RepeatedCompositeFieldContainer[_router_pb2.IgnoredDimensions]
    def __init__(self, vector: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., ignored: _Optional[_Iterable[_Union[_router_pb2.IgnoredDimensions, _Mapping]]] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("hits", "timing", "expanded", "vector_search", "expected_recall", "steps", "expected_us")
    HITS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    EXPANDED_FIELD_NUMBER: _ClassVar[int]
    VECTOR_SEARCH_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_RECALL_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_US_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[Hit]
    timing: _report_pb2.Timing
    expanded: bool
    vector_search: _report_pb2.Method
    expected_recall: float
    steps: _containers.RepeatedCompositeFieldContainer[StageScores]
    expected_us: int
    def __init__(self, hits: _Optional[_Iterable[_Union[Hit, _Mapping]]] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ..., expanded: _Optional[bool] = ..., vector_search: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., expected_recall: _Optional[float] = ..., steps: _Optional[_Iterable[_Union[StageScores, _Mapping]]] = ..., expected_us: _Optional[int] = ...) -> None: ...

class Hit(_message.Message):
    __slots__ = ("item_id", "item_title", "section_id", "section_title", "modality", "text", "uri", "metadata", "score", "vector_score", "text_score", "region", "span", "words_matched", "pieces", "multi_vector", "signals", "sections", "highlights", "vector", "segments", "read_in", "own_score", "trust", "also_in")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _metadata_pb2.MetadataValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_metadata_pb2.MetadataValue, _Mapping]] = ...) -> None: ...
    class SignalsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_TITLE_FIELD_NUMBER: _ClassVar[int]
    SECTION_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_TITLE_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    VECTOR_SCORE_FIELD_NUMBER: _ClassVar[int]
    TEXT_SCORE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    WORDS_MATCHED_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    MULTI_VECTOR_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHTS_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    READ_IN_FIELD_NUMBER: _ClassVar[int]
    OWN_SCORE_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    ALSO_IN_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    item_title: str
    section_id: str
    section_title: str
    modality: _content_pb2.Modality
    text: str
    uri: str
    metadata: _containers.MessageMap[str, _metadata_pb2.MetadataValue]
    score: float
    vector_score: float
    text_score: float
    region: _vector_pb2.Box
    span: _vector_pb2.TextSpan
    words_matched: float
    pieces: _containers.RepeatedCompositeFieldContainer[FoundPiece]
    multi_vector: _vector_pb2.MultiVector
    signals: _containers.ScalarMap[str, float]
    sections: _containers.RepeatedCompositeFieldContainer[Hit]
    highlights: _containers.RepeatedCompositeFieldContainer[Highlight]
    vector: _vector_pb2.Vector
    segments: _containers.RepeatedCompositeFieldContainer[_content_pb2.Segment]
    read_in: ReadIn
    own_score: float
    trust: float
    also_in: _containers.RepeatedCompositeFieldContainer[SameText]
    def __init__(self, item_id: _Optional[str] = ..., item_title: _Optional[str] = ..., section_id: _Optional[str] = ..., section_title: _Optional[str] = ..., modality: _Optional[_Union[_content_pb2.Modality, str]] = ..., text: _Optional[str] = ..., uri: _Optional[str] = ..., metadata: _Optional[_Mapping[str, _metadata_pb2.MetadataValue]] = ..., score: _Optional[float] = ..., vector_score: _Optional[float] = ..., text_score: _Optional[float] = ..., region: _Optional[_Union[_vector_pb2.Box, _Mapping]] = ..., span: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ..., words_matched: _Optional[float] = ..., pieces: _Optional[_Iterable[_Union[FoundPiece, _Mapping]]] = ..., multi_vector: _Optional[_Union[_vector_pb2.MultiVector, _Mapping]] = ..., signals: _Optional[_Mapping[str, float]] = ..., sections: _Optional[_Iterable[_Union[Hit, _Mapping]]] = ..., highlights: _Optional[_Iterable[_Union[Highlight, _Mapping]]] = ..., vector: _Optional[_Union[_vector_pb2.Vector, _Mapping]] = ..., segments: _Optional[_Iterable[_Union[_content_pb2.Segment, _Mapping]]] = ..., read_in: _Optional[_Union[ReadIn, str]] = ..., own_score: _Optional[float] = ..., trust: _Optional[float] = ..., also_in: _Optional[_Iterable[_Union[SameText, _Mapping]]] = ...) -> None: ...

class SameText(_message.Message):
    __slots__ = ("item_id", "item_title", "section_id", "uri")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_TITLE_FIELD_NUMBER: _ClassVar[int]
    SECTION_ID_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    item_title: str
    section_id: str
    uri: str
    def __init__(self, item_id: _Optional[str] = ..., item_title: _Optional[str] = ..., section_id: _Optional[str] = ..., uri: _Optional[str] = ...) -> None: ...

class Highlight(_message.Message):
    __slots__ = ("span", "words", "similarity")
    SPAN_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    span: _vector_pb2.TextSpan
    words: float
    similarity: float
    def __init__(self, span: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ..., words: _Optional[float] = ..., similarity: _Optional[float] = ...) -> None: ...

class StageScores(_message.Message):
    __slots__ = ("stage", "hits", "scores", "normalised", "ranks", "kept", "reasons")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    NORMALISED_FIELD_NUMBER: _ClassVar[int]
    RANKS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    hits: _containers.RepeatedScalarFieldContainer[int]
    scores: _containers.RepeatedScalarFieldContainer[float]
    normalised: _containers.RepeatedScalarFieldContainer[float]
    ranks: _containers.RepeatedScalarFieldContainer[int]
    kept: _containers.RepeatedScalarFieldContainer[int]
    reasons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, stage: _Optional[str] = ..., hits: _Optional[_Iterable[int]] = ..., scores: _Optional[_Iterable[float]] = ..., normalised: _Optional[_Iterable[float]] = ..., ranks: _Optional[_Iterable[int]] = ..., kept: _Optional[_Iterable[int]] = ..., reasons: _Optional[_Iterable[str]] = ...) -> None: ...

class FoundPiece(_message.Message):
    __slots__ = ("section_id", "text", "score", "span", "vector_score", "words_matched", "relevance", "below_floor")
    SECTION_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    VECTOR_SCORE_FIELD_NUMBER: _ClassVar[int]
    WORDS_MATCHED_FIELD_NUMBER: _ClassVar[int]
    RELEVANCE_FIELD_NUMBER: _ClassVar[int]
    BELOW_FLOOR_FIELD_NUMBER: _ClassVar[int]
    section_id: str
    text: str
    score: float
    span: _vector_pb2.TextSpan
    vector_score: float
    words_matched: float
    relevance: float
    below_floor: bool
    def __init__(self, section_id: _Optional[str] = ..., text: _Optional[str] = ..., score: _Optional[float] = ..., span: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ..., vector_score: _Optional[float] = ..., words_matched: _Optional[float] = ..., relevance: _Optional[float] = ..., below_floor: _Optional[bool] = ...) -> None: ...

class GetUsageRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetUsageResponse(_message.Message):
    __slots__ = ("usage",)
    USAGE_FIELD_NUMBER: _ClassVar[int]
    usage: _tenant_pb2.Usage
    def __init__(self, usage: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("name", "collection", "space", "width", "item_count", "section_count", "vector_count", "byte_count", "create_time", "version", "damage")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    SECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    VECTOR_COUNT_FIELD_NUMBER: _ClassVar[int]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    collection: str
    space: _vector_pb2.SpaceRef
    width: int
    item_count: int
    section_count: int
    vector_count: int
    byte_count: int
    create_time: _timestamp_pb2.Timestamp
    version: str
    damage: str
    def __init__(self, name: _Optional[str] = ..., collection: _Optional[str] = ..., space: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., width: _Optional[int] = ..., item_count: _Optional[int] = ..., section_count: _Optional[int] = ..., vector_count: _Optional[int] = ..., byte_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[str] = ..., damage: _Optional[str] = ...) -> None: ...

class CreateSnapshotRequest(_message.Message):
    __slots__ = ("collection", "name")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    collection: str
    name: str
    def __init__(self, collection: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class CreateSnapshotResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: Snapshot
    def __init__(self, snapshot: _Optional[_Union[Snapshot, _Mapping]] = ...) -> None: ...

class ListSnapshotsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSnapshotsResponse(_message.Message):
    __slots__ = ("snapshots", "next_page_token")
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    snapshots: _containers.RepeatedCompositeFieldContainer[Snapshot]
    next_page_token: str
    def __init__(self, snapshots: _Optional[_Iterable[_Union[Snapshot, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RestoreSnapshotRequest(_message.Message):
    __slots__ = ("snapshot", "collection", "any_space")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ANY_SPACE_FIELD_NUMBER: _ClassVar[int]
    snapshot: str
    collection: str
    any_space: bool
    def __init__(self, snapshot: _Optional[str] = ..., collection: _Optional[str] = ..., any_space: _Optional[bool] = ...) -> None: ...

class RestoreSnapshotResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class DeleteSnapshotRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteSnapshotResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExportSnapshotRequest(_message.Message):
    __slots__ = ("name", "offset")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    name: str
    offset: int
    def __init__(self, name: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class ExportSnapshotResponse(_message.Message):
    __slots__ = ("data", "total_bytes")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    total_bytes: int
    def __init__(self, data: _Optional[bytes] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class ImportSnapshotRequest(_message.Message):
    __slots__ = ("name", "offset", "data", "last")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    name: str
    offset: int
    data: bytes
    last: bool
    def __init__(self, name: _Optional[str] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...

class ImportSnapshotResponse(_message.Message):
    __slots__ = ("received_bytes", "snapshot")
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    received_bytes: int
    snapshot: Snapshot
    def __init__(self, received_bytes: _Optional[int] = ..., snapshot: _Optional[_Union[Snapshot, _Mapping]] = ...) -> None: ...
