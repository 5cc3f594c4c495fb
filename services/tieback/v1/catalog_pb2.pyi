from tieback.v1 import answer_pb2 as _answer_pb2
from tieback.v1 import content_pb2 as _content_pb2
from tieback.v1 import generator_pb2 as _generator_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListSpacesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSpacesResponse(_message.Message):
    __slots__ = ("spaces",)
    SPACES_FIELD_NUMBER: _ClassVar[int]
    spaces: _containers.RepeatedCompositeFieldContainer[Space]
    def __init__(self, spaces: _Optional[_Iterable[_Union[Space, _Mapping]]] = ...) -> None: ...

class GetSpaceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetSpaceResponse(_message.Message):
    __slots__ = ("space",)
    SPACE_FIELD_NUMBER: _ClassVar[int]
    space: Space
    def __init__(self, space: _Optional[_Union[Space, _Mapping]] = ...) -> None: ...

class Space(_message.Message):
    __slots__ = ("ref", "modalities", "width", "widths", "kinds", "max_tokens", "description", "license", "upstream", "binding", "ready", "precision", "drift", "blocks", "projections", "binding_revision", "name", "layers", "reductions", "deadline_exits", "features", "adapters")
    REF_FIELD_NUMBER: _ClassVar[int]
    MODALITIES_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    WIDTHS_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    PROJECTIONS_FIELD_NUMBER: _ClassVar[int]
    BINDING_REVISION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    REDUCTIONS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_EXITS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ADAPTERS_FIELD_NUMBER: _ClassVar[int]
    ref: _vector_pb2.SpaceRef
    modalities: _containers.RepeatedScalarFieldContainer[_content_pb2.Modality]
    width: int
    widths: _containers.RepeatedScalarFieldContainer[int]
    kinds: _containers.RepeatedScalarFieldContainer[_vector_pb2.VectorKind]
    max_tokens: int
    description: str
    license: str
    upstream: str
    binding: str
    ready: bool
    precision: str
    drift: _containers.RepeatedCompositeFieldContainer[Drift]
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    projections: _containers.RepeatedScalarFieldContainer[str]
    binding_revision: str
    name: str
    layers: _containers.RepeatedScalarFieldContainer[int]
    reductions: _containers.RepeatedCompositeFieldContainer[MeasuredReduction]
    deadline_exits: bool
    features: _containers.RepeatedScalarFieldContainer[str]
    adapters: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ref: _Optional[_Union[_vector_pb2.SpaceRef, _Mapping]] = ..., modalities: _Optional[_Iterable[_Union[_content_pb2.Modality, str]]] = ..., width: _Optional[int] = ..., widths: _Optional[_Iterable[int]] = ..., kinds: _Optional[_Iterable[_Union[_vector_pb2.VectorKind, str]]] = ..., max_tokens: _Optional[int] = ..., description: _Optional[str] = ..., license: _Optional[str] = ..., upstream: _Optional[str] = ..., binding: _Optional[str] = ..., ready: _Optional[bool] = ..., precision: _Optional[str] = ..., drift: _Optional[_Iterable[_Union[Drift, _Mapping]]] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ..., projections: _Optional[_Iterable[str]] = ..., binding_revision: _Optional[str] = ..., name: _Optional[str] = ..., layers: _Optional[_Iterable[int]] = ..., reductions: _Optional[_Iterable[_Union[MeasuredReduction, _Mapping]]] = ..., deadline_exits: _Optional[bool] = ..., features: _Optional[_Iterable[str]] = ..., adapters: _Optional[_Iterable[str]] = ...) -> None: ...

class MeasuredReduction(_message.Message):
    __slots__ = ("method", "ratio", "speed", "lost", "served")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RATIO_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    SERVED_FIELD_NUMBER: _ClassVar[int]
    method: str
    ratio: float
    speed: float
    lost: float
    served: bool
    def __init__(self, method: _Optional[str] = ..., ratio: _Optional[float] = ..., speed: _Optional[float] = ..., lost: _Optional[float] = ..., served: _Optional[bool] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("space", "width")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    space: str
    width: int
    def __init__(self, space: _Optional[str] = ..., width: _Optional[int] = ...) -> None: ...

class Drift(_message.Message):
    __slots__ = ("measure", "value", "float32_value")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    FLOAT32_VALUE_FIELD_NUMBER: _ClassVar[int]
    measure: str
    value: float
    float32_value: float
    def __init__(self, measure: _Optional[str] = ..., value: _Optional[float] = ..., float32_value: _Optional[float] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "rerankers", "recognisers", "checkers", "classifiers")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    RERANKERS_FIELD_NUMBER: _ClassVar[int]
    RECOGNISERS_FIELD_NUMBER: _ClassVar[int]
    CHECKERS_FIELD_NUMBER: _ClassVar[int]
    CLASSIFIERS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    rerankers: _containers.RepeatedCompositeFieldContainer[Model]
    recognisers: _containers.RepeatedCompositeFieldContainer[Model]
    checkers: _containers.RepeatedCompositeFieldContainer[Model]
    classifiers: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., rerankers: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., recognisers: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., checkers: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., classifiers: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "revision", "context_tokens", "description", "license", "upstream", "ready", "modality", "recognises", "labels")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    RECOGNISES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    context_tokens: int
    description: str
    license: str
    upstream: str
    ready: bool
    modality: _content_pb2.Modality
    recognises: _content_pb2.SegmentKind
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ..., context_tokens: _Optional[int] = ..., description: _Optional[str] = ..., license: _Optional[str] = ..., upstream: _Optional[str] = ..., ready: _Optional[bool] = ..., modality: _Optional[_Union[_content_pb2.Modality, str]] = ..., recognises: _Optional[_Union[_content_pb2.SegmentKind, str]] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class ListMethodsRequest(_message.Message):
    __slots__ = ("family",)
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    family: str
    def __init__(self, family: _Optional[str] = ...) -> None: ...

