"""MUVERA's fixed-dimension encodings (Dhulipala et al., 2024, arXiv:2405.19504).

Random hyperplanes (SimHash) cut the space of rows into 2^`bits` partitions. A document's rows in a partition
become their mean, a query's rows their sum; a partition without a row of the document gets the row that
fewest hyperplanes part from it. Each is projected to `projected` dimensions by random signs, all partitions
are one after the other, and all of it is repeated with other hyperplanes.

Rows that are alike fall into one partition more often than others, so the inner product counts for each row
of the query roughly its best row of the document, and some of the others. The more partitions, the closer it
is, and the more often a row and its best one are parted. Of an encoder that was not trained for late
interaction most rows of a text are alike, and partitions part little.
"""

from __future__ import annotations

import functools
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback_lab.methods.fixed_dimension import fixed_dimensions

Bits = Annotated[int, Field(ge=0, le=8)]
Repetitions = Annotated[int, Field(ge=1, le=64)]
Projected = Annotated[int, Field(ge=1, le=1024)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


@fixed_dimensions.method
def muvera(
    rows: Array, *, bits: Bits = 4, repetitions: Repetitions = 20, projected: Projected = 16, seed: Seed = 0
) -> Array:
    """`repetitions` · 2^`bits` · `projected` dimensions."""
    drawn = _drawn(rows.shape[1], bits, repetitions, projected, seed)
    sides = _sides(rows, drawn)
    blocks = _sums(rows, sides, drawn)
    counts = _counts(sides)
    blocks /= np.maximum(counts, 1)[:, :, None]
    for repetition, partition in np.argwhere(counts == 0).tolist():
        parted = (sides[repetition] != _bits_of(partition, bits)).sum(axis=1)
        blocks[repetition, partition] = rows[parted.argmin()] @ drawn.signs[repetition]
    return np.asarray(blocks.ravel(), np.float32)


def query(
    rows: Array, *, bits: Bits = 4, repetitions: Repetitions = 20, projected: Projected = 16, seed: Seed = 0
) -> Array:
    """The sums of the partitions; one without a row is zero."""
    drawn = _drawn(rows.shape[1], bits, repetitions, projected, seed)
    return np.asarray(_sums(rows, _sides(rows, drawn), drawn).ravel(), np.float32)


class _Drawn(NamedTuple):
    """`planes` `[repetitions, width, bits]`, and `signs` `[repetitions, width, projected]`.

    Projections by the signs keep lengths on average.
    """

    planes: Array
    signs: Array


@functools.lru_cache(maxsize=8)
def _drawn(width: int, bits: int, repetitions: int, projected: int, seed: int) -> _Drawn:
    random = np.random.default_rng(seed)
    planes = random.standard_normal((repetitions, width, bits)).astype(np.float32)
    signs = random.choice(np.array([-1, 1], np.float32), (repetitions, width, projected))
    return _Drawn(planes, signs / np.float32(projected**0.5))


def _sides(rows: Array, drawn: _Drawn) -> Array:
    """The side of each hyperplane that a row is on, bool `[repetitions, n, bits]`."""
    return np.asarray(rows @ drawn.planes > 0)


def _partitions(sides: Array) -> Array:
    """The numbers of the partitions `[repetitions, n]`."""
    return np.asarray(sides @ (1 << np.arange(sides.shape[2])))


def _bits_of(partition: int, bits: int) -> Array:
    return np.asarray(partition >> np.arange(bits) & 1, bool)


def _sums(rows: Array, sides: Array, drawn: _Drawn) -> Array:
    """The projected sums `[repetitions, partitions, projected]`."""
    among = _partitions(sides)[:, None, :] == np.arange(1 << sides.shape[2])[:, None]
    return np.asarray((among.astype(np.float32) @ rows) @ drawn.signs)


def _counts(sides: Array) -> Array:
    """How many rows are in each partition `[repetitions, partitions]`."""
    numbers, count = _partitions(sides), 1 << sides.shape[2]
    return np.stack([np.bincount(own, minlength=count) for own in numbers])
