"""Language is read once, by data of its own: words, numbers, names, times and negations of a sentence."""

from __future__ import annotations

import re
from functools import cached_property

from support.each import each
from tieback.core.language import Sentence, language
from tieback.core.language.data import languages
from tieback.core.text.terms import languages as stemmed


@each(
    "text, numbers",
    [
        ("It has 1.8 million readers.", ["1800000"]),
        ("It has two million readers.", ["2000000"]),
        ("It has 2 million readers, and three cats.", ["2000000", "3"]),
        ("The twenty-first of July 1994.", ["21", "1994"]),
        ("Version 2.0.5 opens 4,000 files.", ["4000"]),
        ("A four-day week.", ["4"]),
        ("Wait a second.", []),
    ],
)
def test_numbers_are_the_same_however_they_are_written(text: str, numbers: list[str]) -> None:
    assert list(Sentence(text).numbers) == numbers


def test_a_written_number_stands_where_its_words_do() -> None:
    text = "In all, three hundred and five boats left."

    [number] = [one for one in Sentence(text).tokens if one.number]

    assert number.number == "305"
    assert text[slice(*number.span)] == "three hundred and five"


def test_quantities_stand_where_their_words_do_behind_other_numbers() -> None:
    text = "Two thousand people waited three hours."

    [_, waited] = Sentence(text).quantities

    assert (waited.dimension, waited.value) == ("time", 3 * 3600)
    assert text[slice(*waited.span)] == "three hours"


@each(
    "text, times",
    [
        ("It closed in May 1994.", {"may", "1994"}),
        ("It closed in the 1990s.", {"1990"}),
        ("It has 1,994 seats.", set()),
        ("It takes 20 minutes.", set()),
        ("It came 3rd on Monday.", {"3", "monday"}),
    ],
)
def test_what_says_when_is_known(text: str, times: set[str]) -> None:
    assert Sentence(text).times == times


def test_a_part_of_a_sentence_is_worked_out_once() -> None:
    sentence = Sentence("No ferry to Graz left on July 18th, 1994, since it was closed by the town.")
    parts = [name for name, one in vars(Sentence).items() if isinstance(one, cached_property)]

    assert not set(parts) & set(vars(sentence))
    assert all(getattr(sentence, name) is getattr(sentence, name) for name in parts)


def test_every_file_of_a_language_is_read_and_its_words_are_in_lower_case() -> None:
    for name in languages():
        known = language(name)
        lists = [one for one in vars(known).values() if isinstance(one, frozenset)]

        assert name in stemmed(), name
        assert len(known.months) >= 12, name
        assert all(word == word.lower() for words in lists for word in words), name
        assert all(re.compile(pattern) for pattern in known.asks.values()), name

    assert {"english", "french", "german"} <= set(languages())
    assert language("klingon").months == frozenset()
