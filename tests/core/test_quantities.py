"""Quantities are read with their units, and compared in one of them."""

from __future__ import annotations

from support.each import each
from tieback.core.language import Sentence
from tieback.core.language.quantities import Quantity, same


def quantities(text: str) -> list[Quantity]:
    return list(Sentence(text).quantities)


@each(
    "one, other",
    [
        ("within 30 days", "after one month"),
        ("2 GB", "2,000 megabytes"),
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
    "text, is_bound",
    [
        ("more than two weeks", True),
        ("up to 5 MB", True),
        ("shorter than 2 km", True),
        ("two weeks", False),
    ],
)
def test_where_more_or_less_may_be_meant_is_known(text: str, is_bound: bool) -> None:
    [found] = quantities(text)

    assert found.is_bound is is_bound
