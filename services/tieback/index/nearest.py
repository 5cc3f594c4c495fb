"""The nearest sections where some are known by several vectors: as a whole, and by their parts.

A section with parts scores ½ (similarity of the whole + similarity of the best part), one without as its
whole does: so a photo and a text compare as before. The best k of those with parts are found by the Threshold
Algorithm (Fagin, Lotem & Naor 2001, arXiv:cs/0204046): wholes and parts are two rankings of the sections.
Both are read down to some depth, whatever is met is scored in full, and what was met in neither cannot score
more than the mean of where the two rankings were left. They are read deeper until k sections reach that.
"""

from __future__ import annotations

import numpy as np

from tieback.core.types import Array
from tieback.index.part_vectors import PartVectors
from tieback.index.vectors import Vectors

_FIRST_DEPTH = 128
_DEEPER = 4
_CHUNK = 1024  # sections that are scored at a time: their vectors are widened to float32


def scores_of(wholes: Vectors, parts: PartVectors, positions: Array, query: Array) -> Array:
    """The scores of sections, `[positions]`."""
    chunks = [positions[begin : begin + _CHUNK] for begin in range(0, len(positions), _CHUNK)]
    scores = [_scores(wholes, parts, chunk, query) for chunk in chunks]
    return np.concatenate([np.zeros(0, np.float32), *scores])


def _scores(wholes: Vectors, parts: PartVectors, positions: Array, query: Array) -> Array:
    scores = np.asarray(wholes.take(positions) @ query)
    split = parts.counts(int(positions.max()) + 1)[positions] > 0
    if split.any():
        scores[split] = (scores[split] + parts.best(positions[split], query)) / 2
    return scores


def nearest(
    wholes: Vectors, parts: PartVectors, query: Array, limit: int, allowed: Array
) -> tuple[Array, Array]:
    """The best positions of the mask `allowed` and their scores, best first.

    Exact where wholes and parts are searched exactly; else as good as the lists that are looked into.
    """
    split = parts.counts(len(allowed)) > 0
    plain, apart = allowed & ~split, allowed & split
    found = [wholes.search(query, limit, plain)] if plain.any() else []
    if apart.any():
        found.append(_nearest_with_parts(wholes, parts, query, limit, apart))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    positions, scores = (np.concatenate(one) for one in zip(*found, strict=True))
    return _best(positions, scores, limit)


def _nearest_with_parts(
    wholes: Vectors, parts: PartVectors, query: Array, limit: int, allowed: Array
) -> tuple[Array, Array]:
    count = int(allowed.sum())
    depth = max(_FIRST_DEPTH, 2 * limit)
    met, scores = np.zeros(0, np.int64), np.zeros(0, np.float32)
    while depth < count:
        ranked, whole = wholes.search(query, depth, allowed)
        owners, part = parts.search(query, depth, allowed)
        new = np.setdiff1d(np.concatenate((ranked, owners)), met)
        met = np.concatenate((met, new))
        scores = np.concatenate((scores, scores_of(wholes, parts, new, query)))
        best = _best(met, scores, limit)
        if min(len(whole), len(part)) < depth:  # all that the lists looked into hold was met
            return best
        if len(best[1]) == limit and best[1][-1] >= (whole[-1] + part[-1]) / 2:
            return best
        depth *= _DEEPER
    every = np.flatnonzero(allowed)
    return _best(every, scores_of(wholes, parts, every, query), limit)


def _best(positions: Array, scores: Array, limit: int) -> tuple[Array, Array]:
    order = np.argsort(-scores, kind="stable")[:limit]
    return positions[order], scores[order]
