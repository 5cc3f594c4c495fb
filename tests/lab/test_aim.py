"""The recipe of the projection by which a language model reads demonstrations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.asked_birds import World
from tieback.core.errors import InvalidInput, StartupError
from tieback.models.language.model import load_language_model
from tieback.models.learned import ServedModels
from tieback.recipes.train import TrainingOutcome
from tieback.serving.plan.artifacts import ServedArtifacts
from tieback_lab.models.learned.soft_context import SoftContext
from tieback_lab.recipes.reading.made_questions import Asked
from tieback_lab.recipes.train.demonstrated import FORMS, WAYS, episodes

pytestmark = pytest.mark.all

QUICK: dict[str, Any] = {
    "name": "shown",
    "model": "small",
    "layer": 1,
    "questions": 60,
    "steps": 12,
    "batch": 2,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("aim"))


@pytest.fixture(scope="module")
def outcome(world: World) -> TrainingOutcome:
    return world.train("aim", "out", **QUICK)


def test_it_measures_virtual_tokens_beside_their_controls(outcome: TrainingOutcome) -> None:
    costs = {one["demonstrations"]: one["cost"] for one in outcome.learned.metrics["costs"]}
    [counts] = outcome.learned.metrics["tokens"]

    assert tuple(costs) == WAYS
    assert len(set(costs.values())) == len(WAYS)
    assert counts["virtual tokens of the demonstrations"] < counts["their tokens as text"]
    losses = outcome.learned.metrics["losses"]
    assert losses[-1][1] < losses[0][1]


def test_the_same_run_finds_all_its_steps(world: World, outcome: TrainingOutcome) -> None:
    again = world.train("aim", "out", **QUICK)

    assert again.folder == outcome.folder
    assert again.made == ()


def test_it_is_served_for_its_language_model_and_needs_no_encoder(
    world: World, outcome: TrainingOutcome
) -> None:
    models = ServedModels([], [], [world.model], world.store)

    [one] = ServedArtifacts([str(outcome.folder)], models).all(SoftContext)

    assert one.is_of_demonstrations
    assert (one.name, one.model, one.layer) == ("shown", "small", 1)
    assert one.revision == outcome.folder.name
    assert one.soft_tokens(np.ones((3, 64), np.float32)).shape == (3, 64)
    with pytest.raises(StartupError, match="needs the language model small"):
        SoftContext.load(outcome.folder, [], [])
    other = world.train("aim", "out", **{**QUICK, "name": "other"})
    with pytest.raises(StartupError, match="both give a compression of demonstrations"):
        ServedArtifacts([str(outcome.folder), str(other.folder)], models).all(SoftContext)


def test_a_question_is_to_be_answered_in_the_form_of_its_demonstrations(world: World) -> None:
    model = load_language_model(world.model, world.store)
    asked = [
        Asked(
            f"who flies {number}",
            f"owl {number} flies at night. wren sleeps.",
            True,
            f"owl {number}",
            "birds",
        )
        for number in range(20)
    ]

    made = episodes(model, asked, demonstrations=2, seed=0)

    assert {one.form for one in made} == set(FORMS)
    for one, own in zip(made, asked, strict=True):
        assert len(one.shown) == 2
        wanted = FORMS[one.form](own.answer, f"{own.answer} flies at night.")
        assert list(one.answer) == [*model.tokens(wanted), min(model.end_tokens)]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"name": "No Name"}, "small letters"),
        ({"questions": 20}, "20 questions with an answer"),
        ({"layer": 3}, "small has 2 layers, and no layer 3"),
    ],
)
def test_what_it_cannot_learn_from_is_refused(world: World, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        world.train("aim", "refused", **{**QUICK, **parameters})
