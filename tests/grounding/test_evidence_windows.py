"""Passages cut into windows: whole sentences, and the bytes that they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from tieback.core.text.passage_units import in_bytes
from tieback.grounding.card_checker import CutPassage, Window, windows
from tieback_contract.arrays import Array

FIRST, SECOND, THIRD = "Ein Käuzchen ruft.", "Es ist Nacht.", "Niemand hört es dort."


def words(text: str) -> Array:
    return np.array([one.start() for one in re.finditer(r"\S+", text)], np.int64)


def cut(text: str) -> CutPassage:
    return CutPassage(text, [span for _, span in in_bytes(text)])


def told(passages: Sequence[CutPassage], window: Window) -> list[str]:
    return [passages[place].text.encode()[slice(*span)].decode() for place, span in window.parts]


def test_what_fits_is_one_window_word_for_word() -> None:
    text = f"  {FIRST}\n{SECOND} \n"

    [[window]] = windows([cut(text)], words, 6, together=False)

    assert window.text == text
    assert window.parts == [(0, (0, len(text.encode())))]


def test_longer_evidence_is_cut_between_sentences_at_bytes() -> None:
    passage = cut(f"{FIRST} {SECOND} {THIRD}")

    [found] = windows([passage], words, 6, together=False)

    assert [window.text for window in found] == [f"{FIRST} {SECOND}", THIRD]
    assert [one.strip() for window in found for one in told([passage], window)] == [
        f"{FIRST} {SECOND}",
        THIRD,
    ]


def test_a_sentence_that_is_too_long_is_cut_between_tokens() -> None:
    [found] = windows([cut("eins zwei drei vier fünf")], words, 2, together=False)

    assert [window.text for window in found] == ["eins zwei", "drei vier", "fünf"]


def test_windows_reach_across_passages_where_they_are_read_together() -> None:
    passages = [cut(FIRST), cut(" "), cut(f"{SECOND} {THIRD}")]

    alone = windows(passages, words, 8, together=False)
    [found] = windows(passages, words, 8, together=True)

    assert [[window.text for window in of_one] for of_one in alone] == [[FIRST], [], [f"{SECOND} {THIRD}"]]
    assert [window.text for window in found] == [f"{FIRST}\n\n{SECOND}", THIRD]
    assert [[place for place, _ in window.parts] for window in found] == [[0, 2], [2]]


def test_evidence_without_a_word_has_no_window() -> None:
    assert windows([cut(""), cut("\n\n")], words, 8, together=False) == [[], []]
