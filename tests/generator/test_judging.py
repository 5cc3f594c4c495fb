"""Whether evidence answers a question, judged before an answer is made, and what is taken back after."""

from __future__ import annotations

import numpy as np
import pytest
from generator.conftest import collect
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.generator import Generator, abstaining
from tieback.methods.answerability import Judgement
from tieback.methods.answerability.question_alignment import (
    SIGNALS,
    inputs,
    logits,
    question_alignment,
    threshold_of,
)
from tieback.methods.grounding import Passage, Statement
from tieback_contract.answers import AbstentionReason, AnswerStyle
from tieback_contract.claims import QuestionFit, Verdict, VerdictLabel
from tieback_contract.generation import Evidence, Grounding
from tieback_contract.method_choice import MethodChoice
from tieback_lab.recipes.reading.answerability_network import AnswerabilityNetwork, Choices, padded

BRIDGE = [Evidence("The bridge is open on monday.", "b")]
WIDTH = 12


def passage(text: str, draw: np.random.Generator) -> Passage:
    spans, rows = [], []
    begin = 0
    for part in text.split(". "):
        end = begin + len(part)
        spans.append((begin, end))
        rows.append(unit(draw, len(part.split())))
        begin = end + 2
    return Passage(text, spans, np.stack([one.mean(axis=0) for one in rows]), rows)


