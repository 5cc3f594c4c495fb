"""The judge that reads question and quotes together: what it reads, and how it weighs it."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.core.field_path import at
from tieback.core.state import State
from tieback.core.types.method_choice import MethodChoice
from tieback.generator.judging import Judges
from tieback.methods.answerability.question_reading import question_reading
from tieback.methods.grounding import Passage, Statement

STATE: State = {
    "nearness": np.ones(1, np.float32),
    "calibration": np.array([1.0, 0.0], np.float32),
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


def test_what_would_be_quoted_is_read_and_passages_without_a_quote_answer_nothing() -> None:
    passages = [passage(f"Bridge {number}. | It was built in 1884.", 0.5) for number in range(3)]
    asked: list[tuple[str, str]] = []

    def reader(question: str, text: str) -> float:
        asked.append((question, text))
        return 2.0 if "1884" in text else -2.0

    judge = Judges({"question_reading": STATE}, reader).configured(None, at("judge"))
    quotes = {(1, 0): "Bridge 1.", (1, 1): "Old: It was built in 1884.", (2, 0): "Bridge 2."}
    judged = judge.judge(QUESTION, passages, quotes)

    assert asked == [(QUESTION.text, text) for text in quotes.values()]
    assert judged.scores[0] == 0.0
    assert judged.score == judged.scores[1] > judged.scores[2] > 0.0
    assert (judged.threshold, judged.certain) == pytest.approx((0.4, 0.8))


def test_the_reading_and_the_nearest_sentence_both_count() -> None:
    def score(logit: float, near: float) -> float:
        question = Statement(QUESTION.text, QUESTION.vector, readings={(0, 0): logit})
        return question_reading(question, [passage("A bridge.", near)], STATE).score

    assert score(2.0, 0.5) > score(-2.0, 0.5)
    assert score(0.0, 0.9) > score(0.0, 0.1)


def test_a_server_takes_the_best_judge_that_it_has_and_refuses_one_that_it_has_not() -> None:
    alignment = {"question_alignment": STATE}

    assert Judges().default.name == "relevance"
    assert Judges(alignment).default.name == "question_alignment"
    assert Judges({**alignment, "question_reading": STATE}).default.name == "question_reading"
    assert Judges({**alignment, "question_reading": STATE}).of_decisions.name == "question_alignment"
    assert Judges().of_decisions.name == "relevance"
    with pytest.raises(InvalidInput, match="question_reading has learned nothing"):
        Judges(alignment).configured(MethodChoice("question_reading"), at("judge"))
