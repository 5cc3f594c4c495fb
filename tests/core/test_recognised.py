"""Texts of recognised parts, and where their bytes are."""

from __future__ import annotations

import pytest
from tieback.core.recognised import joined, moved, region_of, time_of, within
from tieback.core.text.sentences import sentences
from tieback_contract.locators import Locator, LocatorKind

ABOVE, LEFT, RIGHT = (
    Locator(LocatorKind.BOX, box)
    for box in ((0.1, 0.1, 0.5, 0.1), (0.1, 0.3, 0.2, 0.1), (0.5, 0.32, 0.3, 0.1))
)
RECEIPT = joined([[("Café", ABOVE, 0.9)], [("Total", LEFT, 0.8), ("€9", RIGHT, 1.0)]], "reader")


def test_lines_are_sentences_of_their_own_but_those_that_go_on_with_a_small_letter() -> None:
    sign = joined([[(line, ABOVE, 1.0)] for line in ("No dogs", "on the beach", "Wednesday 9 to 5")])

    assert [sign.text[slice(*span)] for span in sentences(sign.text)] == [
        "No dogs\non the beach", "Wednesday 9 to 5",
    ]  # fmt: skip


def test_each_part_has_its_bytes_in_the_text() -> None:
    assert RECEIPT.text == "Café\n\nTotal €9"
    encoded = RECEIPT.text.encode()
    assert [encoded[slice(*one.span)].decode() for one in RECEIPT.segments] == ["Café", "Total", "€9"]


def test_the_region_of_some_bytes_is_around_the_parts_that_they_touch() -> None:
    begin = RECEIPT.text.encode().index(b"Total")

    assert region_of(RECEIPT.segments, (0, 2)) == pytest.approx(ABOVE.place)
    assert region_of(RECEIPT.segments, (begin, len(RECEIPT.text.encode()))) == pytest.approx(
        (0.1, 0.3, 0.7, 0.12)
    )
    assert region_of(RECEIPT.segments, (5, 7)) is None, "a newline has no place"
    assert region_of(RECEIPT.segments, None) is None
    assert time_of(RECEIPT.segments, (0, 9)) is None, "a picture has no times"


def test_the_time_of_some_bytes_is_from_the_first_to_the_last_word() -> None:
    said = joined(
        [[(word, Locator(LocatorKind.TIME_RANGE, (n, n + 0.5)), 1.0) for n, word in enumerate("abc")]]
    )

    assert time_of(said.segments, (2, 5)) == (1.0, 2.5)
    assert region_of(said.segments, (2, 5)) is None


def test_segments_follow_their_text_when_something_is_put_before_it_and_end_where_it_is_cut() -> None:
    behind = moved(RECEIPT.segments, 3)

    assert [one.span for one in within(behind, 12)] == [(3, 8), (10, 12)]
