"""The order of what has scores: the best first, and by id where scores are equal.

Two copies of a text have equal vectors but for their last bits, which depend on what else was in a batch, on
the place of a row in a matrix, and on the processor. So scores that differ by no more than such rounding are
equal here, and everything that orders hits goes by this file: the order is then the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

ROUNDING = 1e-5
"""Distance up to which scores are equal, as a share of the largest one. Copies of one text that were encoded
in different batches are 1e-7 to 1e-6 apart; neighbours in a ranking are some 1e-3 apart."""

MOST_EQUAL = 1000
"""Results beyond those asked for that `with_equal` asks for, at most, where they are equal to the last."""


def level(scores: Array) -> Array:
    """The scores `[n]`, of which neighbours that are equal but for rounding become the best of them.

    NaN and infinite scores stay as they are.
    """
    if len(scores) < 2:
        return scores
    with np.errstate(invalid="ignore"):  # of two infinite scores
        steps = np.diff(np.sort(scores))
        rounding = _rounding_of(scores)
        if not ((steps > 0) & (steps <= rounding)).any():
            return scores
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        are_equal = ranked[:-1] - ranked[1:] <= rounding
    begins = np.flatnonzero(np.append(True, ~are_equal))
    levelled = np.empty_like(scores)
    levelled[order] = np.repeat(ranked[begins], np.diff(np.append(begins, len(ranked))))
    return levelled


def best_first(scores: Array, id_of: Callable[[int], Any], limit: int | None = None) -> list[int]:
    """The places of the best `limit` scores, or of all: the best first, equal ones by their ids."""
    places = np.arange(len(scores))
    if limit is not None:
        places = np.flatnonzero(best(scores, limit))
    order = by_score(level(scores[places]), lambda place: id_of(int(places[place])))
    return [int(one) for one in places[order][:limit]]


def by_score(levelled: Array, id_of: Callable[[int], Any]) -> list[int]:
    """The places of scores that were made of levelled ones: the best first, equal ones by their ids."""
    found = [(-score, id_of(place), place) for place, score in enumerate(levelled.tolist())]
    return [place for _, _, place in sorted(found)]


def best(scores: Array, limit: int) -> Array:
    """The mask of the best `limit` scores, and of all that are equal to the last of them."""
    if len(scores) <= limit:
        return np.ones(len(scores), bool)
    return np.asarray(scores >= np.partition(scores, -limit)[-limit] - _rounding_of(scores))


def first_of_best(scores: Array) -> int:
    """The first place that has the highest score, or one that is equal to it."""
    return int(np.argmax(scores >= scores.max() - _rounding_of(scores)))


def with_equal(find: Callable[[int], tuple[Array, Array]], limit: int) -> tuple[Array, Array]:
    """The best `limit` of what `find` gives for a limit, and all that are equal to the last.

    `find` gives places and their scores, in any order; it is asked for one more than `limit`, and for more
    only where that one is equal to the last. Of more than `MOST_EQUAL` equal ones, it decides which are
    there.
    """
    wanted = limit + 1
    while True:
        places, scores = find(wanted)
        kept = best(scores, limit)
        if len(scores) < wanted or not kept.all() or wanted > limit + MOST_EQUAL:
            return places[kept], scores[kept]
        wanted = min(4 * wanted, limit + MOST_EQUAL + 1)


def _rounding_of(scores: Array) -> float:
    largest = max(float(scores.max(initial=0.0)), -float(scores.min(initial=0.0)))
    if not np.isfinite(largest):
        largest = float(np.abs(scores[np.isfinite(scores)]).max(initial=0.0))
    return ROUNDING * largest
