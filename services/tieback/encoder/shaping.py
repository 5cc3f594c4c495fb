"""Makes the requested output of a model's output: kinds of vectors, width and element type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding, EncodingSource
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, MultiVector, SpaceRef, SparseVector, Vector, VectorKind

from tieback.core.errors import InvalidInput, SpaceMismatch
from tieback.core.types.encoding import EncodePlan
from tieback.encoder.cache import Computed


def shape(
    computed: Sequence[tuple[Computed, EncodingSource]],
    space: SpaceRef,
    modality: Modality,
    plan: EncodePlan,
    vocabulary: Sequence[str] = (),
) -> list[Encoding]:
    """The encodings of what was computed by the plan, in order. Arrays of a cache are read-only.

    `vocabulary` names the terms of sparse vectors, where the plan asks for that.
    """
    width = plan.width
    dense: Sequence[Vector | None] = [None] * len(computed)
    if VectorKind.DENSE in plan.kinds:
        dense = vectors([cast("Array", one.dense) for one, _ in computed], space, plan.dtype, width)
    with_rows = VectorKind.MULTI_VECTOR in plan.kinds
    with_labels = VectorKind.LABELS in plan.kinds
    with_sparse = VectorKind.SPARSE in plan.kinds
    named = vocabulary if plan.terms else ()
    return [
        Encoding(
            space,
            modality,
            vector,
            _multi_vector(one, space, width) if with_rows else None,
            one.labels if with_labels else (),
            one.token_count,
            one.truncated_tokens,
            source,
            _sparse(one, space, named) if with_sparse else None,
            plan.reduction,
        )
        for (one, source), vector in zip(computed, dense, strict=True)
    ]


def vectors(rows: Sequence[Array], space: SpaceRef, dtype: DType, width: int | None) -> list[Vector]:
    """Vectors of that width and type, of rows in float32 that are as wide or wider, all at once."""
    if not rows or (dtype is DType.FLOAT32 and all(width in (None, len(row)) for row in rows)):
        return [Vector(row, space) for row in rows]
    values, scales = quantise(cut(np.stack(rows), width), dtype)
    return [
        Vector(row, space, dtype, normalized=True, scale=scale)
        for row, scale in zip(values, scales.tolist(), strict=True)
    ]


def _multi_vector(computed: Computed, space: SpaceRef, width: int | None) -> MultiVector | None:
    if computed.rows is None or computed.locators is None:
        return None
    return MultiVector(cut(computed.rows, width), space, computed.locators)


def _sparse(computed: Computed, space: SpaceRef, vocabulary: Sequence[str]) -> SparseVector | None:
    if computed.indices is None or computed.weights is None:
        return None
    terms = [vocabulary[index] for index in computed.indices.tolist()] if vocabulary else ()
    return SparseVector(computed.indices, computed.weights, space, terms)


# The shape of the output: fewer dimensions, smaller elements. Pure functions of arrays.
#
# Widths are those that the space was trained to be cut to (Matryoshka representation learning, Kusupati et
# al., 2022, arXiv:2205.13147); a cut vector is normalised again. INT8 has one scale per vector, max|v| /
# 127, which bounds the error of each element by half of it. BINARY keeps the signs.
LARGEST_INT8 = 127


def cut(vectors: Array, width: int | None) -> Array:
    """The leading `width` dimensions of `[n, full width]` float32, each row of unit norm again; None for all.

    A row that is zero there stays zero.
    """
    if width is None or width == vectors.shape[-1]:
        return vectors
    kept = vectors[..., :width]
    norms = np.linalg.norm(kept, axis=-1, keepdims=True)
    cut_vectors: Array = kept / np.where(norms > 0.0, norms, 1.0)
    return cut_vectors


def quantise(vectors: Array, dtype: DType) -> tuple[Array, Array]:
    """`[n, width]` float32 as that type, and the scale of each row (0 for all but INT8).

    BINARY gives `[n, width / 8]` uint8, the first dimension in the most significant bit; the caller has seen
    to it that 8 divides the width.
    """
    scales = np.zeros(len(vectors), dtype=np.float32)
    match dtype:
        case DType.FLOAT32:
            return vectors, scales
        case DType.FLOAT16:
            return vectors.astype(np.float16), scales
        case DType.INT8:
            scales = np.abs(vectors).max(axis=-1).astype(np.float32) / LARGEST_INT8
            steps = np.where(scales > 0.0, scales, 1.0)[:, None]
            return np.rint(vectors / steps).astype(np.int8), scales
        case DType.BINARY:
            return np.packbits(vectors > 0.0, axis=-1), scales


def restore(values: Array, dtype: DType, scale: float) -> Array:
    """A vector as float32 `[width]`, of whatever type it came in. BINARY gives +1 and -1."""
    match dtype:
        case DType.INT8:
            return values.astype(np.float32) * np.float32(scale)
        case DType.BINARY:
            return np.unpackbits(values).astype(np.float32) * 2.0 - 1.0
        case DType.FLOAT32 | DType.FLOAT16:
            return values.astype(np.float32, copy=False)


def accept(vector: Vector, space: SpaceRef, widths: tuple[int, ...], width: int) -> Array:
    """The vector as float32 `[its width]` of unit norm.

    `widths` are those that the space offers, `width` the one that is asked for. SpaceMismatch where it is of
    another space, revision or fingerprint; InvalidInput where its width is not offered or smaller than what
    is asked for, or where it holds NaN, an infinity or nothing but zeros.
    """
    if vector.space != space:
        raise SpaceMismatch(_difference(vector.space, space), field=at("vector", "space"))
    if vector.values.ndim != 1:
        raise InvalidInput(
            f"a vector has one axis, not the shape {list(vector.values.shape)}", field=at("vector", "values")
        )
    if vector.width not in widths:
        raise InvalidInput(
            f"the vector has {vector.width} dimensions; the space {space.name!r} has {_listed(widths)}",
            field=at("vector", "values"),
        )
    if vector.width < width:
        raise InvalidInput(
            f"the vector has {vector.width} dimensions and {width} are asked for; "
            f"ask for an output width of {vector.width} or less",
            field=at("vector", "values"),
        )
    values = restore(vector.values, vector.dtype, vector.scale)
    norm = float(np.linalg.norm(values.astype(np.float64)))
    if not np.isfinite(norm):
        raise InvalidInput("the vector holds NaN or an infinity", field=at("vector", "values"))
    if norm == 0.0:
        raise InvalidInput("the vector is all zeros and has no direction", field=at("vector", "values"))
    return values / np.float32(norm)


def _difference(given: SpaceRef, own: SpaceRef) -> str:
    if given.name != own.name:
        return f"the vector is of the space {given.name!r} and {own.name!r} is asked for"
    if given.revision != own.revision:
        return (
            f"the vector is of revision {given.revision!r} of {own.name!r} and this server has "
            f"{own.revision!r}; encode its input again"
        )
    return (
        f"the vector was made with preprocessing {given.fingerprint!r} and this server's {own.name!r} has "
        f"{own.fingerprint!r}; encode its input again"
    )


def _listed(widths: tuple[int, ...]) -> str:
    return ", ".join(str(width) for width in widths)