class ListMethodsResponse(_message.Message):
    __slots__ = ("methods",)
    METHODS_FIELD_NUMBER: _ClassVar[int]
    methods: _containers.RepeatedCompositeFieldContainer[MethodDescription]
    def __init__(self, methods: _Optional[_Iterable[_Union[MethodDescription, _Mapping]]] = ...) -> None: ...

class MethodDescription(_message.Message):
    __slots__ = ("family", "name", "summary", "parameters_schema")
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    family: str
    name: str
    summary: str
    parameters_schema: str
    def __init__(self, family: _Optional[str] = ..., name: _Optional[str] = ..., summary: _Optional[str] = ..., parameters_schema: _Optional[str] = ...) -> None: ...

class ListEndpointsRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class ListEndpointsResponse(_message.Message):
    __slots__ = ("endpoints", "valid_ms")
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    VALID_MS_FIELD_NUMBER: _ClassVar[int]
    endpoints: _containers.RepeatedCompositeFieldContainer[Endpoint]
    valid_ms: int
    def __init__(self, endpoints: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ..., valid_ms: _Optional[int] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("address", "queued_tokens", "tokens_per_second")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    address: str
    queued_tokens: int
    tokens_per_second: float
    def __init__(self, address: _Optional[str] = ..., queued_tokens: _Optional[int] = ..., tokens_per_second: _Optional[float] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "limits", "services", "retrieval", "styles")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    RETRIEVAL_FIELD_NUMBER: _ClassVar[int]
    STYLES_FIELD_NUMBER: _ClassVar[int]
    version: str
    limits: Limits
    services: _containers.RepeatedCompositeFieldContainer[ServiceState]
    retrieval: _answer_pb2.RetrievalPlan
    styles: _containers.RepeatedScalarFieldContainer[_generator_pb2.AnswerStyle]
    def __init__(self, version: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., services: _Optional[_Iterable[_Union[ServiceState, _Mapping]]] = ..., retrieval: _Optional[_Union[_answer_pb2.RetrievalPlan, _Mapping]] = ..., styles: _Optional[_Iterable[_Union[_generator_pb2.AnswerStyle, str]]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("message_bytes", "batch_items", "text_bytes", "image_pixels", "audio_seconds", "points", "queued_tokens", "query_parts", "rerank_tokens", "rerank_steps", "decoded_bytes", "stop_texts", "stop_bytes", "name_bytes", "filter_bytes", "sections", "entries", "numbers", "fields", "depth", "request_bytes", "open_calls", "tenant_calls", "connection_calls", "metadata_key_bytes", "metadata_bytes", "collection_keys", "collections")
    MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BATCH_ITEMS_FIELD_NUMBER: _ClassVar[int]
    TEXT_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_SECONDS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    QUERY_PARTS_FIELD_NUMBER: _ClassVar[int]
    RERANK_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RERANK_STEPS_FIELD_NUMBER: _ClassVar[int]
    DECODED_BYTES_FIELD_NUMBER: _ClassVar[int]
    STOP_TEXTS_FIELD_NUMBER: _ClassVar[int]
    STOP_BYTES_FIELD_NUMBER: _ClassVar[int]
    NAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILTER_BYTES_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    OPEN_CALLS_FIELD_NUMBER: _ClassVar[int]
    TENANT_CALLS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_CALLS_FIELD_NUMBER: _ClassVar[int]
    METADATA_KEY_BYTES_FIELD_NUMBER: _ClassVar[int]
    METADATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_KEYS_FIELD_NUMBER: _ClassVar[int]
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    message_bytes: int
    batch_items: int
    text_bytes: int
    image_pixels: int
    audio_seconds: float
    points: int
    queued_tokens: int
    query_parts: int
    rerank_tokens: int
    rerank_steps: int
    decoded_bytes: int
    stop_texts: int
    stop_bytes: int
    name_bytes: int
    filter_bytes: int
    sections: int
    entries: int
    numbers: int
    fields: int
    depth: int
    request_bytes: int
    open_calls: int
    tenant_calls: int
    connection_calls: int
    metadata_key_bytes: int
    metadata_bytes: int
    collection_keys: int
    collections: int
    def __init__(self, message_bytes: _Optional[int] = ..., batch_items: _Optional[int] = ..., text_bytes: _Optional[int] = ..., image_pixels: _Optional[int] = ..., audio_seconds: _Optional[float] = ..., points: _Optional[int] = ..., queued_tokens: _Optional[int] = ..., query_parts: _Optional[int] = ..., rerank_tokens: _Optional[int] = ..., rerank_steps: _Optional[int] = ..., decoded_bytes: _Optional[int] = ..., stop_texts: _Optional[int] = ..., stop_bytes: _Optional[int] = ..., name_bytes: _Optional[int] = ..., filter_bytes: _Optional[int] = ..., sections: _Optional[int] = ..., entries: _Optional[int] = ..., numbers: _Optional[int] = ..., fields: _Optional[int] = ..., depth: _Optional[int] = ..., request_bytes: _Optional[int] = ..., open_calls: _Optional[int] = ..., tenant_calls: _Optional[int] = ..., connection_calls: _Optional[int] = ..., metadata_key_bytes: _Optional[int] = ..., metadata_bytes: _Optional[int] = ..., collection_keys: _Optional[int] = ..., collections: _Optional[int] = ...) -> None: ...

class ServiceState(_message.Message):
    __slots__ = ("name", "ready", "replicas", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    ready: bool
    replicas: int
    detail: str
    def __init__(self, name: _Optional[str] = ..., ready: _Optional[bool] = ..., replicas: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...
