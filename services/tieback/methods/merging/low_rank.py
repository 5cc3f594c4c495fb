"""The base, and beside it what each expert adds, exactly: adapters of low rank as they were trained.

"LoRA: Low-Rank Adaptation of Large Language Models" (Hu et al., 2021, arXiv:2106.09685) trains the
difference to a matrix as a product of two small ones. Here such a difference is factored again, to the least
rank at which no more is lost than float32 rounds off the matrix, and a request names the expert. Without one
the model is the base. A difference of full rank, of an expert that was trained whole, is kept as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.merging import Weights, mergings, task_vectors

LEFT, RIGHT = " left", " right"
"""Behind a matrix's name: its difference's factors."""
FIRST_RANK = 8
"""That is tried; each further one is twice as large."""


@mergings.method
def low_rank(base: Weights, experts: Sequence[Weights]) -> Weights:  # noqa: ARG001 - they are kept apart
    """The base."""
    return {name: np.asarray(array, np.float32) for name, array in base.items()}


def split(base: Weights, experts: Sequence[Weights]) -> tuple[Weights, Sequence[Weights]]:
    """The base, and for each expert the tensors in which it differs, matrices as factors."""
    kept = []
    for difference in task_vectors(base, experts):
        adapter: dict[str, Array] = {}
        for name, array in difference.items():
            if array.any():
                adapter |= _factored(name, array, base[name])
        kept.append(adapter)
    return low_rank(base, experts), kept


def restore(base: Weights, shared: Weights, adapter: Weights) -> Weights:
    """What is shared and what the expert adds."""
    added = dict(adapter) | {name: left @ right for name, (left, right) in factors(adapter).items()}
    return {name: np.asarray(shared[name] + added.get(name, np.float32(0)), np.float32) for name in base}


def factors(adapter: Weights) -> Mapping[str, tuple[Array, Array]]:
    """The factors of the matrices that are kept as such."""
    names = [name.removesuffix(LEFT) for name in adapter if name.endswith(LEFT)]
    return {name: (adapter[name + LEFT], adapter[name + RIGHT]) for name in names}


def _factored(name: str, difference: Array, matrix: Array) -> dict[str, Array]:
    """By a basis of the columns that random combinations of them span, which needs no decomposition of all.

    "Finding structure with randomness" (Halko, Martinsson, Tropp, 2011, arXiv:0909.4061).
    """
    whole = {name: np.asarray(difference, np.float32)}
    if difference.ndim != 2:
        return whole
    lengths = np.linalg.norm(matrix), np.linalg.norm(difference)
    rounded = float(np.finfo(np.float32).eps * sum(lengths))
    exact, draw = difference.astype(np.float64), np.random.default_rng(0)
    rows, columns = difference.shape
    rank = FIRST_RANK
    while rank * (rows + columns) < rows * columns:
        basis, _ = np.linalg.qr(exact @ draw.standard_normal((columns, rank)))
        right = basis.T @ exact
        if float(np.linalg.norm(exact - basis @ right)) <= rounded:
            return _shortest(name, basis, right, rounded)
        rank *= 2
    return whole


def _shortest(name: str, basis: Array, right: Array, rounded: float) -> dict[str, Array]:
    """The factors without what is below the rounding."""
    turned, values, rest = np.linalg.svd(right, full_matrices=False)
    rank = max(1, int((values > rounded).sum()))
    left = basis @ (turned[:, :rank] * values[:rank])
    return {name + LEFT: np.asarray(left, np.float32), name + RIGHT: np.asarray(rest[:rank], np.float32)}
