"""What matched what, as a terminal shows it: words, places in pictures, times in sounds."""

from __future__ import annotations

import pytest
from tieback_client import AlignedPair, Alignment, Hit, Locator, LocatorKind, Modality, RetrievedHit
from tieback_client.cli.query.search import hit

UPPER_LEFT = Locator(LocatorKind.BOX, (0.0, 0.0, 0.5, 0.5))
CENTRE = Locator(LocatorKind.BOX, (0.25, 0.25, 0.5, 0.5))
MOON = Locator(LocatorKind.BYTE_SPAN, (4, 8))
TIDES = Locator(LocatorKind.BYTE_SPAN, (0, 5))
LATE = Locator(LocatorKind.TIME_RANGE, (1.92, 2.895))


@pytest.mark.parametrize(
    ("query", "candidate", "said"),
    [
        (MOON, TIDES, "moon ~ tides 0.90"),
        (UPPER_LEFT, CENTRE, "upper left ~ centre 0.90"),
        (LATE, LATE, "1.9 to 2.9 s ~ 1.9 to 2.9 s 0.90"),
    ],
)
def test_an_aligned_pair_is_told_by_words_by_place_or_by_time(
    query: Locator, candidate: Locator, said: str
) -> None:
    alignment = Alignment([AlignedPair(query, candidate, 0.9, 0.5)])
    found = Hit("a", "Sea", "1", "", Modality.TEXT, "tides", "", {}, 0.5)

    shown = hit(
        1, RetrievedHit(found, 0.5, 0, 0.9, alignment), ("the", "moon"), explain=True, width=100
    ).plain

    assert said in " ".join(shown.split())
