"""Signs after a learned rotation: iterative quantisation, ITQ (Gong and Lazebnik, 2011,
doi:10.1109/CVPR.2011.5995432).

The vectors are centred and projected on their principal components, as many as there are bits. Then a
rotation is learned that brings the projections near to their signs: in turn, the signs of the rotated
projections are taken, and the rotation that is nearest to them by orthogonal Procrustes. The query keeps its
magnitudes, which are rounded to three bits. With as many bits as dimensions nothing is projected away, and
with half of them a row takes half the memory of `binary`.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.codecs import LearnedCodec, LearnedFrom, Oversampling, Shortlist, codecs
from tieback.methods.codecs import _projected_signs as signs

STATE = signs.STATE


@codecs.method
def itq(
    width: int,
    *,
    bits_per_dimension: Annotated[float, Field(gt=0, le=1)] = 1.0,
    rounds: Annotated[int, Field(ge=1, le=200)] = 50,
    learned_from: LearnedFrom = 10_000,
    oversampling: Oversampling = 8.0,
    rescoring: str = "float32",
) -> LearnedCodec:
    """`bits_per_dimension` times the width are the bits of a row, which is rounded up to 8 bytes."""
    bits = signs.bits_of(width, bits_per_dimension)
    learn = partial(fit, bits=bits, rounds=rounds)
    return signs.learned_signs(learned_from, Shortlist(oversampling, rescoring), learn)


def fit(vectors: Array, *, bits: int, rounds: int = 50) -> State:
    """The projection for vectors `[n, width]`; some seconds for 20,000 vectors of 384 dimensions."""
    centre = vectors.mean(axis=0)
    centred = vectors - centre
    _, directions = np.linalg.eigh(centred.T @ centred)  # by ascending variance
    principal = directions[:, ::-1][:, :bits]
    projected = centred @ principal
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((bits, bits)))
    rotation = rotation.astype(np.float32)
    for _ in range(rounds):
        towards = np.where(projected @ rotation > 0, np.float32(1), np.float32(-1))
        left, _, right = np.linalg.svd(projected.T @ towards)
        rotation = left @ right
    projection = np.asarray(principal @ rotation, np.float32)
    projection *= _scale(centred @ projection)
    return {"centre": centre, "projection": projection, "thresholds": centre @ projection}


def _scale(rotated: Array) -> np.float32:
    """What brings the signs nearest to the rotated vectors; 1 where all of these are zeros."""
    scale = np.float32(np.abs(rotated).mean())
    return scale if scale > 0 else np.float32(1)
