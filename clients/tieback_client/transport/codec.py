"""The codec of the SDK: it takes from a newer server what is known here, and checks what it sends.

`writing` gives the function that makes the message of a value, and names the field that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from tieback_contract import method_choice, tensors
from tieback_contract.arrays import Array
from tieback_contract.codec import MessageCodec
from tieback_contract.codec_runtime import WritingChecks
from tieback_contract.converters import with_converters
from tieback_contract.field_path import ROOT, FieldPath, at
from tieback_contract.locators import Locator, Locators
from tieback_contract.method_choice import MethodChoice, MethodLike
from tieback_contract.vectors import DType, MultiVector, SparseVector, Vector

from tieback_client.errors import InvalidArgument
from tieback_client.messages.facts import fact
from tieback_client.values.content import text

T = TypeVar("T")
M = TypeVar("M")

CODEC = with_converters(MessageCodec(writing=WritingChecks(InvalidArgument, text)))


def writing(kind: type[T], message: type[M]) -> Callable[..., M]:
    """The function that makes the message of a value that is at `field` of the request."""
    write = CODEC.writer(kind, message)

    def write_at(value: T, field: FieldPath = ROOT) -> M:
        try:
            return write(value)
        except InvalidArgument as error:
            raise error.within(field) from None

    return write_at


def checked_array(values: Array, dtype: DType, field: FieldPath) -> Array:
    """An array of that element type, of finite numbers."""
    wanted = tensors.ELEMENTS[dtype]
    if values.dtype != wanted and not (dtype is DType.FLOAT32 and np.issubdtype(values.dtype, np.number)):
        raise InvalidArgument.at(field, f"{dtype} values come as an array of {wanted}, not {values.dtype}")
    values = np.ascontiguousarray(values, dtype=wanted)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InvalidArgument.at(field, "it holds a value that is not finite (NaN or infinite)")
    return values


def _fill_vector(message: Any, value: Vector) -> None:
    if not isinstance(value, Vector):
        raise InvalidArgument.at(
            ROOT, "a vector carries its space: pass Vector(array, space=client.space(name).ref)"
        )
    if value.values.ndim != 1:
        raise InvalidArgument.at(ROOT, f"a vector has one axis, and this array has {value.values.ndim}")
    dtype = DType(value.dtype)
    values = checked_array(value.values, dtype, at("values"))
    tensors.fill_vector(message, Vector(values, value.space, dtype, value.scale, value.normalized))


def _fill_multi_vector(message: Any, value: MultiVector) -> None:
    dtype = DType.FLOAT16 if value.values.dtype == np.float16 else DType.FLOAT32
    values = checked_array(value.values, dtype, at("values"))
    kind, places = value.locators.kind, np.asarray(value.locators.places)
    columns = Locators.columns(kind)
    if places.ndim != 2 or places.shape[1] != columns or not (places >= 0).all():
        refusal = f"a {kind} is {columns} numbers of 0 or more for each row"
        raise InvalidArgument.at(tensors.LISTS[kind], refusal)
    tensors.fill_multi_vector(message, MultiVector(values, value.space, Locators(kind, places)))


def _fill_sparse(message: Any, value: SparseVector) -> None:
    weights = checked_array(value.weights, DType.FLOAT32, at("weights"))
    tensors.fill_sparse(message, SparseVector(value.indices, weights, value.space, value.terms))


def _fill_locator(message: Any, value: Locator) -> None:
    columns = Locators.columns(value.kind)
    if columns != len(value.place):
        raise InvalidArgument.at(ROOT, f"a {value.kind} has {columns} numbers, not {len(value.place)}")
    tensors.fill_locator(message, value)


def _fill_span(message: Any, value: tuple[int, int]) -> None:
    if not 0 <= value[0] <= value[1] < 2**32:
        raise InvalidArgument.at(ROOT, f"a span is two numbers of bytes, the smaller first, not {value}")
    tensors.fill_span(message, value)


def _fill_method(message: Any, method: MethodLike) -> None:
    choice = MethodChoice.of(method)
    for key, value in choice.parameters.items():
        if isinstance(value, str):
            text(value, at("parameters")[key])
    try:
        method_choice.fill_method(message, choice)
    except (TypeError, ValueError):
        refusal = "values are strings, numbers, booleans, and lists or mappings of those"
        raise InvalidArgument.at("parameters", refusal) from None


def _stored_text(message: Any) -> str | None:
    """Content of a stored section: its text; None for a picture or a sound, whose bytes are not sent."""
    return message.text if message.WhichOneof("kind") == "text" else None


CODEC.converter(Vector, tensors.read_vector, _fill_vector)
CODEC.converter(MultiVector, tensors.read_multi_vector, _fill_multi_vector)
CODEC.converter(SparseVector, tensors.read_sparse, _fill_sparse)
CODEC.converter(Locator, tensors.read_locator, _fill_locator)
CODEC.converter("tieback.v1.TextSpan", tensors.read_span, _fill_span)
CODEC.converter("tieback.v1.Method", method_choice.read_method, _fill_method)
CODEC.converter("tieback.v1.MetadataValue", fact)
CODEC.converter("tieback.v1.Section.content", _stored_text)
