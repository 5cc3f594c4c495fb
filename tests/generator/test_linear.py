"""No text takes a scanner of the generator longer than in proportion to its length."""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.adversarial import SHAPES, seconds, text_of
from support.sweep import sweep
from tieback.answer.evidence import evidence_of
from tieback.core.text.sentences import LONGEST, ends, is_ordinal, sentences
from tieback.core.text.sentences import _following as following_word
from tieback.generator.writing import StopTexts
from tieback.grounding.claim_check import ClaimFinder
from tieback.methods.answerability.relevance import window_relevance
from tieback.methods.grounding import Passage, Statement, checkers, words_of
from tieback.ports import EVIDENCE_CHARACTERS, EVIDENCE_SENTENCES
from tieback_contract.hits import Hit, RetrievedHit
from tieback_contract.modality import Modality

MEGABYTE = 1 << 20
COUNT, DIGEST = 2530, "c32b2442a97a4a3812917999b4f829767c6b18b59b8fa5d891faee2868ff893e"
"""Of the sentences of all texts in `LIBRARY`."""
FEW = list(SHAPES)[::6]
LIBRARY = Path(__file__).parents[2] / "examples" / "library" / "text"


@pytest.mark.parametrize("shape", sweep(SHAPES, quick=FEW))
def test_a_megabyte_is_cut_into_sentences_within_four_seconds(shape: str) -> None:
    text = text_of(shape, MEGABYTE)

    assert seconds(lambda: sentences(text)) < 4.0


@pytest.mark.parametrize("shape", sweep(SHAPES, quick=FEW))
def test_no_sentence_is_longer_than_the_limit(shape: str) -> None:
    text = text_of(shape, 5 * LONGEST)

    assert all(end - begin <= LONGEST for begin, end in sentences(text))
    assert "".join("".join(text[begin:end] for begin, end in sentences(text)).split()) == "".join(
        text.split()
    )


@pytest.mark.parametrize("shape", sweep(SHAPES, quick=FEW))
def test_the_words_of_a_megabyte_are_read_within_four_seconds(shape: str) -> None:
    text = text_of(shape, MEGABYTE)

    assert seconds(lambda: words_of(text)) < 4.0


@pytest.mark.parametrize("shape", sweep(SHAPES, quick=FEW))
def test_claims_are_found_in_40_kilobytes_that_come_in_pieces(shape: str) -> None:
    text = text_of(shape, 40_000)
    finder = ClaimFinder()

    def write() -> None:
        for begin in range(0, len(text), 8):
            finder.add(text[begin : begin + 8])
        finder.end()

    assert seconds(write) < 4.0


@pytest.mark.parametrize("shape", sweep(SHAPES, quick=FEW))
def test_the_most_and_longest_stop_texts_cost_each_character_the_same(shape: str) -> None:
    text = text_of(shape, 4_000)
    stops = StopTexts([text_of(shape, 255 - number) + "\0" for number in range(16)])

    def write() -> None:
        for character in text:
            stops.add(character)

    assert seconds(write) < 1.0
    assert not stops.reached


