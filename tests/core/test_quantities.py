"""Quantities are read with their units, and compared in one of them."""

from __future__ import annotations

from support.each import each
from tieback.core.language import Sentence
from tieback.core.language.quantities import LIMIT, OVER, UNDER, Quantity, agree, same


def quantities(text: str) -> list[Quantity]:
    return list(Sentence(text).quantities)


@each(
    "one, other",
    [
        ("within 30 days", "after one month"),
        ("3 months", "a quarter of a year"),
        ("2 GB", "2,000 megabytes"),
        ("every ten minutes", "six an hour"),
        ("twice a day", "every 12 hours"),
        ("every night", "daily"),
        ("0.5 g", "500 mg"),
        ("1.2 km", "1,200 metres"),
        ("€60", "sixty euros"),
        ("80%", "80 percent"),
        ("200 people", "for 200 people"),
    ],
)
def test_the_same_in_other_units_is_the_same(one: str, other: str) -> None:
    [first], [second] = quantities(one), quantities(other)

    assert first.dimension == second.dimension
    assert same(first.value, second.value)


@each(
    "one, other",
    [
        ("5 MB", "two megabytes"),
        ("30 days", "two weeks"),
        ("every night", "once a week"),
        ("14 days", "16 days"),
    ],
)
def test_another_amount_is_another(one: str, other: str) -> None:
    [first], [second] = quantities(one), quantities(other)

    assert first.dimension == second.dimension
    assert not same(first.value, second.value)


@each("text", ["Chapter 3", "a year", "in 1884", "version 3.11 of it", "monthly"])
def test_what_counts_nothing_is_no_quantity(text: str) -> None:
    assert quantities(text) == []


def test_a_quantity_stands_where_it_is_written() -> None:
    sentence = "Files above two megabytes are refused."

    [found] = quantities(sentence)

    assert found.span is not None
    assert sentence[slice(*found.span)] == "two megabytes"


@each(
    "text, bound",
    [
        ("more than two weeks", OVER),
        ("longer than an hour", OVER),
        ("less than an hour", UNDER),
        ("shorter than 2 km", UNDER),
        ("no more than 5 MB", LIMIT),
        ("up to 5 MB", LIMIT),
        ("two weeks", ""),
    ],
)
def test_whether_more_or_less_is_meant_is_read(text: str, bound: str) -> None:
    [found] = quantities(text)

    assert found.bound == bound


@each(
    "one, other, both",
    [
        ("30 days", "more than two weeks", True),
        ("30 minutes", "less than an hour", True),
        ("10 days", "more than two weeks", False),
        ("90 minutes", "less than an hour", False),
        ("up to 30 days", "more than two weeks", False),
        ("more than 30 days", "more than two weeks", False),
        ("one month", "30 days", True),
    ],
)
def test_what_is_over_or_under_agrees_with_what_is_that(one: str, other: str, both: bool) -> None:
    [first], [second] = quantities(one), quantities(other)

    assert agree(first, second) is agree(second, first) is both
