"""FusionSent: few examples and texts of labels become an encoder, whose vectors a head classifies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.own_encoder import Silent
from support.own_folders import save_text_model
from support.small_training import PAIRED_WORDS, SmallTraining
from tieback.catalog.catalog import read_card
from tieback.core.errors import InvalidInput
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome
from tieback_lab.recipes.trained.fusionsent import dealt_shots

pytestmark = pytest.mark.all

QUICK: dict[str, Any] = {
    "space": "own", "domain": "birds", "steps": 60, "batch": 16, "learning_rate": 3e-3, "temperature": 0.2
}  # fmt: skip


def write_examples(path: Path) -> None:
    """Two classes: texts with more owls than wrens, and the others."""
    draw = np.random.default_rng(0)
    lines: list[dict[str, str]] = [
        {"label": "owls", "description": "owl owl owl"},
        {"label": "wrens", "description": "wren wren wren"},
    ]
    for _ in range(300):
        words = draw.choice(PAIRED_WORDS, 9).tolist()
        owls = words.count("owl") - words.count("wren")
        if owls:
            lines.append({"text": " ".join(words), "label": "owls" if owls > 0 else "wrens"})
    path.write_text("\n".join(map(json.dumps, lines)))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("fusionsent")
    save_text_model(folder / "own")
    draw = np.random.default_rng(0)
    weights = folder / "own" / "model.safetensors"
    trained = {  # no two tensors of a model that was trained are equal
        key: np.asarray(array + 0.02 * draw.standard_normal(array.shape), array.dtype)
        for key, array in load_file(weights).items()
    }
    save_file(trained, weights)
    write_examples(folder / "examples.jsonl")
    return SmallTraining.of(folder, "fusionsent", QUICK, "examples.jsonl")


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> TrainingOutcome:
    return world.train("out")


def test_the_merge_of_both_bodies_classifies_better_than_the_encoder_did(outcome: TrainingOutcome) -> None:
    metrics = outcome.artifact.facts["metrics"]

    assert metrics["examples"]["training"] == 16
    assert list(metrics["macro_f1"]) == ["before", "pairs", "label texts", "merged"]
    assert metrics["macro_f1"]["merged"] > metrics["macro_f1"]["before"]


def test_the_merged_encoder_is_a_model_of_its_own(world: SmallTraining, outcome: TrainingOutcome) -> None:
    assert outcome.card is not None
    card = read_card(outcome.card)

    assert card.name == "own-birds"
    pull([card], [], world.store, Silent())
    vector = world.vector_without_pytorch(outcome.card, "owl flies")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_a_merge_at_the_ends_is_one_of_the_bodies(world: SmallTraining) -> None:
    ends = [world.train(f"t{t}", t=t, steps=5).artifact.facts["metrics"]["macro_f1"] for t in (0.0, 1.0)]

    assert ends[0]["merged"] == ends[0]["pairs"]
    assert ends[1]["merged"] == ends[1]["label texts"]


def test_shots_are_of_each_class_and_the_rest_is_held_out() -> None:
    learnt, held_out = dealt_shots({"a": list("uvwxy"), "b": list("pq")}, 3, 0)

    assert sorted(label for _, label in learnt) == ["a"] * 3 + ["b"] * 2
    assert {text for text, _ in learnt} | {text for text, _ in held_out} == set("uvwxypq")
    assert len(held_out) == 2


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([{"text": "owl", "label": "owls"}, {"text": "owl owl", "label": "owls"}], "of 1 classes"),
        ([{"text": "owl", "label": "owls"}, {"text": "wren", "label": "wrens"}], "'owls' has 1 example"),
        (
            [{"text": f"{one} {two}", "label": one} for one in ("owl", "wren") for two in ("at", "flies")]
            + [{"label": "eagles", "description": "eagle"}],
            "'eagles' is described and has no example",
        ),
    ],
)
def test_examples_that_make_no_classes_are_refused(
    world: SmallTraining, tmp_path: Path, lines: list[dict[str, str]], says: str
) -> None:
    file = tmp_path / "examples.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))

    with pytest.raises(InvalidInput, match=says):
        world.train("refused", data=file)
