"""The recipe of the bridge by which a language model reads vectors: what it learns, keeps and refuses."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.asked_birds import World
from tieback.artifacts import Artifact, file_digest
from tieback.core.errors import InvalidInput, NotFound, OtherWeights, StartupError
from tieback.models.language.decoder import Decoder
from tieback.models.language.model import load_language_model
from tieback.models.learned import ServedModels
from tieback.recipes.networks.llama_drift import torch_model
from tieback.recipes.networks.llama_files import read_transformers
from tieback.recipes.train import TrainingOutcome
from tieback.serving.plan.artifacts import ServedArtifacts
from tieback_lab.methods.context_compression.xrag import bridged
from tieback_lab.models.learned.soft_context import SOFT_CONTEXT, SoftContext
from tieback_lab.recipes.train.soft_examples import beginning_of, costs, paraphrases
from tieback_lab.recipes.train.soft_reading import Bridge, Choices, FrozenReader, packed, unpacked

pytestmark = pytest.mark.all

QUICK: dict[str, Any] = {
    "name": "bridge", "model": "small", "space": "own", "sentences": 110, "questions": 100, "start_steps": 20,
    "paraphrase_steps": 12, "answer_steps": 4, "batch": 4,
}  # fmt: skip


def _train(world: World, output: str, **parameters: Any) -> TrainingOutcome:
    return world.train("xrag", output, **{**QUICK, **parameters})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("xrag"))


@pytest.fixture(scope="module")
def outcome(world: World) -> TrainingOutcome:
    return _train(world, "out")


def test_it_measures_soft_tokens_beside_shuffled_ones_none_and_the_text(outcome: TrainingOutcome) -> None:
    said, answered = outcome.learned.metrics["costs"]

    assert set(said) == {"what is predicted", "soft tokens", "shuffled", "nothing"}
    assert set(answered) == {*said, "the text"}
    assert all(value > 0 for value in answered.values() if not isinstance(value, str))
    losses = outcome.learned.metrics["paraphrase"]["losses"]
    assert losses[-1][1] < losses[0][1]


def test_the_same_run_finds_all_its_steps_and_another_one_those_that_it_shares(
    world: World, outcome: TrainingOutcome
) -> None:
    again = _train(world, "out")
    other = _train(world, "other", answer_steps=3)

    assert again.folder == outcome.folder
    assert again.made == ()
    assert other.made[0] == "answer of bridge"
    assert {"readings paraphrase", "readings answer", "paraphrase of bridge"} <= set(other.found)


def test_it_is_loaded_for_the_models_that_it_was_made_for_alone(
    world: World, outcome: TrainingOutcome
) -> None:
    encoder, model = world.encoder, world.model

    loaded = SoftContext.load(outcome.folder, [encoder], [model])

    assert (loaded.name, loaded.space, loaded.model) == ("bridge", "own", "small")
    assert loaded.soft_tokens(np.ones((3, encoder.width), np.float32)).shape == (3, 64)
    with pytest.raises(OtherWeights, match="'own', which is not served"):
        SoftContext.load(outcome.folder, [], [model])
    with pytest.raises(StartupError, match="needs the language model small; serve it"):
        SoftContext.load(outcome.folder, [encoder], [])


def test_one_for_other_weights_of_the_language_model_is_refused(
    world: World, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    kept = Artifact.load(outcome.folder, SOFT_CONTEXT)
    facts = {**kept.facts, "model_revision": "another"}
    folder = Artifact(SOFT_CONTEXT, kept.arrays, facts, kept.made_for).save(tmp_path)

    with pytest.raises(StartupError, match=r"other weights of small; train it again: tieback train xrag"):
        SoftContext.load(folder, [world.encoder], [world.model])


def test_training_changes_no_weight_of_the_language_model(world: World, outcome: TrainingOutcome) -> None:
    del outcome
    manifest = world.store.open(world.model).manifest

    served = world.store.folder(world.model)
    assert {name: file_digest(served / name) for name in manifest.served} == {
        name: file.sha256 for name, file in manifest.served.items()
    }


def test_what_is_learned_from_is_what_is_served(world: World) -> None:
    model = load_language_model(world.model, world.store)
    proof = Decoder(world.store.folder(world.model) / "model.onnx")
    assert proof.width == model.decoder.width
    vectors = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)
    rows = paraphrases(model, vectors, ["owl flies", "wren", "at night"], seed=0)
    state = {
        "inner": vectors[:, :, None].mean(0) * np.ones((16, 64), np.float32), "inner_bias": np.zeros(64),
        "outer": np.eye(64), "outer_bias": np.zeros(64),
    }  # fmt: skip
    start = {name: np.asarray(array, np.float32) for name, array in state.items()}
    bridge = Bridge(start, partial(bridged, torch))
    reader = FrozenReader(torch_model(read_transformers(world.folder / "small")), beginning_of(model))

    trained = -reader.likelihood(rows, bridge, size=2)
    alone = reader.loss(rows, bridge, Choices(teacher=0)).detach().item()
    served = costs(model, lambda one: _soft(one, bridge), rows)["soft tokens"]

    assert trained == pytest.approx(alone, abs=1e-4)
    assert trained == pytest.approx(served, abs=0.1)  # the served one computes in 8 bits


def _soft(vectors: np.ndarray, bridge: Bridge) -> np.ndarray:
    from tieback_lab.methods.context_compression.xrag import xrag

    return xrag(vectors, bridge.learned())


def test_readings_are_kept_as_they_are(world: World) -> None:
    model = load_language_model(world.model, world.store)
    rows = paraphrases(model, np.ones((2, 16), np.float32), ["owl flies", "wren"], seed=0)

    again = unpacked(packed(rows))

    assert [(list(one.question), list(one.answer)) for one in again] == [
        (list(one.question), list(one.answer)) for one in rows
    ]
    assert all(one.taught is None for one in again)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"name": "No Name"}, "small letters"),
        ({"questions": 20}, "20 questions with an answer"),
        ({"batch": 0}, "greater than or equal to 1"),
    ],
)
def test_what_it_cannot_learn_from_is_refused(world: World, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        _train(world, "refused", **parameters)


def test_a_language_model_that_is_not_there_is_named_with_the_choices(world: World) -> None:
    with pytest.raises(NotFound, match="small"):
        _train(world, "refused", model="large")


def test_a_server_is_refused_what_it_cannot_serve_by_its_setting(
    world: World, outcome: TrainingOutcome
) -> None:
    folder = str(outcome.folder)

    models = ServedModels([world.encoder], [world.encoder], [world.model], world.store)

    [one] = ServedArtifacts([folder], models).all(SoftContext)

    assert one.name == "bridge"
    with pytest.raises(StartupError, match=r"TIEBACK_ARTIFACTS: .* both give the soft prompt 'bridge'"):
        ServedArtifacts([folder, folder], models).all(SoftContext)
    with pytest.raises(StartupError, match="TIEBACK_ARTIFACTS: there is no artifact at /nowhere"):
        ServedArtifacts(["/nowhere"], models)
