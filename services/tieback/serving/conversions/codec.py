"""The codec of the server: it trusts no message, and says which field of it is wrong.

`reading` and `writing` give the functions of a type whose fields are as those of its message; what else a
value must be is a check here.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from tieback_contract import converters, method_choice, tensors
from tieback_contract.arrays import OUTSIDE, Array, Box, inside
from tieback_contract.codec import MessageCodec
from tieback_contract.codec_runtime import Outcomes, each_alone
from tieback_contract.encodings import Encoding, EncodingSource, Reduction
from tieback_contract.field_path import ROOT, FieldPath, at
from tieback_contract.hits import Hit
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText, Segment
from tieback_contract.reports import Timing
from tieback_contract.vectors import DType, MultiVector, SparseVector, Vector

from tieback.core.alone import Alone
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.multi_vectors import check_rows
from tieback.serving.conversions.frames import finite
from tieback.serving.conversions.metadata import fill_metadata_value, metadata_value
from tieback.serving.requests import failures
from tieback.v1 import report_pb2

T = TypeVar("T")
M = TypeVar("M")
LARGEST_INDEX = 2**31 - 1
LAST_BYTE = 2**32 - 1
NO_MODALITY = f"say the modality: one of {', '.join(Modality.__members__)}"


def _unknown(kind: type[enum.Enum], number: int) -> object:
    if kind is EncodingSource:
        return EncodingSource.COMPUTED
    refusal = NO_MODALITY if kind is Modality else f"{number} is no {kind.__name__} that this server knows"
    raise InvalidInput(refusal)


CODEC = converters.with_converters(
    MessageCodec(InvalidInput, _unknown, outcomes=Outcomes(TiebackError, Alone))
)


def reading(kind: type[T], message: Any) -> Callable[..., T]:
    """The function that reads a value of a message that is at `field` of the request."""
    read = CODEC.reader(kind, message.DESCRIPTOR)

    def read_at(message: Any, field: FieldPath = ROOT) -> T:
        try:
            return read(message)
        except InvalidInput as error:
            raise error.within(field) from None

    read_at.__annotations__["message"] = message
    return read_at


def elements_alone(read: Callable[[Any], T], messages: Iterable[Any]) -> list[Any]:
    """Values that `read` makes of messages; the error of one that cannot be read stands in its place."""
    return each_alone(Alone, read, messages)


def writing(kind: type[T], message: type[M]) -> Callable[[T], M]:
    """The function that makes the message of a value."""
    return CODEC.writer(kind, message)


def array_of(message: Any, *, rank: int) -> Array:
    """The array, without a copy. BINARY stays packed: its last axis is then bytes."""
    number, shape = message.dtype, message.shape
    if not 0 <= number < len(tensors.DTYPES):
        raise InvalidInput(f"{number} is no element type that this server knows", field=at("dtype"))
    dtype = tensors.DTYPES[number]
    if len(shape) != rank:
        raise InvalidInput(f"the tensor has {len(shape)} axes and should have {rank}", field=at("shape"))
    count = math.prod(shape)
    if dtype is DType.BINARY:
        if shape[-1] % 8:
            raise InvalidInput("the last axis of a BINARY tensor is a multiple of 8", field=at("shape"))
        count //= 8
    size, wanted = len(message.data), count * tensors.ELEMENTS[dtype].itemsize
    if size != wanted:
        needed = f"the tensor's data is {size} bytes; its shape and element type need {wanted}"
        raise InvalidInput(needed, field=at("data"))
    return tensors.read_array(message, dtype)


def _read_values(message: Any, *, rank: int) -> Array:
    try:
        return array_of(message.values, rank=rank)
    except InvalidInput as error:
        raise error.within(at("values")) from None


def _named(message: Any, what: str) -> None:
    if not message.space.name:
        raise InvalidInput(f"{what} names its space", field=at("space", "name"))


def _read_vector(message: Any) -> Vector:
    _named(message, "a vector")
    values = _read_values(message, rank=1)
    vector = Vector(
        values,
        tensors.read_space(message.space),
        tensors.DTYPES[message.values.dtype],
        message.scale,
        message.normalized,
    )
    if values.size == 0:
        raise InvalidInput("the vector is empty", field=at("values"))
    if vector.dtype in (DType.FLOAT32, DType.FLOAT16) and not np.isfinite(values).all():
        refusal = "the vector holds NaN or infinite values"
        raise InvalidInput(refusal, field=at("values"), reason="NOT_FINITE")
    if vector.dtype is DType.INT8 and not (math.isfinite(vector.scale) and vector.scale > 0):
        raise InvalidInput("an INT8 vector has a scale above 0", field=at("scale"))
    return vector


def _read_floats(message: Any, name: str, what: str, *, rank: int) -> Array:
    """A tensor of finite numbers, which is the field of that name, as float32."""
    tensor = getattr(message, name)
    try:
        values = array_of(tensor, rank=rank)
        if tensors.DTYPES[tensor.dtype] not in (DType.FLOAT32, DType.FLOAT16):
            raise InvalidInput(f"{what} are FLOAT32 or FLOAT16", field=at("dtype"))
        values = values.astype(np.float32, copy=False)
        if not np.isfinite(values).all():
            raise InvalidInput(f"{what} hold NaN or infinite values", reason="NOT_FINITE")
    except InvalidInput as error:
        raise error.within(at(name)) from None
    return values


def _read_multi_vector(message: Any) -> MultiVector:
    _named(message, "a multi-vector")
    values = _read_floats(message, "values", "the vectors", rank=2)
    name = message.WhichOneof("locators")
    if name is None:
        known = ", ".join(tensors.LISTS.values())
        raise InvalidInput(
            f"each row has a locator: set {known}, whichever fits the content", field=at("locators")
        )
    lists = getattr(message, name)
    counts = {one.name: len(getattr(lists, one.name)) for one in lists.DESCRIPTOR.fields}
    if len(set(counts.values())) > 1:
        given = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InvalidInput(f"the lists differ in length: {given}", field=at(name))
    multi = MultiVector(values, tensors.read_space(message.space), tensors.read_locators(message))
    check_rows(multi, field=ROOT)
    return multi


def _fill_halved(message: Any, multi: MultiVector) -> None:
    """Writes it in half precision, which is what is stored, or more than that."""
    halved = np.asarray(multi.values, np.float16)
    tensors.fill_multi_vector(message, MultiVector(halved, multi.space, multi.locators))


def _read_sparse(message: Any) -> SparseVector:
    _named(message, "a sparse vector")
    weights = _read_floats(message, "weights", "the weights", rank=1)
    indices = np.array(message.indices, np.int64)
    if len(indices) != len(weights):
        refusal = f"there are {len(indices)} terms and {len(weights)} weights"
        raise InvalidInput(refusal, field=at("weights"))
    if message.terms and len(message.terms) != len(indices):
        refusal = f"there are {len(indices)} terms and {len(message.terms)} names"
        raise InvalidInput(refusal, field=at("terms"))
    if (np.diff(indices) <= 0).any():
        raise InvalidInput("the numbers of terms ascend, each once", field=at("indices"))
    if len(indices) and indices[-1] > LARGEST_INDEX:
        raise InvalidInput(f"no vocabulary has a term {indices[-1]}", field=at("indices"))
    if (weights <= 0).any():
        raise InvalidInput("a weight is above 0; leave the others out", field=at("weights"))
    space = tensors.read_space(message.space)
    return SparseVector(indices.astype(np.int32), weights, space, list(message.terms))


def _read_box(message: Any) -> Box:
    box = tensors.read_box(message)
    if not inside(np.array([box])).all():
        raise InvalidInput(OUTSIDE)
    return box


def _read_locator(message: Any) -> Locator:
    if message.WhichOneof("place") is None:
        raise InvalidInput(f"a locator is one of: {', '.join(LocatorKind)}")
    return tensors.read_locator(message)


def _read_method(message: Any) -> MethodChoice:
    method = method_choice.read_method(message)
    _check_parameters(method.parameters, at("parameters"))
    return method


def _read_parameters(message: Any) -> Mapping[str, Any]:
    found = method_choice.read_parameters(message)
    _check_parameters(found, ROOT)
    return found


def _check_parameters(found: Mapping[str, Any], field: FieldPath) -> None:
    for name, value in found.items():
        _check_parameter(value, field[name])


def _check_parameter(value: Any, field: FieldPath) -> None:
    if isinstance(value, float):
        finite(value, field)
    elif isinstance(value, dict):
        for name, one in value.items():
            _check_parameter(one, field.key(name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            _check_parameter(one, field[place])


def _read_moment(message: Any) -> datetime:
    try:
        return converters.read_moment(message)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"this is no time: {error}") from None


def _fill_status(message: Any, error: TiebackError) -> None:
    message.CopyFrom(failures.to_status(error))


def finite_fields(*names: str) -> Callable[[Any], None]:
    """The check that numbers of a value, which may be None, are numbers."""

    def check(value: Any) -> None:
        for name in names:
            if (number := getattr(value, name)) is not None:
                finite(number, at(name))

    return check


def _check_reduction(reduction: Reduction) -> None:
    if not reduction.method:
        refusal = "name the method; Space.reductions has those that were measured"
        raise InvalidInput(refusal, field=at("method"))
    if not 0 <= (reduction.ratio or 0) <= 1:
        raise InvalidInput(f"a ratio is a share, 0 to 1, not {reduction.ratio:g}", field=at("ratio"))


def _check_encoding(encoding: Encoding) -> None:
    if not encoding.space.name:
        raise InvalidInput("an encoding names its space", field=at("space", "name"))


def _check_segment(segment: Segment) -> None:
    kind, place = segment.place.kind, segment.place.place
    if kind is LocatorKind.BYTE_SPAN:
        raise InvalidInput("the place is a box of a picture, or a time of a sound", field=at("place"))
    if kind is LocatorKind.BOX and not inside(np.array([place])).all():
        raise InvalidInput(OUTSIDE, field=at("place", "box"))
    if kind is LocatorKind.TIME_RANGE and not 0 <= place[0] <= place[1] < np.inf:
        refusal = "a time begins at 0 or later, and does not end before"
        raise InvalidInput(refusal, field=at("place", "time_range"))
    if not math.isfinite(segment.score):
        refusal = f"{segment.score} is no finite number"
        raise InvalidInput(refusal, field=at("score"), reason="NOT_FINITE")


def check_order(segments: Sequence[Segment], text: str | None, field: FieldPath) -> None:
    """InvalidInput where a segment is outside of the text, or before or over another one."""
    size = LAST_BYTE if text is None else len(text.encode(errors="replace"))
    end = 0
    for number, segment in enumerate(segments):
        first, last = segment.span
        if not end <= first < last <= size:
            raise InvalidInput(
                f"the segment is the bytes {first} to {last} of a text of {size} bytes; segments are in it, "
                "in its order, and do not overlap",
                field=field[number]["span"],
            )
        end = last


def _check_hit(hit: Hit | RecognisedText) -> None:
    if hit.segments:
        check_order(hit.segments, hit.text, at("segments"))


CODEC.converter(Vector, _read_vector, tensors.fill_vector)
CODEC.converter(MultiVector, _read_multi_vector, tensors.fill_multi_vector)
CODEC.converter(SparseVector, _read_sparse, tensors.fill_sparse)
CODEC.converter(Locator, _read_locator, tensors.fill_locator)
CODEC.converter("tieback.v1.Hit.multi_vector", _read_multi_vector, _fill_halved)
CODEC.converter("tieback.v1.Box", _read_box, tensors.fill_box)
CODEC.converter("tieback.v1.Tensor", lambda tensor: array_of(tensor, rank=2), tensors.fill_array)
CODEC.converter("tieback.v1.MetadataValue", metadata_value, fill_metadata_value)
CODEC.converter("tieback.v1.Method", _read_method, method_choice.fill_method)
CODEC.converter("google.protobuf.Struct", _read_parameters, method_choice.fill_parameters)
CODEC.converter("google.protobuf.Timestamp", _read_moment, converters.fill_moment)
CODEC.converter("google.rpc.Status", failures.from_status, _fill_status)
CODEC.check(Reduction, _check_reduction)
CODEC.check(Encoding, _check_encoding)
CODEC.check(Segment, _check_segment)
CODEC.check(Hit, _check_hit)
CODEC.check(RecognisedText, _check_hit)


MICROSECONDS = 1_000_000

read_timing, write_timing = reading(Timing, report_pb2.Timing), writing(Timing, report_pb2.Timing)
read_method, write_method = reading(MethodChoice, report_pb2.Method), writing(MethodChoice, report_pb2.Method)


def microseconds(seconds: float) -> int:
    """Whole microseconds, never negative."""
    return max(0, round(seconds * MICROSECONDS))
