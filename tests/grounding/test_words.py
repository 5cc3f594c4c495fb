"""Words as checkers read them: numbers in any form, and what is the same or otherwise by a rule."""

from __future__ import annotations

from support.each import each
from tieback.core.language.tokens import has_number
from tieback.methods.grounding import words_of
from tieback.methods.grounding._rules import OTHERWISE, SAME, by_rule, conflicts, lacking

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
    "said, found",
    [
        ("In spring the Danube carries 40 ships a day.", SAME),
        ("The Danube carries 40 ships.", SAME),
        ("On many days the Danube carries 40 ships.", SAME),
        ("The Danube carries 50 ships.", OTHERWISE),
        ("The Danube does not carry 40 ships.", OTHERWISE),
        ("The ships carry 40 people over the Danube.", 0),
        ("The Danube carries ships.", 0),
    ],
)
def test_the_same_words_in_their_order_are_judged_by_a_rule(said: str, found: int) -> None:
    assert by_rule(words_of("The Danube carries 40 ships."), words_of(said)) == found


@each(
    "claim, said, found",
    [
        ("In March Anna Brown hired Carl.", "Anna Brown hired Carl in March.", SAME),
        ("Anna Brown hired Carl in March.", "In March the firm of Anna Brown hired Carl.", SAME),
        ("In March Anna Brown hired 3 people.", "Anna Brown hired 4 people in March.", OTHERWISE),
        ("Carl hired Anna Brown in March.", "In March Anna Brown hired Carl.", 0),
        ("The train goes from Graz to Linz.", "The train goes from Linz to Graz.", 0),
    ],
)
def test_a_phrase_with_its_preposition_may_stand_elsewhere(claim: str, said: str, found: int) -> None:
    assert by_rule(words_of(claim), words_of(said)) == found


def test_a_word_or_two_are_not_judged_by_the_rule() -> None:
    assert by_rule(words_of("Ships carry."), words_of("Ships carry.")) == 0
