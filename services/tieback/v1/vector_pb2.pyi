from tieback.v1 import annotations_pb2 as _annotations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_TYPE_UNSPECIFIED: _ClassVar[DataType]
    DATA_TYPE_FLOAT32: _ClassVar[DataType]
    DATA_TYPE_FLOAT16: _ClassVar[DataType]
    DATA_TYPE_INT8: _ClassVar[DataType]
    DATA_TYPE_BINARY: _ClassVar[DataType]

class VectorKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VECTOR_KIND_UNSPECIFIED: _ClassVar[VectorKind]
    VECTOR_KIND_DENSE: _ClassVar[VectorKind]
    VECTOR_KIND_MULTI_VECTOR: _ClassVar[VectorKind]
    VECTOR_KIND_LABELS: _ClassVar[VectorKind]
    VECTOR_KIND_SPARSE: _ClassVar[VectorKind]
DATA_TYPE_UNSPECIFIED: DataType
DATA_TYPE_FLOAT32: DataType
DATA_TYPE_FLOAT16: DataType
DATA_TYPE_INT8: DataType
DATA_TYPE_BINARY: DataType
VECTOR_KIND_UNSPECIFIED: VectorKind
VECTOR_KIND_DENSE: VectorKind
VECTOR_KIND_MULTI_VECTOR: VectorKind
VECTOR_KIND_LABELS: VectorKind
VECTOR_KIND_SPARSE: VectorKind

class Tensor(_message.Message):
    __slots__ = ("dtype", "shape", "data")
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    dtype: DataType
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, dtype: _Optional[_Union[DataType, str]] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class SpaceRef(_message.Message):
    __slots__ = ("name", "revision", "fingerprint")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    fingerprint: str
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ..., fingerprint: _Optional[str] = ...) -> None: ...

class Vector(_message.Message):
    __slots__ = ("space", "values", "normalized", "scale")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    NORMALIZED_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    space: SpaceRef
    values: Tensor
    normalized: bool
    scale: float
    def __init__(self, space: _Optional[_Union[SpaceRef, _Mapping]] = ..., values: _Optional[_Union[Tensor, _Mapping]] = ..., normalized: _Optional[bool] = ..., scale: _Optional[float] = ...) -> None: ...

class MultiVector(_message.Message):
    __slots__ = ("space", "values", "byte_spans", "boxes", "time_ranges")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    BYTE_SPANS_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    TIME_RANGES_FIELD_NUMBER: _ClassVar[int]
    space: SpaceRef
    values: Tensor
    byte_spans: ByteSpans
    boxes: Boxes
    time_ranges: TimeRanges
    def __init__(self, space: _Optional[_Union[SpaceRef, _Mapping]] = ..., values: _Optional[_Union[Tensor, _Mapping]] = ..., byte_spans: _Optional[_Union[ByteSpans, _Mapping]] = ..., boxes: _Optional[_Union[Boxes, _Mapping]] = ..., time_ranges: _Optional[_Union[TimeRanges, _Mapping]] = ...) -> None: ...

class ByteSpans(_message.Message):
    __slots__ = ("begin_bytes", "end_bytes")
    BEGIN_BYTES_FIELD_NUMBER: _ClassVar[int]
    END_BYTES_FIELD_NUMBER: _ClassVar[int]
    begin_bytes: _containers.RepeatedScalarFieldContainer[int]
    end_bytes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, begin_bytes: _Optional[_Iterable[int]] = ..., end_bytes: _Optional[_Iterable[int]] = ...) -> None: ...

class Boxes(_message.Message):
    __slots__ = ("xs", "ys", "widths", "heights")
    XS_FIELD_NUMBER: _ClassVar[int]
    YS_FIELD_NUMBER: _ClassVar[int]
    WIDTHS_FIELD_NUMBER: _ClassVar[int]
    HEIGHTS_FIELD_NUMBER: _ClassVar[int]
    xs: _containers.RepeatedScalarFieldContainer[float]
    ys: _containers.RepeatedScalarFieldContainer[float]
    widths: _containers.RepeatedScalarFieldContainer[float]
    heights: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, xs: _Optional[_Iterable[float]] = ..., ys: _Optional[_Iterable[float]] = ..., widths: _Optional[_Iterable[float]] = ..., heights: _Optional[_Iterable[float]] = ...) -> None: ...

