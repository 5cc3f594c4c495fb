"""Tensors, spaces, vectors and output specifications."""

from __future__ import annotations

from tieback_contract.arrays import Array
from tieback_contract.encodings import Reduction
from tieback_contract.field_path import FieldPath
from tieback_contract.vectors import DType, MultiVector, SpaceRef, Vector, VectorKind

from tieback.core.errors import InvalidInput
from tieback.core.types.encoding import EncodePlan
from tieback.serving.conversions.codec import array_of, reading, writing
from tieback.serving.conversions.frames import Numbers, each, optional
from tieback.v1 import vector_pb2

_DTYPES = Numbers(vector_pb2.DataType, DType, "element type", unspecified=DType.FLOAT32)
_KINDS = Numbers(vector_pb2.VectorKind, VectorKind, "kind of vector", unspecified=VectorKind.DENSE)
_DENSE = frozenset({VectorKind.DENSE})
read_dtype = _DTYPES.read

read_space, write_space = reading(SpaceRef, vector_pb2.SpaceRef), writing(SpaceRef, vector_pb2.SpaceRef)
read_vector = reading(Vector, vector_pb2.Vector)
read_multi_vector = reading(MultiVector, vector_pb2.MultiVector)
read_reduction = reading(Reduction, vector_pb2.Reduction)
write_reduction = writing(Reduction, vector_pb2.Reduction)


def read_tensor(message: vector_pb2.Tensor, field: FieldPath, *, rank: int) -> Array:
    """The array, without a copy. BINARY stays packed: its last axis is then bytes."""
    try:
        return array_of(message, rank=rank)
    except InvalidInput as error:
        raise error.within(field) from None


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