def test_many_windows_are_compared_with_a_claim_of_many_words_in_proportion() -> None:
    words = [f"{a}{b}{c}" for a, b, c in itertools.product("bcdfghjklmnpqrst", repeat=3)]
    text = " ".join(words[number % len(words)] for number in range(EVIDENCE_CHARACTERS // 4))
    size = len(text) // 512
    windows = [(begin, begin + size) for begin in range(0, len(text) - size, size)]
    passage = Passage(text, windows, np.zeros((len(windows), 4), np.float32))
    vector = np.zeros(4, np.float32)

    assert seconds(lambda: window_relevance(words_of(text[:4_000]), vector, passage)) < 3.0
    assert (
        seconds(
            lambda: checkers.configure("lexical_embedding")(Statement(text[:4_000], vector), [passage], {})
        )
        < 3.0
    )


def test_of_long_stored_passages_the_beginning_is_evidence() -> None:
    hits = [RetrievedHit(_hit("a" * MEGABYTE), 1.0, 0), RetrievedHit(_hit("short"), 0.9, 1)]

    long, short = evidence_of(hits, 4)

    assert len(long.text) + len(short.text) <= EVIDENCE_CHARACTERS
    assert short.text == "short"


def test_a_stored_passage_of_very_many_sentences_does_not_keep_a_question_from_being_answered() -> None:
    hits = [RetrievedHit(_hit("It is so. " * 5_000), 1.0, 0), RetrievedHit(_hit("Short. Text."), 0.9, 1)]

    long, short = evidence_of(hits, 4)

    assert len(sentences(long.text)) + len(sentences(short.text)) <= EVIDENCE_SENTENCES
    assert long.text.endswith("It is so.")
    assert short.text == "Short. Text."


def test_a_text_that_is_stored_twice_is_one_passage_of_evidence_and_the_next_hit_follows() -> None:
    texts = ("The tide rises.", "The  tide\nrises.", "The tide falls.", "")
    hits = [RetrievedHit(_hit(text), 1.0, place) for place, text in enumerate(texts)]

    assert [(one.id, one.text) for one in evidence_of(hits, 2)] == [
        ("1", "The tide rises."),
        ("3", "The tide falls."),
    ]


def test_a_passage_with_an_identifier_of_the_question_is_evidence_before_nearer_ones() -> None:
    texts = ("teapot 2.4-1 is blue.", "teapot 2.4-3 is red.", "teapot 2.4-2 is green.", "A lid.")
    hits = [RetrievedHit(_hit(text), 1.0, place) for place, text in enumerate(texts)]
    titled = [*hits, RetrievedHit(replace(_hit("Brown."), section_title="teapot 2.4-9"), 1.0, 4)]

    assert [one.id for one in evidence_of(hits, 2, "Which colour has teapot 2.4-2?")] == ["3", "1"]
    assert [one.id for one in evidence_of(titled, 1, "Which colour has teapot 2.4-9?")] == ["5"]
    assert [one.id for one in evidence_of(hits, 2, "Which colour has the teapot?")] == ["1", "2"]


def _hit(text: str) -> Hit:
    return Hit("i", "", "s", "", Modality.TEXT, text, "", {}, 1.0)


# What the rules say, written down without regard to time.
FORMER = re.compile(
    r"""(?P<stop>[.!?…]+["'”’»)\]]*)(?=\s)|(?P<wide>[。！？]+[」』”’）]*)
    |(?P<line>\n)(?=[ \t]*(?:\n|[-*•][ \t]|\d{1,3}[.)][ \t]))""",
    re.VERBOSE,
)
ABBREVIATIONS = {"e.g", "i.e", "mr", "u.s", "approx", "ph.d"}  # of those that the texts below hold
ALSO_WORDS = {"no", "co"}


def slow_ends(text: str) -> list[int]:
    found, start = [], 0
    for boundary in FORMER.finditer(text):
        before = text[start : boundary.start()]
        if before.strip() and not (boundary["stop"] and not slow_is_final(before, text, boundary)):
            found.append(start := boundary.end())
    return found


def slow_is_final(before: str, text: str, boundary: re.Match[str]) -> bool:
    if boundary["stop"][0] not in ".…":
        return True
    behind = text[boundary.end() :]
    if boundary["stop"].startswith(("..", "…")):
        space = behind[: len(behind) - len(behind.lstrip())]
        return not behind.lstrip()[:1].islower() or "\n" in space
    if re.fullmatch(r"\s*\d{1,3}", before):
        return False
    word = re.search(r"[\w.]+$", before)
    if word is None:
        return True
    following = following_word(text, boundary.end())
    if word[0].lower() in ABBREVIATIONS | ALSO_WORDS:
        return word[0].lower() in ALSO_WORDS and following[:1].isalpha() and not following[0].islower()
    if re.search(r"(?:^|\.)[^\W\d_]$", word[0]) and word[0] != "I":
        return False
    return not is_ordinal(before[: word.start()], word[0], following)


WORDS = [
    "no",
    "No",
    "co",
    "U.S",
    "e.g",
    "i.e",
    "Mr",
    "I",
    "A",
    "1",
    "12",
    "1234",
    "approx",
    "xapprox",
    "Ph.D",
    "a.b",
]
MARKS = ["- ", "...", "! ", "\n", "\n\n", " ", "\n 1. ", "。", "”", ".", ". ", "\u0301", "_", "½", ")"]


@given(st.lists(st.sampled_from(WORDS + MARKS), max_size=30).map("".join))
def test_sentences_end_where_the_rules_say(text: str) -> None:
    assert list(ends(text)) == slow_ends(text)


@given(st.lists(st.sampled_from(WORDS + MARKS), max_size=30).map("".join))
@example("。。nonono")
def test_a_text_that_grows_has_the_ends_that_are_certain_at_each_step(text: str) -> None:
    finder, begin = ClaimFinder(), 0
    for size in range(1, len(text) + 1):
        found = [claim.text for claim in finder.add(text[size - 1])]

        certain = [0, *slow_ends(text[begin:size])]
        assert found == [text[begin:size][a:b].strip() for a, b in itertools.pairwise(certain)]
        begin += certain[-1]


def test_the_example_library_is_cut_as_it_was() -> None:
    spans = {path.name: sentences(path.read_text()) for path in sorted(LIBRARY.rglob("*")) if path.is_file()}

    digest = hashlib.sha256(repr(sorted(spans.items())).encode()).hexdigest()
    assert sum(map(len, spans.values())) == COUNT
    assert digest == DIGEST