class TimeRanges(_message.Message):
    __slots__ = ("begin_seconds", "end_seconds")
    BEGIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    END_SECONDS_FIELD_NUMBER: _ClassVar[int]
    begin_seconds: _containers.RepeatedScalarFieldContainer[float]
    end_seconds: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, begin_seconds: _Optional[_Iterable[float]] = ..., end_seconds: _Optional[_Iterable[float]] = ...) -> None: ...

class Locator(_message.Message):
    __slots__ = ("byte_span", "box", "time_range")
    BYTE_SPAN_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    byte_span: TextSpan
    box: Box
    time_range: TimeRange
    def __init__(self, byte_span: _Optional[_Union[TextSpan, _Mapping]] = ..., box: _Optional[_Union[Box, _Mapping]] = ..., time_range: _Optional[_Union[TimeRange, _Mapping]] = ...) -> None: ...

class SparseVector(_message.Message):
    __slots__ = ("space", "indices", "weights", "terms")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    space: SpaceRef
    indices: _containers.RepeatedScalarFieldContainer[int]
    weights: Tensor
    terms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, space: _Optional[_Union[SpaceRef, _Mapping]] = ..., indices: _Optional[_Iterable[int]] = ..., weights: _Optional[_Union[Tensor, _Mapping]] = ..., terms: _Optional[_Iterable[str]] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    width: float
    height: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ..., width: _Optional[float] = ..., height: _Optional[float] = ...) -> None: ...

class TextSpan(_message.Message):
    __slots__ = ("begin_byte", "end_byte")
    BEGIN_BYTE_FIELD_NUMBER: _ClassVar[int]
    END_BYTE_FIELD_NUMBER: _ClassVar[int]
    begin_byte: int
    end_byte: int
    def __init__(self, begin_byte: _Optional[int] = ..., end_byte: _Optional[int] = ...) -> None: ...

class TimeRange(_message.Message):
    __slots__ = ("begin_seconds", "end_seconds")
    BEGIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    END_SECONDS_FIELD_NUMBER: _ClassVar[int]
    begin_seconds: float
    end_seconds: float
    def __init__(self, begin_seconds: _Optional[float] = ..., end_seconds: _Optional[float] = ...) -> None: ...

class Reduction(_message.Message):
    __slots__ = ("method", "ratio")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RATIO_FIELD_NUMBER: _ClassVar[int]
    method: str
    ratio: float
    def __init__(self, method: _Optional[str] = ..., ratio: _Optional[float] = ...) -> None: ...

class OutputSpec(_message.Message):
    __slots__ = ("width", "dtype", "kinds", "batch_invariant", "terms", "layer", "reduction", "earliest_layer", "condition", "adapter")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    BATCH_INVARIANT_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    EARLIEST_LAYER_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    width: int
    dtype: DataType
    kinds: _containers.RepeatedScalarFieldContainer[VectorKind]
    batch_invariant: bool
    terms: bool
    layer: int
    reduction: Reduction
    earliest_layer: int
    condition: str
    adapter: str
    def __init__(self, width: _Optional[int] = ..., dtype: _Optional[_Union[DataType, str]] = ..., kinds: _Optional[_Iterable[_Union[VectorKind, str]]] = ..., batch_invariant: _Optional[bool] = ..., terms: _Optional[bool] = ..., layer: _Optional[int] = ..., reduction: _Optional[_Union[Reduction, _Mapping]] = ..., earliest_layer: _Optional[int] = ..., condition: _Optional[str] = ..., adapter: _Optional[str] = ...) -> None: ...
