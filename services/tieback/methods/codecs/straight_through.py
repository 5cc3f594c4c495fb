"""Signs after a projection that is trained by the order of similarities, with the straight-through gradient.

Rounding to bits in the forward pass and passing the gradient on as if nothing was rounded is how Binary
Paragraph Vector learns its codes in "Vector representations of text data in deep learning" (Grzegorczyk,
2019). Here it is for dense vectors: a batch's similarities are a softmax for each vector over the others, and
the projection is trained so that those of the projected vector, which is not rounded, with the others' signs
give the same (cross-entropy). It begins as `itq` ends. The order among the nearest counts in this training,
and not how near signs are to values.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.codecs import LearnedCodec, LearnedFrom, Oversampling, Shortlist, codecs, itq
from tieback.methods.codecs import _projected_signs as signs

STATE = signs.STATE

_BATCH = 256
_RATE = 2e-3  # of Adam, falling to zero over the second half
_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8  # Adam's defaults
_REACH = 2.0
_NEVER = np.float32(-1e9)  # a vector is not compared with itself


@codecs.method
def straight_through(
    width: int,
    *,
    bits_per_dimension: Annotated[float, Field(gt=0, le=1)] = 1.0,
    steps: Annotated[int, Field(ge=1, le=20_000)] = 1000,
    temperature: Annotated[float, Field(gt=0, le=1)] = 0.1,
    learned_from: LearnedFrom = 10_000,
    oversampling: Oversampling = 8.0,
    rescoring: str = "float32",
) -> LearnedCodec:
    """`bits_per_dimension` times the width are the bits of a row, which is rounded up to 8 bytes."""
    bits = signs.bits_of(width, bits_per_dimension)
    learn = partial(fit, bits=bits, steps=steps, temperature=temperature)
    return signs.learned_signs(learned_from, Shortlist(oversampling, rescoring), learn)


def fit(vectors: Array, *, bits: int, steps: int = 1000, temperature: float = 0.1) -> State:
    """The projection for vectors `[n, width]`; for 384 dimensions some ten seconds in a thousand steps."""
    usual = np.float32(np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1).mean()) or 1)
    rows = np.asarray(vectors / usual, np.float32)  # the temperature is for vectors of length 1
    begun = itq.fit(rows, bits=bits)
    scale = np.linalg.norm(begun["projection"][:, 0])  # all columns of `itq` have this length
    trained = [begun["projection"] / scale, begun["thresholds"] / scale]
    moments = [np.zeros((2, *one.shape), np.float32) for one in trained]
    draws = np.random.default_rng(0)
    for step in range(steps):
        batch = rows[draws.integers(len(rows), size=min(_BATCH, len(rows)))]
        gradients = _gradients(
            batch, trained[0], trained[1], np.float32(scale / temperature), temperature=temperature
        )
        rate = _RATE * min(1.0, 2 * (steps - step) / steps)
        for one, moment, gradient in zip(trained, moments, gradients, strict=True):
            moment[0] = _FIRST * moment[0] + (1 - _FIRST) * gradient
            moment[1] = _SECOND * moment[1] + (1 - _SECOND) * gradient**2
            first, second = moment[0] / (1 - _FIRST ** (step + 1)), moment[1] / (1 - _SECOND ** (step + 1))
            one -= np.asarray(rate * first / (np.sqrt(second) + _TINY), np.float32)
    projection, thresholds = trained
    return {
        "centre": begun["centre"] * usual,
        "projection": projection * (scale * usual),
        "thresholds": thresholds * (scale * usual**2),
    }


def _gradients(
    batch: Array, projection: Array, thresholds: Array, scale: np.float32, *, temperature: float
) -> tuple[Array, Array]:
    """Of the cross-entropy by the projection and the thresholds.

    `scale` makes logits of the products with signs.
    """
    projected = batch @ projection
    shifted = projected - thresholds
    signs_of = np.where(shifted > 0, np.float32(1), np.float32(-1))
    wrong = _softmax(scale * (projected @ signs_of.T)) - _softmax(batch @ batch.T / np.float32(temperature))
    wrong *= scale / len(batch)
    # A value far from its threshold keeps its sign whatever is done: it gets no gradient.
    near = np.abs(shifted) < _REACH * np.abs(shifted).std()
    through = (wrong.T @ projected) * near
    return batch.T @ (wrong @ signs_of + through), -through.sum(axis=0)


def _softmax(logits: Array) -> Array:
    """Over the others, for each vector of a batch."""
    np.fill_diagonal(logits, _NEVER)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
