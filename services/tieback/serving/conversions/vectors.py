"""Tensors, spaces, vectors and output specifications.

`write_X` makes a message; `fill_X` writes into an empty one that is part of a larger message already, since a
part that is built beside the whole is copied into it, once for each level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tieback.core.boxes import OUTSIDE, inside
from tieback.core.errors import InvalidInput
from tieback.core.field_path import FieldPath
from tieback.core.multi_vectors import LISTS, check_rows
from tieback.core.types.arrays import Array, Box, TimeRange
from tieback.core.types.encoding import EncodePlan, Reduction
from tieback.core.types.locators import Locator, LocatorKind, Locators
from tieback.core.types.vectors import DType, MultiVector, SpaceRef, SparseVector, Vector, VectorKind
from tieback.serving.conversions.frames import Numbers, each, filled, optional
from tieback.v1 import vector_pb2

_DTYPES = Numbers(vector_pb2.DataType, DType, "element type", unspecified=DType.FLOAT32)
# Tensors are little-endian on the wire whatever the machine.
_ELEMENTS: dict[DType, np.dtype[Any]] = {
    DType.FLOAT32: np.dtype("<f4"),
    DType.FLOAT16: np.dtype("<f2"),
    DType.INT8: np.dtype("i1"),
    DType.BINARY: np.dtype("u1"),
}
_KINDS = Numbers(vector_pb2.VectorKind, VectorKind, "kind of vector", unspecified=VectorKind.DENSE)
_DENSE = frozenset({VectorKind.DENSE})
read_dtype = _DTYPES.read
_LOCATOR_KINDS = {name: kind for kind, name in LISTS.items()}

LARGEST_INDEX = 2**31 - 1


def read_tensor(message: vector_pb2.Tensor, field: FieldPath, *, rank: int) -> Array:
    """The array, without a copy. BINARY stays packed: its last axis is then bytes."""
    return _read_array(message, read_dtype(message.dtype, field["dtype"]), field, rank)


def _read_array(message: vector_pb2.Tensor, dtype: DType, field: FieldPath, rank: int) -> Array:
    shape = tuple(message.shape)
    if len(shape) != rank:
        raise InvalidInput(f"the tensor has {len(shape)} axes and should have {rank}", field=field["shape"])
    if dtype is DType.BINARY:
        if shape[-1] % 8:
            raise InvalidInput("the last axis of a BINARY tensor is a multiple of 8", field=field["shape"])
        shape = (*shape[:-1], shape[-1] // 8)
    data, elements = message.data, _ELEMENTS[dtype]
    wanted = math.prod(shape) * elements.itemsize
    if len(data) != wanted:
        raise InvalidInput(
            f"the tensor's data is {len(data)} bytes; its shape and element type need {wanted}",
            field=field["data"],
        )
    values = np.frombuffer(data, elements)
    return values if rank == 1 else values.reshape(shape)


def write_tensor(array: Array, dtype: DType = DType.FLOAT32) -> vector_pb2.Tensor:
    """The message of an array that already has the element type."""
    message = vector_pb2.Tensor()
    fill_tensor(message, array, dtype)
    return message


def fill_tensor(message: vector_pb2.Tensor, array: Array, dtype: DType) -> None:
    """Writes an array into an empty message."""
    elements = _ELEMENTS[dtype]
    message.dtype = _DTYPES.write(dtype)
    message.shape.extend(
        array.shape if dtype is not DType.BINARY else (*array.shape[:-1], array.shape[-1] * 8)
    )
    message.data = (array if array.dtype == elements else array.astype(elements)).tobytes()


def read_space(message: vector_pb2.SpaceRef) -> SpaceRef:
    """The space's exact name."""
    return SpaceRef(message.name, message.revision, message.fingerprint)


def fill_space(message: vector_pb2.SpaceRef, space: SpaceRef) -> None:
    """Writes a space's name into an empty message."""
    message.name = space.name
    message.revision = space.revision
    message.fingerprint = space.fingerprint


write_space = filled(vector_pb2.SpaceRef, fill_space)


def read_vector(message: vector_pb2.Vector, field: FieldPath) -> Vector:
    """A vector; it must name its space."""
    space, tensor = read_space(message.space), message.values
    if not space.name:
        raise InvalidInput("a vector names its space", field=field["space"]["name"])
    dtype = read_dtype(tensor.dtype, field["values"]["dtype"])
    values = _read_array(tensor, dtype, field["values"], 1)
    if values.size == 0:
        raise InvalidInput("the vector is empty", field=field["values"])
    if dtype in (DType.FLOAT32, DType.FLOAT16) and not np.isfinite(values).all():
        raise InvalidInput(
            "the vector holds NaN or infinite values", field=field["values"], reason="NOT_FINITE"
        )
    if dtype is DType.INT8 and not (math.isfinite(message.scale) and message.scale > 0):
        raise InvalidInput("an INT8 vector has a scale above 0", field=field["scale"])
    return Vector(space, values, dtype, message.normalized, message.scale)


