"""Compares the hits of two searches as far as a search promises them."""

from __future__ import annotations

import pytest
from tieback_client import RetrievalResult

ROUNDING = 1e-5
"""Difference of the scores of one vector that was computed in two batches, or by two processors."""


def assert_same_hits(found: RetrievalResult, wanted: RetrievalResult, *, tolerance: float = ROUNDING) -> None:
    """Of sections whose scores are equal but for rounding, any may come first, and any may be the last."""
    one, other = (
        {(hit.hit.item_id, hit.hit.section_id): hit.search_score for hit in result.hits}
        for result in (found, wanted)
    )
    assert one
    for scores in (one, other):
        assert list(scores.values()) == sorted(scores.values(), reverse=True)
    assert list(one.values()) == pytest.approx(list(other.values()), abs=tolerance)
    last = min(one.values())
    for section in one.keys() | other.keys():
        assert one.get(section, last) == pytest.approx(other.get(section, last), abs=tolerance), section