def unit(draw: np.random.Generator, count: int) -> np.ndarray:
    rows = draw.normal(size=(count, WIDTH)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def learned(network: AnswerabilityNetwork) -> State:
    state = {name: array.detach().numpy() for name, array in network.state_dict().items()}
    count = len(SIGNALS)
    return state | {
        "mean": np.zeros(count, np.float32),
        "spread": np.ones(count, np.float32),
        "nearness": np.ones(1, np.float32),
        "calibration": np.array([1.0, 0.0], np.float32),
        "precisions": np.array([[0.1, 0.5], [0.4, 0.7], [0.8, 0.9]], np.float32),
    }


def test_the_method_computes_what_its_network_learned() -> None:
    draw = np.random.default_rng(0)
    network = AnswerabilityNetwork(WIDTH, Choices(16, 8, 2)).eval()
    question = Statement("when is it open", unit(draw, 1)[0], unit(draw, 4))
    text = passage("The bridge is open. On monday it is shut. Boats wait", draw)

    read = inputs(question, text)
    assert read is not None
    found = logits(read, learned(network))
    expected = network(*padded([read]))[0].detach().numpy()

    assert found == pytest.approx(expected, abs=1e-4)


def test_a_passage_is_as_answerable_as_its_best_sentence_and_one_without_words_is_not() -> None:
    draw = np.random.default_rng(1)
    state = learned(AnswerabilityNetwork(WIDTH, Choices(16, 8, 2)).eval())
    question = Statement("when is it open", unit(draw, 1)[0], unit(draw, 4))
    text = passage("The bridge is open. On monday it is shut", draw)
    nothing = Passage("", [], np.zeros((0, WIDTH), np.float32), [])

    judged = question_alignment(question, [text, nothing], state)

    assert 0 < judged.scores[0] < 1
    assert judged.scores[1] == 0
    assert judged.score == judged.scores[0]


@each("wanted, threshold", [(0.5, 0.1), (0.6, 0.4), (0.9, 0.8), (1.0, 0.8)])
def test_a_wanted_precision_chooses_the_lowest_threshold_that_has_it(wanted: float, threshold: float) -> None:
    state = learned(AnswerabilityNetwork(WIDTH, Choices(16, 8, 2)))

    assert threshold_of(wanted, state) == pytest.approx(threshold)


async def test_a_question_on_another_matter_is_not_answered_in_any_style(small_generator: Generator) -> None:
    for style in (AnswerStyle.QUOTE, AnswerStyle.WRITE):
        answer = await collect(small_generator, "library hours", BRIDGE, style=style)

        assert answer.text == ""
        assert answer.abstention is not None
        assert answer.abstention.reason is AbstentionReason.WEAK_EVIDENCE


async def test_the_threshold_of_the_judge_can_be_chosen(small_generator: Generator) -> None:
    asked = "is the bridge open on monday"
    strict = Grounding(answerability=MethodChoice("relevance", {"threshold": 1.0}))
    given = Grounding(answerability=MethodChoice("relevance", {"threshold": 1.0}), abstain_below=0.1)

    refused = await collect(
        small_generator, asked + " or tuesday", BRIDGE, style=AnswerStyle.QUOTE, grounding=strict
    )
    answered = await collect(small_generator, asked, BRIDGE, style=AnswerStyle.QUOTE, grounding=given)

    assert refused.abstention is not None
    assert refused.abstention.threshold == 1.0
    assert answered.abstention is None


async def test_a_judge_that_learned_nothing_of_the_space_is_refused_by_name(
    small_generator: Generator,
) -> None:
    with pytest.raises(InvalidInput, match="has learned nothing") as caught:
        await collect(
            small_generator,
            "a",
            BRIDGE,
            grounding=Grounding(answerability=MethodChoice("question_alignment")),
        )

    assert str(caught.value.field) == "grounding.answerability"


def verdicts(*fits: QuestionFit | None) -> list[Verdict]:
    return [
        Verdict(place, VerdictLabel.SUPPORTED, 1.0, "verbatim", answers_question=fit)
        for place, fit in enumerate(fits, 1)
    ]


def test_an_answer_none_of_whose_claims_answers_is_taken_back() -> None:
    echoes = verdicts(QuestionFit.ECHO, QuestionFit.OTHER_KIND)
    one_answers = verdicts(QuestionFit.ECHO, QuestionFit.ANSWERS)

    taken_back = abstaining.after(echoes, 1.0, Grounding())

    assert taken_back is not None
    assert taken_back.reason is AbstentionReason.NO_ANSWER
    assert abstaining.after(one_answers, 1.0, Grounding()) is None
    assert abstaining.after(echoes, 1.0, Grounding(abstain_below=0.0)) is None
    assert abstaining.after(verdicts(None), 1.0, Grounding()) is None
    assert abstaining.after(verdicts(QuestionFit.ECHO, QuestionFit.UNSURE), 1.0, Grounding()) is None


def test_an_answer_of_which_too_little_is_supported_is_taken_back_first() -> None:
    taken_back = abstaining.after(verdicts(QuestionFit.ECHO), 0.2, Grounding())

    assert taken_back is not None
    assert taken_back.reason is AbstentionReason.UNSUPPORTED_ANSWER


def test_nothing_is_judged_without_evidence() -> None:
    judged = Judgement(np.zeros(0), 0.5)

    assert judged.score == 0
    assert abstaining.before(None, Grounding(), is_needed=False) is None
    needed = abstaining.before(None, Grounding(), is_needed=True)
    assert needed is not None
    assert needed.reason is AbstentionReason.NO_EVIDENCE


def test_what_no_passage_names_is_told_and_decides_only_where_the_judge_has_not_weighed_it() -> None:
    def reason(score: float, *, is_weighed: bool, below: float | None = None) -> AbstentionReason | None:
        judgement = Judgement(np.array([score]), threshold=0.3, certain=0.9)
        grounding = Grounding(abstain_below=below)
        found = abstaining.before(
            judgement, grounding, is_needed=True, unnamed=["Ghent"], is_weighed=is_weighed
        )
        return None if found is None else found.reason

    assert reason(0.2, is_weighed=True) is AbstentionReason.NOT_NAMED
    assert reason(0.5, is_weighed=True) is None
    assert reason(0.5, is_weighed=False) is AbstentionReason.NOT_NAMED
    assert reason(0.95, is_weighed=False) is None
    assert reason(0.5, is_weighed=False, below=0.0) is None
