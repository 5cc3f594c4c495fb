"""Pairs where nobody made any: an unpaired photo or sound finds the text that the existing spaces agree on.

Every text space ranks all texts for an input by the path that class names gave; the text of the best mean
place is kept where each space has it near its own top and the input is the text's own best (OmniBind,
arXiv:2407.11895, retrieves its pairs so, with stronger models).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

NEAR_TOP = 0.02
"""Share of the texts among which every space must have the one that is kept."""


def pseudo_pairs(cosines: Sequence[Array], *, near_top: float = NEAR_TOP) -> Array:
    """Pairs (input, text) `[pairs, 2]` from each text space's cosines `[inputs, texts]`; by input."""
    if not cosines or not cosines[0].size:
        return np.zeros((0, 2), np.int64)
    texts = cosines[0].shape[1]
    places = np.stack([_places(one) for one in cosines])
    agreed = np.mean([_standardised(one) for one in cosines], axis=0)
    best = agreed.argmax(axis=1)
    inputs = np.arange(len(best))
    near = (places[:, inputs, best] < max(1, near_top * texts)).all(axis=0)
    mutual = agreed[:, best].argmax(axis=0) == inputs  # of the inputs, the text's best is this one
    kept = inputs[near & mutual]
    return np.stack([kept, best[kept]], axis=1)


def _places(cosines: Array) -> Array:
    """Where each text stands in each input's ranking, from 0."""
    return np.asarray(np.argsort(np.argsort(-cosines, axis=1, kind="stable"), axis=1, kind="stable"))


def _standardised(cosines: Array) -> Array:
    """Spaces differ in how far their cosines spread; only the order within a space counts here."""
    spread = cosines.std(axis=1, keepdims=True)
    return np.asarray((cosines - cosines.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1))