def fill_vector(message: vector_pb2.Vector, vector: Vector) -> None:
    """Writes a vector into an empty message."""
    fill_space(message.space, vector.space)
    fill_tensor(message.values, vector.values, vector.dtype)
    message.normalized = vector.normalized
    if vector.scale:
        message.scale = vector.scale


write_vector = filled(vector_pb2.Vector, fill_vector)


def write_span(span: tuple[int, int]) -> vector_pb2.TextSpan:
    """The message of a byte range."""
    return vector_pb2.TextSpan(begin_byte=span[0], end_byte=span[1])


def read_multi_vector(message: vector_pb2.MultiVector, field: FieldPath) -> MultiVector:
    """A multi-vector with a locator for each row, which lies in its content."""
    if not message.space.name:
        raise InvalidInput("a multi-vector names its space", field=field["space"]["name"])
    values = _read_floats(message.values, field["values"], "the vectors", rank=2)
    multi = MultiVector(read_space(message.space), values, _read_locators(message, field))
    check_rows(multi, field=field)
    return multi


def _read_locators(message: vector_pb2.MultiVector, field: FieldPath) -> Locators:
    name = message.WhichOneof("locators")
    if name is None:
        raise InvalidInput(
            f"each row has a locator: set {', '.join(LISTS.values())}, whichever fits the content",
            field=field["locators"],
        )
    lists = getattr(message, name)
    columns = [getattr(lists, one.name) for one in lists.DESCRIPTOR.fields]
    counts = [len(column) for column in columns]
    if min(counts) != max(counts):
        given = ", ".join(f"{one.name} {n}" for one, n in zip(lists.DESCRIPTOR.fields, counts, strict=True))
        raise InvalidInput(f"the lists differ in length: {given}", field=field[name])
    kind = _LOCATOR_KINDS[name]
    dtype = Locators.dtype(kind)
    places = np.stack([np.fromiter(column, dtype, counts[0]) for column in columns], axis=1)
    return Locators(kind, places)


def fill_multi_vector(message: vector_pb2.MultiVector, multi: MultiVector) -> None:
    """Writes a multi-vector into an empty message; float16 stays that, and all else is float32."""
    fill_space(message.space, multi.space)
    is_half = multi.values.dtype == np.float16
    fill_tensor(message.values, multi.values, DType.FLOAT16 if is_half else DType.FLOAT32)
    lists = getattr(message, LISTS[multi.locators.kind])
    lists.SetInParent()  # a kind without rows is one all the same
    for one, column in zip(lists.DESCRIPTOR.fields, multi.locators.places.T.tolist(), strict=True):
        getattr(lists, one.name).extend(column)


write_multi_vector = filled(vector_pb2.MultiVector, fill_multi_vector)


def read_locator(message: vector_pb2.Locator, field: FieldPath) -> Locator:
    """A part of a content."""
    name = message.WhichOneof("place")
    if name is None:
        raise InvalidInput(f"a locator is one of: {', '.join(LocatorKind)}", field=field)
    place = getattr(message, name)
    return Locator(LocatorKind(name), tuple(getattr(place, one.name) for one in place.DESCRIPTOR.fields))


def write_locator(locator: Locator) -> vector_pb2.Locator:
    """The message of a part of a content."""
    message = vector_pb2.Locator()
    place = getattr(message, locator.kind)
    place.SetInParent()
    for one, number in zip(place.DESCRIPTOR.fields, locator.place, strict=True):
        setattr(place, one.name, number)
    return message


def read_sparse(message: vector_pb2.SparseVector, field: FieldPath) -> SparseVector:
    """A sparse vector: as many weights as terms, all above 0, the terms ascending."""
    if not message.space.name:
        raise InvalidInput("a sparse vector names its space", field=field["space"]["name"])
    weights = _read_floats(message.weights, field["weights"], "the weights", rank=1)
    indices = np.array(message.indices, np.int64)
    if len(indices) != len(weights):
        raise InvalidInput(
            f"there are {len(indices)} terms and {len(weights)} weights", field=field["weights"]
        )
    if message.terms and len(message.terms) != len(indices):
        raise InvalidInput(
            f"there are {len(indices)} terms and {len(message.terms)} names", field=field["terms"]
        )
    if (np.diff(indices) <= 0).any():
        raise InvalidInput("the numbers of terms ascend, each once", field=field["indices"])
    if len(indices) and indices[-1] > LARGEST_INDEX:
        raise InvalidInput(f"no vocabulary has a term {indices[-1]}", field=field["indices"])
    if (weights <= 0).any():
        raise InvalidInput("a weight is above 0; leave the others out", field=field["weights"])
    return SparseVector(read_space(message.space), indices.astype(np.int32), weights, list(message.terms))


