"""Measures of the answer to one query, by the items that were found, best first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

BEST = 10


def items_of(ids: Iterable[str], own: Iterable[str] = ()) -> list[str]:
    """Sections led back to their items: an item stands where its first section does; `own` are left out."""
    left_out = set(own)
    return [name for name in dict.fromkeys(ids) if name not in left_out]


def ndcg(found: Sequence[str], grades: Mapping[str, int]) -> float:
    """nDCG at 10 with the gain 2^grade − 1."""
    gains = np.array([2.0 ** grades.get(name, 0) - 1 for name in found[:BEST]])
    ideal = np.array(sorted((2.0**grade - 1 for grade in grades.values()), reverse=True)[:BEST])
    discounts = 1 / np.log2(np.arange(2, BEST + 2))
    return float(gains @ discounts[: len(gains)] / (ideal @ discounts[: len(ideal)]))


def reciprocal_rank(found: Sequence[str], grades: Mapping[str, int]) -> float:
    """1 / the place, from 1, of the first item with a grade above 0; 0 where none was found."""
    return next((1 / place for place, name in enumerate(found, 1) if grades.get(name, 0) > 0), 0.0)


def recall(found: Sequence[str], grades: Mapping[str, int], *, at: int = BEST) -> float:
    """The share of what could be among the best `at` that is there."""
    return sum(grades.get(name, 0) > 0 for name in found[:at]) / min(at, len(grades))


def hit(found: Sequence[str], grades: Mapping[str, int], *, at: int) -> float:
    """1 where an item with a grade above 0 is among the best `at`, else 0."""
    return float(any(grades.get(name, 0) > 0 for name in found[:at]))
