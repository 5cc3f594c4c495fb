"""The recipe of the judge of answerability: what it makes of questions and claims, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.own_encoder import write_folder
from support.small_training import SmallTraining
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.state import check_state
from tieback.methods.answerability.question_alignment import STATE
from tieback.models.learned.answerability import JUDGE
from tieback.recipes.train import REPORT, TrainingOutcome
from tieback_lab.recipes.reading.made_questions import Stated, questions_of
from tieback_lab.recipes.trained.answerability import auc, calibration, precisions

QUICK: dict[str, Any] = {
    "space": "own", "steps": 200, "batch": 32, "hidden": 16, "decision": 16, "learning_rate": 0.01,
}  # fmt: skip
BIRDS = ["owl", "wren"]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    return path


def questions(count: int) -> list[dict[str, Any]]:
    """A passage with the bird of the question answers it, one with the other bird does not."""
    draw = np.random.default_rng(0)
    found = []
    for number in range(count):
        bird, other = draw.permutation(BIRDS).tolist()
        answerable = bool(number % 2)
        passage = f"{bird if answerable else other} flies at night."
        found.append(
            {
                "question": f"when flies {bird}", "passage": passage, "answerable": answerable,
                "answers": ["night"] if answerable else [], "source": "birds",
            }
        )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("answerability")
    write_folder(folder / "own")
    written(folder / "questions" / "birds.jsonl", questions(600))
    return SmallTraining.of(folder, "answerability", QUICK, "questions")


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> TrainingOutcome:
    return world.train("out")


def test_what_is_learned_is_a_state_of_the_method_that_tells_held_out_questions_apart(
    world: SmallTraining, outcome: TrainingOutcome
) -> None:
    state = JUDGE.learned(outcome.folder, [world.card.space])

    assert state is not None
    check_state(state, STATE, one=1, two=2, hidden=16, decision=16)
    assert outcome.artifact.kind == JUDGE.kind
    [whole, _] = outcome.artifact.facts["metrics"]["sets"]
    assert whole["AUROC"] > 0.9
    assert "birds" in (outcome.folder / REPORT).read_text()


def test_it_belongs_to_the_weights_that_it_was_learned_by(outcome: TrainingOutcome) -> None:
    assert JUDGE.learned(outcome.folder, []) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("not json", "bad.jsonl, line 2"),
        ('{"question": "a", "answerable": true}', "question, passage and answerable"),
        ('{"evidence": "a", "claim": "b", "label": "maybe"}', "a label out of supported"),
        ('["a"]', "bad.jsonl, line 2"),
    ],
)
def test_a_line_that_is_no_question_and_no_claim_is_named(
    world: SmallTraining, line: str, words: str
) -> None:
    path = world.folder / "bad.jsonl"
    path.write_text(f"{json.dumps(questions(1)[0])}\n{line}\n")

    with pytest.raises(StartupError, match=words):
        world.train("bad", data=path)


def test_too_few_questions_are_refused(world: SmallTraining) -> None:
    few = written(world.folder / "few" / "few.jsonl", questions(60))

    with pytest.raises(InvalidInput, match="60 questions"):
        world.train("few", data=few)


def test_a_question_is_made_by_asking_for_what_evidence_and_claim_share() -> None:
    evidence, claim = "The old bridge was built in 1884 by Maria Weber.", "The old bridge was built in 1884."
    claims = [Stated(evidence, claim, True, "a")] * 40

    made = [one for one in questions_of(claims, 0) if one.answerable and one.answer == "1884"]

    assert {one.question for one in made} == {
        "when was the old bridge built?", "in what year was the old bridge built?",
        "what number was the old bridge built in?",
    }  # fmt: skip


def test_a_claim_that_the_evidence_does_not_settle_makes_questions_without_an_answer() -> None:
    evidence, claim = "The old bridge was built in 1884.", "The railway bridge was built in 1884."

    made = questions_of([Stated(evidence, claim, None, "a")] * 40, 0)

    assert made
    assert not any(one.answerable for one in made)
    assert all("railway" in one.question for one in made)


def test_calibrated_logits_have_the_share_of_answers_that_they_say() -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(size=4000) * 3
    answerable = draw.random(4000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))

    slope, offset = calibration(logits, answerable, np.ones(4000))

    assert slope == pytest.approx(0.5, abs=0.06)
    assert offset == pytest.approx(-1, abs=0.15)


def test_the_precision_of_a_threshold_counts_both_kinds_alike_and_never_falls() -> None:
    likely = np.array([0.9, 0.8, 0.1, 0.6, 0.1, 0.1, 0.1, 0.1])
    answerable = np.array([True, True, True, False, False, False, False, False])

    found = precisions(likely, answerable)

    by_threshold = {round(float(one), 2): float(share) for one, share in found}
    assert by_threshold[0.5] == pytest.approx((2 / 3) / (2 / 3 + 1 / 5))
    assert by_threshold[0.7] == 1
    assert (np.diff(found[:, 1]) >= 0).all()


def test_equal_probabilities_count_a_half() -> None:
    assert auc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5
