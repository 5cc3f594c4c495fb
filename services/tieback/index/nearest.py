"""The nearest sections where some are known by several vectors: as a whole, and by their regions.

A section with regions scores ½ (similarity of the whole + similarity of the best region), one without as its
whole does: so a photo and a text compare as before. While regions are searched exactly, one scan of wholes
and regions scores every section. Of more, the nearest wholes and regions are found first, in an inverted
file. The sections that they belong to are the candidates. What was not found of one counts as the last that
was found: by that, the likely ones are chosen, and scored exactly.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.region_vectors import RegionVectors
from tieback.index.vectors import Vectors

_LOOKED_UP, _LOOKED_UP_A_HIT = 1024, 64  # wholes and regions, at least; a photo has ten
_SCORED, _SCORED_A_HIT = 400, 20  # candidates, at least


def scores_of(wholes: Vectors, regions: RegionVectors, positions: Array, query: Array) -> Array:
    """The scores of sections, `[positions]`."""
    if not len(positions):
        return np.zeros(0, np.float32)
    scores = np.asarray(wholes.take(positions) @ query)
    size = int(positions.max()) + 1
    split = regions.counts(size)[positions] > 0
    if split.any():
        wanted = np.zeros(size, bool)
        wanted[positions[split]] = True
        scores[split] = (scores[split] + regions.best(query, wanted)[positions[split]]) / 2
    return scores


def nearest(
    wholes: Vectors, regions: RegionVectors, query: Array, limit: int, allowed: Array, breadth: float = 1.0
) -> tuple[Array, Array]:
    """The best positions of the mask `allowed` and their scores, best first.

    Exact where wholes and regions are searched exactly, or all of them by `breadth`; else as good as the
    lists that are looked into.
    """
    if not regions.count:
        return wholes.search(query, limit, allowed, breadth)
    split = regions.counts(len(allowed)) > 0
    plain, several = allowed & ~split, allowed & split
    found = [wholes.search(query, limit, plain, breadth)] if plain.any() else []
    if several.any():
        found.append(_nearest_with_regions(wholes, regions, query, limit, several, breadth))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    positions, scores = (np.concatenate(one) for one in zip(*found, strict=True))
    return _best(positions, scores, limit)


def _nearest_with_regions(
    wholes: Vectors, regions: RegionVectors, query: Array, limit: int, allowed: Array, breadth: float
) -> tuple[Array, Array]:
    scored = max(_SCORED, _SCORED_A_HIT * limit) * max(breadth, 1)
    if not regions.exact and np.count_nonzero(allowed) > scored:
        candidates, about = _candidates(regions, query, limit, allowed, breadth)
        if len(candidates) >= limit:
            likely = candidates[np.sort(np.argsort(-about, kind="stable")[: int(scored)])]
            return _best(likely, scores_of(wholes, regions, likely, query), limit)
    positions = np.flatnonzero(allowed)
    return _best(positions, all_scores(wholes, regions, query, allowed)[positions], limit)


def all_scores(wholes: Vectors, regions: RegionVectors, query: Array, allowed: Array) -> Array:
    """The scores of all sections of the mask `allowed`, by position; -inf elsewhere."""
    scores = np.full(len(allowed), -np.inf, np.float32)
    places, whole = wholes.similarities(query, allowed)
    scores[places] = whole
    split = allowed & (regions.counts(len(allowed)) > 0)
    if split.any():
        scores[split] = (scores[split] + regions.best(query, split)[split]) / 2
    return scores


def _candidates(
    regions: RegionVectors, query: Array, limit: int, allowed: Array, breadth: float
) -> tuple[Array, Array]:
    """Sections that are near by their whole or a region, by position, and what each scores, about."""
    most = max(_LOOKED_UP, _LOOKED_UP_A_HIT * limit)
    owners, similarities, whole = regions.search(query, most, allowed, breadth)
    candidates, inverse = np.unique(owners, return_inverse=True)
    best = np.full((2, len(candidates)), similarities.min(initial=np.inf), np.float32)
    np.maximum.at(best[0], inverse[whole], similarities[whole])
    np.maximum.at(best[1], inverse[~whole], similarities[~whole])
    return candidates, best.mean(axis=0)


def _best(positions: Array, scores: Array, limit: int) -> tuple[Array, Array]:
    order = np.argsort(-scores, kind="stable")[:limit]
    return positions[order], scores[order]
