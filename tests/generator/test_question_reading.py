"""The judge that reads question and quotes together: what it reads, and how it weighs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.generator.evidence.answerability import Judges
from tieback.methods.answerability._candidates import MOST_READ
from tieback.methods.grounding import Passage, Statement
from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice

STATE: State = {
    "weight": np.array([1.0, 2.0, -3.0], np.float32),
    "bias": np.array([-1.0], np.float32),
    "precisions": np.array([[0.1, 0.5], [0.4, 0.7], [0.8, 0.95]], np.float32),
}
QUESTION = Statement("When was the bridge built?", np.array([1.0, 0.0], np.float32))


def passage(text: str, near: float) -> Passage:
    """A passage each of whose sentences has that cosine with the question."""
    spans, begin = [], 0
    for part in text.split(" | "):
        spans.append((begin, begin + len(part)))
        begin += len(part) + 3
    vector = np.array([near, np.sqrt(1 - near**2)], np.float32)
    return Passage(text, spans, np.tile(vector, (len(spans), 1)))


def test_each_sentence_is_read_with_what_it_stands_under_and_the_best_ones_judge_their_passages() -> None:
    passages = [
        replace(passage(f"Bridge {number}. | It was built in {1883 + number}.", 0.5), title="Bridges › Old")
        for number in range(3)
    ]
    asked: list[tuple[str, str]] = []

    def reader(question: str, text: str) -> float:
        asked.append((question, text))
        return 2.0 if text.startswith("It was built in 1884") else -2.0

    judge = Judges({"question_reading": STATE}, reader).configured(None, at("judge"))
    judged = judge.judge(QUESTION, passages)

    assert len(asked) == 6
    assert (QUESTION.text, "It was built in 1884. ‖ Bridges › Old ‖ Bridge 1.") in asked
    assert max(judged.quotes, key=judged.quotes.__getitem__) == (1, 1)
    assert judged.score == judged.scores[1] > judged.scores[0] == judged.scores[2] > 0.0
    assert (judged.threshold, judged.certain, judged.likely) == pytest.approx((0.1, 0.8, 0.4))


def test_a_sentence_with_more_of_the_question_and_one_that_names_what_it_names_answers_more_likely() -> None:
    judge = Judges({"question_reading": STATE}, lambda *_: 0.0).configured(None, at("judge"))
    passages = [passage("The bridge was built late.", 0.5), passage("It was late.", 0.5)]

    quotes = judge.judge(QUESTION, passages).quotes
    unnamed = judge.judge(replace(QUESTION, unnamed=["Ghent"]), passages).quotes

    assert quotes[0, 0] > quotes[1, 0] > unnamed[1, 0]
    assert quotes[0, 0] > unnamed[0, 0]


def test_of_very_many_sentences_those_with_words_of_the_question_are_read() -> None:
    trees = [f"Tree {number} is green." for number in range(90)]
    passages = [passage(" | ".join([*trees, "The bridge was built late."]), 0.5)]
    asked: list[str] = []

    def reader(_: str, text: str) -> float:
        asked.append(text)
        return 0.0

    Judges({"question_reading": STATE}, reader).configured(None, at("judge")).judge(QUESTION, passages)

    assert len(asked) == MOST_READ
    assert any(text.startswith("The bridge was built late.") for text in asked)


def test_a_server_takes_the_best_judge_that_it_has_and_refuses_one_that_it_has_not() -> None:
    alignment = {"question_alignment": STATE}

    assert Judges().default.name == "relevance"
    assert Judges(alignment).default.name == "question_alignment"
    assert Judges({**alignment, "question_reading": STATE}).default.name == "question_reading"
    assert Judges({**alignment, "question_reading": STATE}).of_decisions.name == "question_alignment"
    assert Judges().of_decisions.name == "relevance"
    with pytest.raises(InvalidInput, match="question_reading has learned nothing"):
        Judges(alignment).configured(MethodChoice("question_reading"), at("judge"))
