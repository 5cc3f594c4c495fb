"""The vectors of regions in memory: which section each belongs to, and where in its picture it is.

A region has a place of its own, reused after it is gone as positions of sections are. It costs 2 bytes per
dimension and some 100 bytes. The whole of a section with regions has a place beside them, so that one look-up
among very many finds the sections that are near by either.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tieback_contract.arrays import WHOLE, Array, Box

from tieback.collections.record import Regions
from tieback.core.room import grown
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors import Vectors
from tieback.index.vectors.ivf import growing_lists

_NOBODY = -1  # as a place, the last


class RegionVectors:
    """Regions by the positions of their sections."""

    def __init__(self, width: int, flat_up_to: int) -> None:
        self.count = 0
        """Regions of living sections."""
        self._vectors = growing_lists(width, flat_up_to, half=True)
        self._owners = np.zeros(0, np.int64)  # by place: the section's position
        self._whole = np.zeros(0, bool)  # by place: the whole, and no region
        self._boxes = np.zeros((0, 4), np.float32)  # by place
        self._counts = np.zeros(0, np.int64)  # by position: how many regions the section has
        self._places: dict[int, Array] = {}  # by position: the whole's, then those of the regions
        self._free: list[int] = []
        self._used = 0  # places that were ever used

    @property
    def exact(self) -> bool:
        """Whether a search looks at every region."""
        return self._vectors.current.exact

    @property
    def resident_bytes(self) -> int:
        """Bytes of the vectors in memory."""
        return self._vectors.current.resident_bytes

    def put(self, position: int, whole: Array, regions: Regions) -> None:
        """Gives a section without regions some; `whole` is its own vector."""
        places = np.array([self._place() for _ in range(1 + len(regions.vectors))], np.int64)
        self._counts = grown(self._counts, position + 1, 0)
        self._counts[position] = len(regions.vectors)
        self.count += len(regions.vectors)
        self._places[position] = places
        self._owners[places], self._whole[places] = position, False
        self._whole[places[0]] = True
        self._boxes[places[1:]] = regions.boxes
        self._vectors.put(places, np.concatenate((whole[None], regions.vectors)))

    def remove(self, position: int) -> None:
        """Forgets a section's regions, where it has some."""
        places = self._places.pop(position, None)
        if places is None:
            return
        self.count -= int(self._counts[position])
        self._counts[position] = 0
        self._owners[places] = _NOBODY
        self._vectors.remove(places)
        self._free.extend(reversed(places.tolist()))

    def counts(self, size: int) -> Array:
        """How many regions the sections at the first `size` positions have."""
        return grown(self._counts, size, 0)[:size]

    def search(
        self, query: Array, limit: int, allowed: Array, breadth: float = 1.0
    ) -> tuple[Array, Array, Array]:
        """The nearest wholes and regions: the sections' positions, the similarities, and which are wholes.

        Best first, at most `limit`; `allowed` is a mask of positions.
        """
        places, similarities = self._vectors.current.search(query, limit, self._wanted(allowed), breadth)
        return self._owners[places], similarities, self._whole[places]

    def best(self, query: Array, allowed: Array) -> Array:
        """By position, the similarity of the best region: -inf where there is none or `allowed` is False."""
        best = np.full(len(allowed), -np.inf, np.float32)
        wanted = self._wanted(allowed) & ~self._whole[: self._used]
        places, similarities = self._vectors.current.similarities(query, wanted)
        np.maximum.at(best, self._owners[places], similarities)
        return best

    def best_box(self, position: int, query: Array) -> Box | None:
        """Where the region of a section is that is most similar; None where it has none."""
        places = self._places.get(position)
        if places is None:
            return None
        best = places[1 + int(np.argmax(self._vectors.current.take(places[1:]) @ query))]
        return Box(*self._boxes[best].tolist())

    def all_of(self, position: int) -> tuple[Array, Array] | None:
        """The vectors of a section with regions and their boxes, the whole's first; else None."""
        places = self._places.get(position)
        if places is None:
            return None
        boxes = np.concatenate(([WHOLE], self._boxes[places[1:]]), dtype=np.float32)
        return self._vectors.current.take(places), boxes

    def wants_training(self) -> bool:
        """Whether the regions have outgrown exact search, or the lists they were sorted into."""
        return self._vectors.wants_training(self._used - len(self._free))

    def train(self, lock: ReadWriteLock) -> None:
        """See `GrowingVectors`."""
        living: Callable[[], Array] = self._living
        self._vectors.train(lock, living)

    def _wanted(self, allowed: Array) -> Array:
        """The places of allowed sections."""
        padded = np.zeros(max(len(self._counts), len(allowed)) + 1, bool)
        padded[: len(allowed)] = allowed
        return padded.take(self._owners[: self._used])  # that of nobody is the last, which is padding

    def _living(self) -> Array:
        return np.asarray(self._owners[: self._used] != _NOBODY)

    def _place(self) -> int:
        if self._free:
            return self._free.pop()
        self._used += 1
        self._owners = grown(self._owners, self._used, _NOBODY)
        size = len(self._owners)
        if len(self._boxes) < size:
            self._whole = np.concatenate((self._whole, np.zeros(size - len(self._whole), bool)))
            self._boxes = np.concatenate((self._boxes, np.zeros((size - len(self._boxes), 4), np.float32)))
        return self._used - 1


# The nearest sections where some are known by several vectors: as a whole, and by their regions.
#
# A section with regions scores ½ (similarity of the whole + similarity of the best region), one without as
# its whole does: so a photo and a text compare as before. While regions are searched exactly, one scan of
# wholes and regions scores every section. Of more, the nearest wholes and regions are found first, in an
# inverted file. The sections that they belong to are the candidates. What was not found of one counts as
# the last that was found: by that, the likely ones are chosen, and scored exactly.
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
