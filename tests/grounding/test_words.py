"""What checkers read of words: numbers in any form, negations, and the order of content words."""

from __future__ import annotations

import numpy as np
from support.each import each
from tieback.core.plain_numbers import has_number
from tieback.methods.grounding import words_of
from tieback.methods.grounding._doubts import is_doubted
from tieback.methods.grounding._signals import SIGNALS, signals_of
from tieback.methods.grounding._words import conflicts, lacking

MOON = "The mean distance of the Moon is 238,855 miles."


@each(
    "text, numbers",
    [
        ("It has twenty-one rooms and 2,850 beds.", ("21", "2850")),
        ("It cost three million dollars.", ("3000000",)),
        ("One of them has two people.", ("2",)),
        ("It is 3.50 m long.", ("3.5",)),
        ("It opened on July 18th, 1940.", ("18", "1940")),
    ],
)
def test_numbers_are_read_in_words_and_in_digits(text: str, numbers: tuple[str, ...]) -> None:
    assert words_of(text).numbers == numbers


@each(
    "number, exact, is_same",
    [
        ("239000", "238855", True),
        ("238000", "238855", False),
        ("2850", "2849.7", True),
        ("1990", "1992", False),
        ("200", "199", False),
        ("12", "12.4", False),
    ],
)
def test_a_number_in_round_figures_is_the_one_that_it_rounds(number: str, exact: str, is_same: bool) -> None:
    assert has_number(number, [exact]) is is_same


def test_a_rounded_number_is_neither_lacking_nor_in_conflict() -> None:
    stated, said = words_of("That distance is 239,000 miles."), words_of(MOON)

    assert not lacking(stated, said.numbers)
    assert not conflicts(stated, said)
    assert conflicts(words_of("That distance is 293,000 miles."), said)


@each(
    "claim, said, doubt",
    [
        ("A reindex makes a collection again.", "A reindex makes a collection again.", None),
        ("A collection makes a reindex again.", "A reindex makes a collection again.", "reordered"),
        ("The lead approves all requests.", "All requests are approved by the lead.", None),
        ("All requests approve the lead.", "All requests are approved by the lead.", "reordered"),
        ("Bad Taste is a comedy film.", "Bad Taste is a comedy film directed by Peter Jackson.", None),
        ("Peter Jackson made Bad Taste.", "Bad Taste was written and made by Peter Jackson.", None),
        ("Bad Taste made Peter Jackson.", "Bad Taste was made in 1987 by Peter Jackson.", "reordered"),
        ("No, interns are not paid.", "Interns are not paid.", None),
        ("No intern is paid well.", "An intern is paid well.", "negation differs"),
        ("The canal joined Linz in 1992.", "The canal joined it in 1992.", "lacks names"),
        ("The canal joined it in 1993.", "The canal joined it in 1992.", "lacks numbers"),
        ("Interns are not paid.", "Interns are paid.", "negation differs"),
    ],
)
def test_what_is_exact_raises_a_doubt(claim: str, said: str, doubt: str | None) -> None:
    signals, doubted = judged(claim, said)

    assert doubted is (doubt is not None)
    if doubt is not None:
        assert signals[SIGNALS.index(doubt)] > 0


@each(
    "claim, said, is_wrong",
    [
        ("Tea lowers the risk of a stroke.", "Tea lowers the risk of a stroke in men.", False),
        ("Tea raises the risk of a stroke.", "Tea lowers the risk of a stroke in men.", True),
        ("Infected cells die.", "The infection spreads, and then the cells die.", False),
        ("All adults drink tea.", "Adults drink tea.", True),
        ("All adults drink tea.", "Some drink it black, but all adults drink tea.", True),
        ("All adults drink tea.", "All adults drink tea.", False),
        ("The team won once.", "The team won in 1978 and in 1986.", True),
        ("The police did not find prints.", "The police did not find prints in the hall.", True),
        ("The police found prints.", "The police found prints in the hall.", False),
        ("Styles won a title.", "Styles never again had a chance to win a title.", True),
        ("I have an iguana, a lizard.", "An iguana is a lizard that some people have.", True),
        ("It was used in World War I.", "It was used in World War II.", True),
        ("C# is a language.", "C is a language.", True),
        ("Canadian patients found a virus.", "A virus made patients ill, as Canadian doctors found.", True),
        ("It was.", "It was in May.", True),
        ("The tower opened on the 18th of July.", "The tower opened on July 18.", False),
        ("The team came 3rd in July.", "The team came 3 times in July.", True),
        ("The train goes from Graz to Linz.", "The train goes from Linz to Graz.", True),
        ("Anna introduced Carl to Mary.", "Anna introduced Mary to Carl.", True),
        ("Since May the north tower is closed.", "The north tower is closed since May.", False),
    ],
)
def test_a_claim_with_something_that_no_sentence_has_is_doubted(
    claim: str, said: str, is_wrong: bool
) -> None:
    assert judged(claim, said)[1] is is_wrong


def test_several_sentences_have_the_words_together_and_none_has_none() -> None:
    said = ["The bridge was built in 1884.", "Its architect was Anne Moore."]

    assert not judged("The bridge was built in 1884 by its architect.", *said)[1]
    assert is_doubted(words_of(MOON), [], np.zeros(len(SIGNALS)))


def judged(claim: str, *said: str) -> tuple[np.ndarray, bool]:
    stated, read = words_of(claim), [words_of(one) for one in said]
    signals = np.array(signals_of(stated, read, 1.0), np.float32)
    return signals, is_doubted(stated, read, signals)
