"""Which sentences are encoded for a question, and that the rest is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from generator.conftest import collect
from support import bag_of_words
from support.each import each
from tieback.core.state import State
from tieback.core.types.generation import Evidence, Grounding
from tieback.core.types.method_choice import MethodChoice
from tieback.encoder import Encoder
from tieback.generator import Generator
from tieback.generator.judging import Judges
from tieback.generator.reading_order import EXPECTED, ReadingOrder

SPACE = "bag-of-words"
STATE: State = {
    "nearness": np.ones(1, np.float32),
    "calibration": np.array([1.0, 0.0], np.float32),
    "precisions": np.array([[0.1, 0.5], [0.4, 0.7], [0.8, 0.95]], np.float32),
}
ELSEWHERE = [f"Bread number {number} is baked at dawn." for number in range(20)]
TOLD = "The bridge opens on monday."


def first(question: str, texts: Sequence[str], titles: Sequence[str] = (), count: int = 2) -> Sequence[int]:
    return ReadingOrder(question, texts, titles or [""] * len(texts), count).first


def test_sentences_with_most_words_of_the_question_are_encoded_first() -> None:
    texts = ["Bread is baked.", "A bridge is long.", "The bridges were opened on Monday.", "It rains."]

    assert first("When does the bridge open on monday?", texts) == [2, 1]
    assert first("Wann öffnen die Brücken?", ["Brot.", "Die Brücke öffnet.", "Kuchen."], count=1) == [1]


def test_sentences_with_an_identifier_of_the_question_are_before_others() -> None:
    texts = ["What causes an error of the compiler.", "Nothing of it.", "E0277: a trait is missing."]

    assert first("What causes the error E0277 of the compiler?", texts, count=1) == [2]
    assert first("What causes the error E0277?", texts, ["", "E0277", ""], count=1) == [2, 1]


@each("question, count", [("is it of the", 2), ("???", 2), ("Who paints?", 2), ("bridge", 0)])
def test_all_are_encoded_where_no_word_tells_them_apart_or_all_are_asked_for(
    question: str, count: int
) -> None:
    assert first(question, ["A bridge.", "Bread.", "It rains."], count=count) == [0, 1, 2]


def test_those_follow_that_may_come_near_the_best() -> None:
    texts = ["The red bridge opens.", "A red door.", "Bread."]
    order = ReadingOrder("red bridge opens", texts, [""] * 3, 1)

    assert list(order.first) == [0]
    assert order.near(best=1.0) == []
    assert order.near(best=EXPECTED + 0.3) == [1]
    assert order.near(best=EXPECTED) == [1, 2]


@pytest.mark.parametrize(("checker", "expected"), [("verbatim", [7, 15]), ("lexical_embedding", [22, 0])])
async def test_what_cannot_be_quoted_is_not_encoded_unless_passages_are_compared_whole(
    tmp_path: Path, checker: str, expected: list[int]
) -> None:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    evidence = [Evidence("a", " ".join([*ELSEWHERE[:10], TOLD, *ELSEWHERE[10:]]))]
    judges = Judges({"question_reading": STATE}, lambda _, text: 3.0 if text == TOLD else -3.0)
    how = Grounding(checker=MethodChoice(checker))
    answers, encoded = [], []
    for count in (6, 0):
        before = encoder.cache_state(SPACE).misses
        generator = Generator([], encoder, space=SPACE, judges=judges, first_sentences=count)
        answers.append(await collect(generator, "the bridge opens on monday", evidence, grounding=how))
        encoded.append(encoder.cache_state(SPACE).misses - before)
        await generator.close()
    await encoder.close()

    assert answers[0].text == answers[1].text == TOLD
    assert encoded == expected
