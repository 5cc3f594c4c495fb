"""Vectors of the space that a collection is being moved to, led into its own space, whose encoder is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import DType, Vector

from tieback.core.types.collection import FollowingVectors, IndexedItem, IndexedSection
from tieback.core.types.moving import SecondVector
from tieback.core.types.search import SearchRequest
from tieback.index.next_vectors import NextVectors
from tieback.index.store import Description


def translated(following: NextVectors | None, known: Description, request: SearchRequest) -> SearchRequest:
    """A search whose vector is of the next space: with a vector of the collection's own, made of it.

    Any other is returned as it is, and so is one of a vector that says nothing.
    """
    vector = request.vector
    if vector is None or following is None or following.transform is None:
        return request
    if vector.space != following.space or vector.space == known.space or not _is_readable(vector, following):
        return request
    made = following.transform(_values(vector)[None])[0]
    second = SecondVector(vector, request.ignored)
    return replace(request, vector=Vector(made, known.space), ignored=(), second=second)


def with_translated(
    following: NextVectors | None, known: Description, items: Sequence[IndexedItem]
) -> Sequence[IndexedItem]:
    """Items whose vectors are of the next space: with vectors of the collection's own beside them.

    The others are as they are.
    """
    if following is None or following.transform is None:
        return items
    return [_translated_item(following, following.transform, known, one) for one in items]


def _translated_item(
    following: NextVectors, transform: Callable[[Array], Array], known: Description, item: IndexedItem
) -> IndexedItem:
    vectors = [section.vector for section in item.sections]
    if not vectors or any(
        one.space != following.space or one.space == known.space or not _is_readable(one, following)
        for one in vectors
    ):
        return item
    rows = transform(np.stack([_values(one) for one in vectors]))
    own: list[IndexedSection] = [
        replace(section, vector=Vector(row, known.space), regions=None)
        for section, row in zip(item.sections, rows, strict=True)
    ]
    return IndexedItem(item.item, own, FollowingVectors(item.sections))


def _is_readable(vector: Vector, following: NextVectors) -> bool:
    """Whether it can be read as a row; what is wrong with another is said by who checks it."""
    if vector.dtype is DType.BINARY or np.shape(vector.values) != (following.made.width,):
        return False
    values = _values(vector)
    return bool(np.isfinite(values).all() and values.any())


def _values(vector: Vector) -> Array:
    scale = vector.scale if vector.dtype is DType.INT8 else 1.0
    return np.asarray(vector.values, np.float32) * np.float32(scale)
