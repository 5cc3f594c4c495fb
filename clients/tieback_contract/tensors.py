"""Tensors, vectors and places, which are not one to one in the contract: bytes with a shape, one of several
lists.

A function `read_X` takes the message as it is: whoever does not trust it checks it before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tieback_contract.arrays import Array, Box, Span, TimeRange
from tieback_contract.locators import Locator, LocatorKind, Locators
from tieback_contract.vectors import DType, MultiVector, SpaceRef, SparseVector, Vector

DTYPES = (DType.FLOAT32, *DType)
"""By the number of the contract, whose zero is FLOAT32."""
DTYPE_NUMBERS = {kind: number for number, kind in enumerate(DTYPES) if number}
# Tensors are little-endian on the wire whatever the machine.
ELEMENTS: dict[DType, np.dtype[Any]] = {
    DType.FLOAT32: np.dtype("<f4"),
    DType.FLOAT16: np.dtype("<f2"),
    DType.INT8: np.dtype("i1"),
    DType.BINARY: np.dtype("u1"),
}
LISTS = {
    LocatorKind.BYTE_SPAN: "byte_spans",
    LocatorKind.BOX: "boxes",
    LocatorKind.TIME_RANGE: "time_ranges",
}
"""The fields of a multi-vector's message that hold locators of a kind."""
_KINDS = {name: kind for kind, name in LISTS.items()}


def dtype_of(tensor: Any) -> DType:
    """A tensor's element type; FLOAT32 for one that a newer contract has."""
    number = tensor.dtype
    return DTYPES[number] if 0 <= number < len(DTYPES) else DType.FLOAT32


def read_array(tensor: Any, dtype: DType | None = None) -> Array:
    """The array, read-only and without a copy. BINARY stays packed: its last axis is then bytes."""
    kind = dtype or dtype_of(tensor)
    values = np.frombuffer(tensor.data, ELEMENTS[kind])
    shape = tensor.shape
    if len(shape) == 1:
        return values
    shape = tuple(shape)
    if kind is DType.BINARY and shape:
        shape = (*shape[:-1], shape[-1] // 8)
    return values.reshape(shape)


def fill_array(tensor: Any, array: Array, dtype: DType = DType.FLOAT32) -> None:
    """Writes an array into an empty tensor."""
    elements = ELEMENTS[dtype]
    tensor.dtype = DTYPE_NUMBERS[dtype]
    tensor.shape.extend(
        array.shape if dtype is not DType.BINARY else (*array.shape[:-1], array.shape[-1] * 8)
    )
    tensor.data = (array if array.dtype == elements else array.astype(elements)).tobytes()


def read_space(message: Any) -> SpaceRef:
    """A space's exact name."""
    return SpaceRef(message.name, message.revision, message.fingerprint)


def fill_space(message: Any, space: SpaceRef) -> None:
    """Writes a space's exact name into an empty message."""
    message.name = space.name
    message.revision = space.revision
    message.fingerprint = space.fingerprint


def read_vector(message: Any) -> Vector:
    """A vector with its space."""
    tensor = message.values
    dtype = dtype_of(tensor)
    return Vector(
        read_array(tensor, dtype), read_space(message.space), dtype, message.scale, message.normalized
    )


def fill_vector(message: Any, vector: Vector) -> None:
    """Writes a vector into an empty message."""
    fill_space(message.space, vector.space)
    fill_array(message.values, vector.values, vector.dtype)
    message.normalized = vector.normalized
    if vector.scale:
        message.scale = vector.scale


def read_locators(message: Any) -> Locators:
    """The locators of a multi-vector's message."""
    name = message.WhichOneof("locators") or "byte_spans"
    lists = getattr(message, name)
    columns = [getattr(lists, one.name) for one in lists.DESCRIPTOR.fields]
    kind = _KINDS[name]
    dtype = Locators.dtype(kind)
    return Locators(kind, np.stack([np.fromiter(one, dtype, len(one)) for one in columns], axis=1))


def read_multi_vector(message: Any) -> MultiVector:
    """A multi-vector with its locators."""
    return MultiVector(read_array(message.values), read_space(message.space), read_locators(message))


def fill_multi_vector(message: Any, multi: MultiVector) -> None:
    """Writes a multi-vector into an empty message; float16 stays that, and all else is float32."""
    fill_space(message.space, multi.space)
    is_half = multi.values.dtype == np.float16
    fill_array(message.values, multi.values, DType.FLOAT16 if is_half else DType.FLOAT32)
    lists = getattr(message, LISTS[multi.locators.kind])
    lists.SetInParent()  # a kind without rows is one all the same
    for one, column in zip(lists.DESCRIPTOR.fields, multi.locators.places.T.tolist(), strict=True):
        getattr(lists, one.name).extend(column)


def read_sparse(message: Any) -> SparseVector:
    """A sparse vector with its space."""
    indices = np.array(message.indices, np.int32)
    return SparseVector(indices, read_array(message.weights), read_space(message.space), list(message.terms))


def fill_sparse(message: Any, sparse: SparseVector) -> None:
    """Writes a sparse vector into an empty message."""
    fill_space(message.space, sparse.space)
    message.indices.extend(sparse.indices.tolist())
    fill_array(message.weights, sparse.weights)
    message.terms.extend(sparse.terms)


def read_locator(message: Any) -> Locator:
    """A part of a content."""
    name = message.WhichOneof("place") or LocatorKind.BYTE_SPAN
    place = getattr(message, name)
    return Locator(LocatorKind(name), tuple(getattr(place, one.name) for one in place.DESCRIPTOR.fields))


def fill_locator(message: Any, locator: Locator) -> None:
    """Writes a part of a content into an empty message."""
    place = getattr(message, locator.kind)
    place.SetInParent()
    for one, number in zip(place.DESCRIPTOR.fields, locator.place, strict=True):
        setattr(place, one.name, number)


def read_span(message: Any) -> Span:
    """Bytes of a text."""
    return message.begin_byte, message.end_byte


def fill_span(message: Any, span: Span) -> None:
    """Writes bytes of a text into an empty message."""
    message.begin_byte, message.end_byte = span


def read_box(message: Any) -> Box:
    """A place in a picture."""
    return Box(message.x, message.y, message.width, message.height)


def fill_box(message: Any, box: Box) -> None:
    """Writes a place in a picture into an empty message."""
    message.x, message.y, message.width, message.height = box


def read_time(message: Any) -> TimeRange:
    """A part of a sound."""
    return message.begin_seconds, message.end_seconds


def fill_time(message: Any, time: TimeRange) -> None:
    """Writes a part of a sound into an empty message."""
    message.begin_seconds, message.end_seconds = time


def read_weights(messages: Any) -> dict[str, float]:
    """The weights of spaces, in their order."""
    return {one.space: one.weight for one in messages}


def fill_weights(messages: Any, weights: dict[str, float]) -> None:
    """Writes weights of spaces into an empty list, in their order."""
    for space, weight in weights.items():
        messages.add(space=space, weight=weight)
