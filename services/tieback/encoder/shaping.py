"""Makes the requested output of a model's output: kinds of vectors, width and element type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding, EncodingSource
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, MultiVector, SpaceRef, SparseVector, Vector, VectorKind

from tieback.core.types.encoding import EncodePlan
from tieback.encoder.computed import Computed
from tieback.encoder.output import cut, quantise


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
