"""Decisions about questions: what is done by each, what is reported, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from generator.conftest import SPACE, collect
from support import bag_of_words
from tieback.catalog.catalog import Catalog
from tieback.core.deadline import NO_DEADLINE
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.state import State, check_state
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.generator.deciding import Deciders, state_of
from tieback.generator.evidence.answerability import Judges
from tieback.generator.evidence.reading import read_evidence
from tieback.grounding import PassageReader
from tieback.grounding.reading_lane import reading_lane
from tieback.methods.answer_decision import ACTIONS, Found, decisions
from tieback.methods.answerability import Judgement
from tieback.methods.grounding import Passage, Statement
from tieback.models.language.model import LanguageModel
from tieback_contract.answers import AbstentionReason, AnswerAction, AnswerStyle, Decision, FinishReason
from tieback_contract.field_path import at
from tieback_contract.generation import Evidence, Grounding
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_lab.methods.answer_decision.linear import SIGNALS, STATE, linear, signals_of
from tieback_lab.models.learned.answer_decision import DECIDER

BRIDGE = [
    Evidence("The library opens at nine.", "1", item_id="library", section_id="a"),
    Evidence("The bridge is open on monday. Boats wait below it.", "2", item_id="bridge", section_id="b"),
]
BY_RULES = Grounding(decision=MethodChoice("thresholds"))
WIDTH = 8


def state(hidden: int = 0) -> State:
    draw = np.random.default_rng(0)
    read = len(SIGNALS) + WIDTH + 3 if hidden else 0
    return {
        "mean": np.zeros(len(SIGNALS)), "spread": np.ones(len(SIGNALS)),
        "weight": draw.normal(size=(4, len(SIGNALS))), "question": draw.normal(size=(4, WIDTH)),
        "bias": np.zeros(4), "hidden.mean": np.zeros(hidden),
        "hidden.directions": draw.normal(size=(3 if hidden else 0, hidden)),
        "hidden.weight": draw.normal(size=(4, read)), "hidden.bias": np.zeros(4),
    }  # fmt: skip


def found(hidden: int = 0) -> Found:
    draw = np.random.default_rng(1)
    vectors = draw.normal(size=(3, WIDTH)).astype(np.float32)
    passage = Passage("The bridge is open. Boats wait.", [(0, 19), (20, 31)], vectors[:2])
    judgement = Judgement(np.array([0.8]), 0.5)
    return Found(
        Statement("When is the bridge open?", vectors[2]),
        [passage],
        judgement,
        draw.normal(size=hidden) if hidden else None,
    )


async def test_a_question_that_is_decided_to_be_answered_is_answered_behind_the_decision(
    small_generator: Generator,
) -> None:
    answer = await collect(
        small_generator, "is the bridge open on monday", BRIDGE, style=AnswerStyle.QUOTE, grounding=BY_RULES
    )

    decision = answer.events[0]
    assert isinstance(decision, Decision)
    assert (decision.action, decision.method) == (AnswerAction.ANSWER, "thresholds")
    assert list(decision.probabilities) == list(ACTIONS)
    assert sum(decision.probabilities.values()) == pytest.approx(1)
    assert "bridge is open" in answer.text


async def test_an_item_that_is_asked_for_is_named_and_nothing_is_written(small_generator: Generator) -> None:
    near = Grounding(decision=MethodChoice("thresholds", {"near": 0.1}))
    for style in (AnswerStyle.QUOTE, AnswerStyle.WRITE):
        answer = await collect(
            small_generator, "show the bridge open on monday", BRIDGE, style=style, grounding=near
        )

        decision, finish = answer.events
        assert isinstance(decision, Decision)
        assert decision.action is AnswerAction.ITEM
        assert (decision.evidence_id, decision.item_id, decision.section_id) == ("2", "bridge", "b")
        assert answer.finish.reason is FinishReason.ITEM
        assert finish is answer.finish


@pytest.mark.parametrize(
    ("near", "reason", "action"),
    [
        (-1.0, AbstentionReason.SEARCH_AGAIN, AnswerAction.SEARCH),
        (1.0, AbstentionReason.WEAK_EVIDENCE, AnswerAction.ABSTAIN),
    ],
)
async def test_what_is_not_answered_says_whether_another_search_may_help(
    small_generator: Generator, near: float, reason: AbstentionReason, action: AnswerAction
) -> None:
    asked = Grounding(decision=MethodChoice("thresholds", {"near": near}))

    answer = await collect(small_generator, "who painted the ceiling", BRIDGE, grounding=asked)

    assert isinstance(answer.events[0], Decision)
    assert answer.events[0].action is action
    assert answer.abstention is not None
    assert answer.abstention.reason is reason
    assert answer.finish.reason is FinishReason.ABSTAINED
    assert answer.text == ""


async def test_nothing_is_decided_where_nobody_asks_or_nothing_was_found(small_generator: Generator) -> None:
    plain = await collect(small_generator, "is the bridge open on monday", BRIDGE, style=AnswerStyle.QUOTE)
    bare = await collect(small_generator, "is the bridge open on monday", [], grounding=BY_RULES)

    assert not [one for one in (*plain.events, *bare.events) if isinstance(one, Decision)]


@pytest.mark.parametrize(
    ("choice", "field", "message"),
    [
        (MethodChoice("linear"), "grounding.decision", "has learned nothing"),
        (MethodChoice("thresholds", {"near": 2}), "grounding.decision.parameters", "near"),
    ],
)
async def test_a_decision_that_cannot_be_made_is_refused_by_its_field(
    small_generator: Generator, choice: MethodChoice, field: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        await collect(small_generator, "a", BRIDGE, grounding=Grounding(decision=choice))

    assert str(refused.value.field).startswith(field)


async def test_an_unknown_decision_names_the_choices(small_generator: Generator) -> None:
    with pytest.raises(NotFound, match="linear, thresholds"):
        await collect(small_generator, "a", BRIDGE, grounding=Grounding(decision=MethodChoice("oracle")))


async def test_states_of_a_model_that_is_not_here_are_refused(tmp_path: Path) -> None:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    generator = Generator(
        GeneratorParts([], encoder, space="bag-of-words", deciders=Deciders({"linear": state()}))
    )
    asked = Grounding(decision=MethodChoice("linear", {"hidden": True}))

    with pytest.raises(InvalidInput, match="states of a language model") as refused:
        await collect(generator, "a", BRIDGE, grounding=asked)

    assert str(refused.value.field) == "grounding.decision.parameters.hidden"
    await generator.close()
    await encoder.close()


def test_the_probabilities_are_those_of_the_softmax_of_one_layer() -> None:
    learned, one = state(), found()
    logits = learned["weight"] @ signals_of(one) + learned["question"] @ one.question.vector

    likely = linear(one, learned)

    assert likely == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=1e-6)
    assert len(signals_of(one)) == len(SIGNALS)


def test_the_state_of_a_language_model_counts_where_it_is_asked_for() -> None:
    learned, one = state(hidden=5), found(hidden=5)

    check_state(learned, STATE, width=WIDTH, actions=4)
    hearing = decisions.configure("linear", {"hidden": True})
    assert hearing(one, learned) != pytest.approx(linear(one, learned))
    assert linear(one, learned) == pytest.approx(hearing(one._replace(hidden=None), learned))


async def test_the_state_is_that_of_the_model_where_its_answer_would_begin(
    small_model: LanguageModel, tmp_path: Path
) -> None:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    reader = PassageReader(encoder, "bag-of-words")
    judge, lane = Judges().configured(None, at("answerability")), reading_lane(Limits())
    asked = [
        await read_evidence(reader, one, BRIDGE, judge, NO_DEADLINE, lane)
        for one in ("is it open", "who came")
    ]

    one, other = (state_of(small_model, evidence, evidence.asked.text) for evidence in asked)

    assert one.shape == (small_model.decoder.width,)
    assert np.isfinite(one).all()
    assert not np.allclose(one, other)
    assert one == pytest.approx(state_of(small_model, asked[0], "is it open"))
    await encoder.close()


def test_without_a_passage_a_question_has_signals_too() -> None:
    one = Found(Statement("When?", np.ones(WIDTH, np.float32)), [], Judgement(np.zeros(0), 0.5))

    assert np.isfinite(signals_of(one)).all()


def test_the_shipped_decision_is_small_and_of_the_served_text_space() -> None:
    served = [card.space for card in Catalog.load().encoders() if card.name == SPACE]
    learned = DECIDER.learned(DECIDER.shipped(), served)

    assert learned is not None
    check_state(learned, STATE, width=384, actions=4)
    assert sum(path.stat().st_size for path in DECIDER.shipped().iterdir()) < 1_000_000
    assert DECIDER.learned(DECIDER.shipped(), []) is None
