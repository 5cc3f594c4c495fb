"""Texts that are alike by their words, without any encoder."""

from __future__ import annotations

import numpy as np
from tieback.answer.moving.upgrading import MOST_WORDS, word_numbers
from tieback.operations.upgrades.measures import ALIKE, alike
from tieback_contract.arrays import Array


def numbered(*texts: str) -> Array:
    return np.stack([word_numbers(text) for text in texts])


TIDES = [
    "the spring tides follow the full moon",
    "neap tides follow the quarter moon",
    "the gearbox of the turbine needs oil",
    "oil of the gearbox is changed in spring",
    "a harbour without boats",
]


def near(texts: list[str], items: list[int] | None = None) -> list[list[int]]:
    return list(alike(numbered(*texts), np.array(items or range(len(texts))), range(len(texts))))


def test_texts_that_share_rare_words_are_alike_and_others_are_not() -> None:
    found = near(TIDES)

    assert [one[:1] for one in found] == [[1], [0], [3], [2], []]


def test_words_of_most_texts_count_nothing() -> None:
    texts = [f"common words everywhere number{n // 2}" for n in range(20)]

    assert near(texts) == [[n ^ 1] for n in range(20)]


def test_no_text_is_alike_to_one_of_its_own_item() -> None:
    found = near(TIDES, items=[0, 0, 1, 1, 2])

    assert 1 not in found[0]
    assert found[0] == [3], "by the one rare word that is left"


def test_at_most_ten_are_named_and_only_those_that_ask() -> None:
    words = numbered(*[f"own{n} shared{n % 5}" for n in range(60)])

    (found,) = alike(words, np.arange(60), [7])

    assert len(found) == ALIKE
    assert {place % 5 for place in found} == {2}


def test_words_are_numbered_whatever_their_case_and_only_so_many() -> None:
    assert word_numbers("Tide tide TIDE of").tolist() == word_numbers("tide").tolist()
    assert np.count_nonzero(word_numbers("tide of")) == 1, "short words are left out"
    assert np.count_nonzero(word_numbers(" ".join(f"word{n}" for n in range(MOST_WORDS + 9)))) == MOST_WORDS


def test_where_there_are_no_texts_nothing_is_alike() -> None:
    assert list(alike(np.zeros((0, MOST_WORDS), np.int32), np.zeros(0, np.int64), [])) == []
