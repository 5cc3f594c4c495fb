"""Where sentences end, and claims with their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.each import each
from tieback.core.text.sentences import sentences
from tieback.generator.writing import StopTexts
from tieback.grounding.claim_check import ClaimFinder
from tieback_contract.claims import Claim


@each(
    "expected",
    [
        ["It rains.", "It pours!", "Does it?", "Yes…"],
        ["Dr. Smith lives at No. 5, St. James St. with J. R. Tolkien.", "He is 3.5 years old."],
        ["It costs approx. 2.850,00 EUR, i.e. too much.", "See example.org for more."],
        ["The U.S. has 50 states.", "So they say."],
        ["He said no.", "Then he left."],
        ['"Stop."', "He stopped (at once.)", "Then he ran."],
        ["水は100度で沸騰する。", "氷は0度で溶ける。"],
        ["Three things:", "1. Salt.", "2. Water at 100 °C", "- Time"],
        ["A heading", "A paragraph without a stop"],
        ["Two rows:", "| salt | 1 |", "| water | 2 |"],
    ],
)
def test_a_text_is_cut_into_its_sentences(expected: list[str]) -> None:
    lists = {"1. Salt.", "2. Water at 100 °C", "- Time", "| salt | 1 |", "| water | 2 |"}
    text = "".join(
        ("" if n == 0 else "\n" if s in lists else "\n\n" if s.startswith("A paragraph") else " ") + s
        for n, s in enumerate(expected)
    )

    assert [text[begin:end] for begin, end in sentences(text)] == expected


def in_pieces(text: str, size: int) -> list[Claim]:
    finder = ClaimFinder()
    found = []
    for begin in range(0, len(text), size):
        found += finder.add(text[begin : begin + size])
    return found + finder.end()


TEXT = "Über 2.850 km fließt die Donau. Café No. 5 öffnet um 9.30 Uhr!\n\n- 水は沸騰する。それだけ。 Et voilà"


@each("size", [1, 2, 3, 7, 1000])
def test_claims_are_the_same_however_the_text_comes(size: int) -> None:
    assert in_pieces(TEXT, size) == in_pieces(TEXT, len(TEXT))


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_claims_span_is_its_bytes_in_the_answer(size: int) -> None:
    claims = in_pieces(TEXT, size)

    assert [claim.id for claim in claims] == list(range(1, len(claims) + 1))
    for claim in claims:
        assert TEXT.encode()[claim.span[0] : claim.span[1]].decode() == claim.text


@given(st.text(alphabet="aB1.!? \n-é。)", max_size=40))
def test_claims_cover_all_that_is_not_white_space(text: str) -> None:
    claims = in_pieces(text, 1)

    assert "".join("".join(claim.text for claim in claims).split()) == "".join(text.split())


def test_a_sentence_is_given_as_soon_as_it_is_over() -> None:
    finder = ClaimFinder()

    assert finder.add("It rains. ") == [Claim(1, (0, 9), "It rains.")]
    assert finder.add("It pours") == []


def stopped(stop: list[str], *pieces: str) -> tuple[str, bool]:
    texts = StopTexts(stop)
    released = ""
    for piece in pieces:
        released += texts.add(piece)
        if texts.reached:
            break
    return released + texts.end(), texts.reached


def test_a_stop_text_across_pieces_ends_the_answer_before_it() -> None:
    assert stopped(["END"], "so it E", "N", "D and on") == ("so it ", True)


def test_the_first_of_several_stop_texts_counts() -> None:
    assert stopped(["b", "ab"], "xab") == ("x", True)


def test_the_beginning_of_a_stop_text_alone_is_written_in_the_end() -> None:
    assert stopped(["\n\n"], "a\n", "b\n") == ("a\nb\n", False)
