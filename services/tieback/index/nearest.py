"""The nearest sections where some are known by several vectors: as a whole, and by their parts.

A section with parts scores ½ (similarity of the whole + similarity of the best part), one without as its
whole does: so a photo and a text compare as before. While parts are searched exactly, one scan of wholes and
parts scores every section. Of more, the nearest wholes and parts are found first, in an inverted file. The
sections that they belong to are the candidates. What was not found of one counts as the last that was found:
by that, the likely ones are chosen, and scored exactly.
"""

from __future__ import annotations

import numpy as np

from tieback.core.types.arrays import Array
from tieback.index.part_vectors import PartVectors
from tieback.index.vectors import Vectors

_LOOKED_UP, _LOOKED_UP_A_HIT = 1024, 64  # wholes and parts, at least; a photo has ten
_SCORED, _SCORED_A_HIT = 400, 20  # candidates, at least


def scores_of(wholes: Vectors, parts: PartVectors, positions: Array, query: Array) -> Array:
    """The scores of sections, `[positions]`."""
    if not len(positions):
        return np.zeros(0, np.float32)
    scores = np.asarray(wholes.take(positions) @ query)
    size = int(positions.max()) + 1
    split = parts.counts(size)[positions] > 0
    if split.any():
        wanted = np.zeros(size, bool)
        wanted[positions[split]] = True
        scores[split] = (scores[split] + parts.best(query, wanted)[positions[split]]) / 2
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
    scored = max(_SCORED, _SCORED_A_HIT * limit)
    if not parts.exact and np.count_nonzero(allowed) > scored:
        candidates, about = _candidates(parts, query, limit, allowed)
        if len(candidates) >= limit:
            likely = candidates[np.sort(np.argsort(-about, kind="stable")[:scored])]
            return _best(likely, scores_of(wholes, parts, likely, query), limit)
    places, whole = wholes.similarities(query, allowed)
    scores = parts.best(query, allowed)
    scores[places] = (scores[places] + whole) / 2
    positions = np.flatnonzero(allowed)
    return _best(positions, scores[positions], limit)


def _candidates(parts: PartVectors, query: Array, limit: int, allowed: Array) -> tuple[Array, Array]:
    """Sections that are near by their whole or a part, by position, and what each scores, about."""
    owners, similarities, whole = parts.search(query, max(_LOOKED_UP, _LOOKED_UP_A_HIT * limit), allowed)
    candidates, inverse = np.unique(owners, return_inverse=True)
    best = np.full((2, len(candidates)), similarities.min(initial=np.inf), np.float32)
    np.maximum.at(best[0], inverse[whole], similarities[whole])
    np.maximum.at(best[1], inverse[~whole], similarities[~whole])
    return candidates, best.mean(axis=0)


def _best(positions: Array, scores: Array, limit: int) -> tuple[Array, Array]:
    order = np.argsort(-scores, kind="stable")[:limit]
    return positions[order], scores[order]