def fill_sparse(message: vector_pb2.SparseVector, sparse: SparseVector) -> None:
    """Writes a sparse vector into an empty message."""
    fill_space(message.space, sparse.space)
    message.indices.extend(sparse.indices.tolist())
    fill_tensor(message.weights, sparse.weights, DType.FLOAT32)
    message.terms.extend(sparse.terms)


write_sparse = filled(vector_pb2.SparseVector, fill_sparse)


def read_box(message: vector_pb2.Box, field: FieldPath) -> Box:
    """A place in a picture."""
    box = (message.x, message.y, message.width, message.height)
    if not inside(np.array([box])).all():
        raise InvalidInput(OUTSIDE, field=field)
    return box


def read_time(message: vector_pb2.TimeRange, field: FieldPath) -> TimeRange:  # noqa: ARG001 - any is read
    """A part of a sound, in seconds."""
    return message.begin_seconds, message.end_seconds


def write_time(time: TimeRange) -> vector_pb2.TimeRange:
    """The message of a part of a sound."""
    return vector_pb2.TimeRange(begin_seconds=time[0], end_seconds=time[1])


def write_box(box: Box) -> vector_pb2.Box:
    """The message of a place in a picture."""
    x, y, width, height = box
    return vector_pb2.Box(x=x, y=y, width=width, height=height)


def _read_floats(message: vector_pb2.Tensor, field: FieldPath, what: str, *, rank: int) -> Array:
    """A tensor of finite numbers as float32."""
    if read_dtype(message.dtype, field["dtype"]) not in (DType.FLOAT32, DType.FLOAT16):
        raise InvalidInput(f"{what} are FLOAT32 or FLOAT16", field=field["dtype"])
    values = read_tensor(message, field, rank=rank).astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise InvalidInput(f"{what} hold NaN or infinite values", field=field, reason="NOT_FINITE")
    return values


def read_output(message: vector_pb2.OutputSpec, field: FieldPath) -> EncodePlan:
    """What is asked of an encoder, but for the truncation, which a request has beside it.

    The default is a full-width float32 DENSE vector.
    """
    kinds = frozenset(each(message.kinds, _KINDS.read, field["kinds"]))
    return EncodePlan(
        width=message.width or None,
        dtype=read_dtype(message.dtype, field["dtype"]),
        kinds=kinds or _DENSE,
        batch_invariant=message.batch_invariant,
        terms=message.terms,
        layer=message.layer or None,
        reduction=optional(message, "reduction", read_reduction, field),
        earliest_layer=message.earliest_layer or None,
        condition=message.condition,
        adapter=message.adapter,
    )


def read_reduction(message: vector_pb2.Reduction, field: FieldPath) -> Reduction:
    """How tokens are merged: by a method that is named, at a ratio that is a share."""
    if not message.method:
        raise InvalidInput(
            "name the method; Space.reductions has those that were measured", field=field["method"]
        )
    if not 0 <= message.ratio <= 1:
        raise InvalidInput(f"a ratio is a share, 0 to 1, not {message.ratio:g}", field=field["ratio"])
    return Reduction(message.method, message.ratio or None)


def write_reduction(reduction: Reduction) -> vector_pb2.Reduction:
    """The message of how tokens are merged."""
    return vector_pb2.Reduction(method=reduction.method, ratio=reduction.ratio or 0.0)


def write_output(plan: EncodePlan) -> vector_pb2.OutputSpec:
    """The message of a plan, but for its truncation."""
    return vector_pb2.OutputSpec(
        width=plan.width or 0,
        dtype=_DTYPES.write(plan.dtype),
        kinds=[_KINDS.write(kind) for kind in sorted(plan.kinds)],
        batch_invariant=plan.batch_invariant,
        terms=plan.terms,
        layer=plan.layer or 0,
        reduction=None if plan.reduction is None else write_reduction(plan.reduction),
        earliest_layer=plan.earliest_layer or 0,
        condition=plan.condition,
        adapter=plan.adapter,
    )


def write_kinds(kinds: Iterable[VectorKind]) -> list[vector_pb2.VectorKind]:
    """The numbers of kinds of vectors."""
    return [_KINDS.write(kind) for kind in kinds]
