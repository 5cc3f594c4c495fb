"""The recipe of the decision about questions: the cases that it makes, and what it refuses."""

from __future__ import annotations

from collections import Counter

import numpy as np
from tieback.methods.answer_decision import ACTIONS
from tieback.recipes.trained import describe
from tieback_contract.answers import AnswerAction
from tieback_lab.recipes.reading.decision_cases import PASSAGES, Library, cases_of, requests_of
from tieback_lab.recipes.reading.made_questions import Asked
from tieback_lab.recipes.trained.answer_decision import _rows, _softmax_fit

NAMES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gum", "Hazel", "Ivy", "Juniper")
PORTS = [
    Asked(
        f"When was the harbour of Port {name} opened?",
        f"Port {name} was opened in 18{number}0.",
        True,
        f"18{number}0",
        "ports" if number % 2 else "towns",
    )
    for number, name in enumerate(NAMES)
]


def library() -> Library:
    passages = [one.passage for one in PORTS]
    near = np.random.default_rng(0).normal(size=(2 * len(PORTS), len(PORTS)))
    return Library(passages, [one.source for one in PORTS], near)


def test_each_case_has_the_passages_that_make_its_action_right() -> None:
    wordings = requests_of(PORTS, 0)
    held = library()

    cases = list(cases_of(PORTS, wordings, held, 0))

    assert {one.action for one in cases} == set(ACTIONS)
    own = {question: place for place, (question, _) in enumerate(wordings)}
    for one in cases:
        assert len(one.passages) <= PASSAGES
        sources = {held.sources[place] for place in one.passages}
        if one.action is AnswerAction.ANSWER:
            assert own[one.question] in one.passages
        elif one.action is AnswerAction.SEARCH:
            assert own[one.question] not in one.passages
            assert sources == {one.source}
        elif one.action is AnswerAction.ABSTAIN:
            assert one.source not in sources
        else:
            assert any(one.question == request for _, request in wordings)
    assert Counter(one.action for one in cases)[AnswerAction.ITEM] == len(PORTS)


def test_a_request_names_what_the_passage_is_about() -> None:
    for one, (question, request) in zip(PORTS, requests_of(PORTS, 3), strict=True):
        name = one.passage.split(" was")[0]
        assert name.lower() in request.lower()
        assert "harbour" in question


def test_neither_a_mark_nor_a_capital_tells_a_question_from_a_request() -> None:
    drawn = [both for seed in range(20) for both in requests_of(PORTS, seed)]

    for texts in zip(*drawn, strict=True):
        assert any(text.islower() for text in texts)
        assert not all(text.islower() for text in texts)
    assert all(text[-1] not in "?." for both in drawn for text in both if text.islower())


def test_the_layer_tells_apart_what_can_be_told_apart_and_is_calibrated() -> None:
    draw = np.random.default_rng(0)
    actions = draw.integers(0, 4, 400)
    columns = draw.normal(size=(400, 6)) + 3 * np.eye(6)[actions]
    places = np.arange(400)

    weight, bias = _softmax_fit(columns, actions, np.full(400, 1 / 400), places[:250], places[250:320])
    logits = columns[320:] @ weight.T + bias
    likely = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    for row in _rows(likely, actions[320:]):
        assert row["F1"] > 0.85
        assert row["AUROC"] > 0.95
        assert row["calibration gap"] < 0.05


def test_the_recipe_names_its_paper() -> None:
    assert describe("answer_decision").papers == ("2305.17216",)
