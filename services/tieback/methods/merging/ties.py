"""Trimmed task vectors whose signs are elected before they are averaged (TIES).

"TIES-Merging: Resolving Interference When Merging Models" (Yadav et al., 2023, arXiv:2306.01708). Of each
task vector the largest values stay. For each parameter the sign with the larger sum is elected, and the mean
is of the values that have it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.merging import Scale, Share, Weights, added, mergings, task_vectors


@mergings.method
def ties(base: Weights, experts: Sequence[Weights], *, density: Share = 0.2, scale: Scale = 1.0) -> Weights:
    """`base + scale` times the mean; `density` is the share of each expert's parameters that stays."""
    vectors = [trimmed(vector, density) for vector in task_vectors(base, experts)]
    return added(base, {name: _elected([vector[name] for vector in vectors]) for name in base}, scale)


def trimmed(vector: Weights, density: float) -> dict[str, Array]:
    """A task vector with its largest values alone, as many as the share says: others are 0."""
    sizes = np.concatenate([np.abs(array).ravel() for array in vector.values()])
    kept = max(1, round(density * len(sizes)))
    if kept >= len(sizes):
        return dict(vector)
    smallest = np.partition(sizes, len(sizes) - kept)[len(sizes) - kept]
    return {name: np.where(np.abs(array) >= smallest, array, np.float32(0)) for name, array in vector.items()}


def _elected(values: Sequence[Array]) -> Array:
    """The mean `[…]` of the values, a row for each expert, that have the sign of their sum and are not 0."""
    rows = np.stack(values)
    elected = np.sign(rows.sum(0))
    agreeing = (np.sign(rows) == elected) & (elected != 0)
    counts = agreeing.sum(0)
    total = np.where(agreeing, rows, 0).sum(0, dtype=np.float32)
    return np.asarray(total / np.maximum(counts, 1), np.float32)
