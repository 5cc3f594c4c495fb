"""A pooling over an encoder's layers: learned from pairs, put into a graph of its own, and served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from support.asking import encodings as answers
from support.asking import texts
from support.own_encoder import TEXTS, WIDTH, Silent, card_for, encodings
from support.own_folders import save_text_model
from support.small_training import SmallTraining
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.call import NO_CALL
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, OtherWeights
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.loading import load_encoder
from tieback.recipes.pull import pull
from tieback.recipes.train import REPORT, TrainingOutcome, train
from tieback_contract.field_path import at
from tieback_contract.vectors import VectorKind
from tieback_lab.methods.layer_pooling import layer_poolings
from tieback_lab.recipes.adapt.layer_pooling import LAYER_POOLING, adapt
from tieback_lab.recipes.adapt.layer_states import backbone_of, token_numbers

pytestmark = pytest.mark.all

WORDS = ["owl", "wren", "flies", "at", "night"]
QUICK: dict[str, Any] = {"space": "own", "steps": 100, "batch": 64, "learning_rate": 0.02, "patience": 0}
FIT = {"mltp": {"heads": 2, "latents": 3}, "lama": {"heads": 3}}


class World(SmallTraining):
    def learn(self, output: str, pooling: str, **parameters: Any) -> TrainingOutcome:
        return self.train(output, **({"pooling": pooling, "fit": FIT[pooling]} | parameters))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Partners are the same words in another order, behind a word that says nothing."""
    folder = tmp_path_factory.mktemp("layer_pooling")
    save_text_model(folder / "own")
    draw = np.random.default_rng(0)
    lines = []
    for _ in range(600):
        words = draw.choice(WORDS[:4], draw.integers(3, 7))
        lines.append(f"{' '.join(words)}\tnight night {' '.join(draw.permutation(words))}")
    (folder / "pairs.tsv").write_text("\n".join(lines))
    return World.of(folder, "layer_pooling", QUICK, "pairs.tsv")


@pytest.fixture(scope="module", params=layer_poolings.names())
def outcome(world: World, request: pytest.FixtureRequest) -> TrainingOutcome:
    return world.learn("out", request.param)


@pytest.fixture(scope="module")
def pooled(world: World, outcome: TrainingOutcome) -> EncoderCard:
    """The card that was written, with its model in the store."""
    assert outcome.card is not None
    card = read_card(outcome.card)
    assert isinstance(card, EncoderCard)
    assert pull([card], [card], world.store, Silent()) == []
    return card


def test_partners_find_each_other_better_than_by_the_mean_of_the_last_layer(outcome: TrainingOutcome) -> None:
    metrics = outcome.artifact.facts["metrics"]

    found = metrics["found"]
    assert found["learned"]["reciprocal_rank"] > found["mean of layer 2"]["reciprocal_rank"]
    assert 0 <= metrics["signed_rank_p"] <= 1
    assert "| vectors | recall_at_1 | reciprocal_rank |" in outcome.artifact.files[REPORT].decode()


def test_the_artifact_is_the_state_made_for_the_backbones_weights(
    world: World, outcome: TrainingOutcome
) -> None:
    found = Artifact.load(outcome.folder, LAYER_POOLING)

    assert found.arrays.keys() == layer_poolings.state(found.facts["pooling"]).keys()
    assert found.made_for == (world.card.space,)
    assert found.facts["layers"] == [1, 2]


def test_the_encoder_is_one_of_its_own_with_dense_vectors_alone(world: World, pooled: EncoderCard) -> None:
    assert pooled.name in ("own-mltp", "own-lama")
    assert pooled.space.name == pooled.name
    assert pooled.kinds == {VectorKind.DENSE}
    assert pooled.width == (3 * WIDTH if pooled.name == "own-lama" else WIDTH)
    assert pooled.max_tokens == world.card.max_tokens


def test_the_served_vectors_are_those_of_the_method_over_the_backbones_states(
    world: World, outcome: TrainingOutcome, pooled: EncoderCard
) -> None:
    backbone = backbone_of(world.card, world.store, field=at("space"))
    method = layer_poolings.get(outcome.artifact.facts["pooling"])
    state = {name: torch.from_numpy(one.copy()) for name, one in outcome.artifact.arrays.items()}

    found = encodings(load_encoder(pooled, world.store), TEXTS)

    ids = token_numbers(world.card, world.store, TEXTS, 16)
    for encoding, numbers in zip(found, ids, strict=True):
        row = torch.from_numpy(numbers)[None]
        with torch.no_grad():
            expected = method(backbone(row, torch.ones_like(row)), torch.ones(1, len(numbers)), state)[0]
        assert encoding.dense is not None
        np.testing.assert_allclose(encoding.dense, expected.numpy(), atol=1e-4)


async def test_encode_serves_the_space(world: World, pooled: EncoderCard) -> None:
    encoder = Encoder([load_encoder(pooled, world.store)])

    (found,) = answers(await encoder.encode(EncodeRequest(pooled.name, texts("owl")), NO_CALL))
    with pytest.raises(InvalidInput, match="has no multi_vector to give"):
        await encoder.encode(
            EncodeRequest(pooled.name, texts("owl"), EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}))),
            NO_CALL,
        )
    await encoder.close()

    assert found.space == pooled.space
    assert found.vector is not None
    assert found.vector.values.shape == (pooled.width,)


def test_it_is_served_without_pytorch(world: World, pooled: EncoderCard, outcome: TrainingOutcome) -> None:
    served = world.vector_without_pytorch(outcome.card, "owl")

    (expected,) = encodings(load_encoder(pooled, world.store), ("owl",))
    assert expected.dense is not None
    np.testing.assert_allclose(served, expected.dense, atol=1e-5)


def test_a_second_run_computes_nothing_and_another_rate_only_learns_again(
    world: World, outcome: TrainingOutcome
) -> None:
    pooling = outcome.artifact.facts["pooling"]
    again, other = world.learn("out", pooling), world.learn("other", pooling, learning_rate=0.005)

    assert again.made == ()
    assert again.folder == outcome.folder
    assert other.made == (f"{pooling} of own",), "the states are there already"


def test_layers_can_be_chosen_and_their_states_alone_are_read(world: World) -> None:
    last, first = (world.learn(f"only-{layer}", "mltp", layers=[layer], steps=0) for layer in (2, 1))

    assert last.artifact.facts["layers"] == [2]
    assert last.artifact.arrays["positions"].shape == (1, WIDTH)
    found = last.artifact.facts["metrics"]["found"]
    assert "mean of layer 2" in found
    assert found["before training"] == found["learned"], "no step was taken"
    assert found != first.artifact.facts["metrics"]["found"]


def test_a_pooling_for_other_weights_is_refused(
    world: World, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    other = replace(outcome.artifact, made_for=(replace(world.card.space, revision="0123456789ab"),))

    with pytest.raises(OtherWeights, match=r"was made with own@0123456789ab .*tieback train layer_pooling"):
        adapt(other, {"own": world.card}, world.store, tmp_path, print)


def test_a_card_that_no_training_wrote_is_not_replaced(
    world: World, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    (tmp_path / "own").symlink_to(world.folder / "own")
    name = f"own-{outcome.artifact.facts['pooling']}"
    fields = yaml.safe_load((world.folder / "own.yaml").read_text()) | {"name": name}
    (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(fields))

    with pytest.raises(AlreadyExists, match=r"\.yaml is there, and no training wrote it.*--output"):
        adapt(outcome.artifact, {"own": world.card}, world.store, tmp_path, print)


@pytest.mark.parametrize(
    ("parameters", "message", "field"),
    [
        ({"layers": [1, 3]}, "the backbone has 2 layers, and no layer 3", "parameters.layers"),
        ({"fit": {"heads": 3}}, "3 heads do not divide a width of 16", "parameters.fit.parameters.heads"),
        ({"batch": 1}, "greater than or equal to 2", "parameters.batch"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_the_parameter(
    world: World, parameters: dict[str, Any], message: str, field: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        world.learn("odd", "mltp", **parameters)

    assert str(refusal.value.field) == field


def test_unknown_names_are_refused_with_the_choices(world: World) -> None:
    with pytest.raises(NotFound, match="no space is named 'owm'; the choices are: own"):
        world.learn("odd", "mltp", space="owm")
    with pytest.raises(NotFound, match="the choices are: lama, mltp"):
        train(
            "layer_pooling", {"space": "own", "pooling": "mean"}, cards=[world.card], store=world.store,
            data=[world.folder / "pairs.tsv"], output=world.folder / "odd", say=lambda _: None,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shares": "both", "kinds": ["dense"]}, "other encoders share its space 'both'"),
        ({"options": {"prompts": {"query": "q: "}, "prompt": "query"}}, "it puts the prompt 'query' before"),
        ({"options": {"weights": "model.onnx"}}, "its weights are an ONNX graph"),
    ],
)
def test_an_encoder_whose_layers_cannot_be_pooled_is_refused_with_the_reason(
    world: World, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    save_text_model(tmp_path / "own")
    odd = replace(world, card=card_for(tmp_path / "own", **changes))

    with pytest.raises(InvalidInput, match=f"the layers of own cannot be trained with: {reason}") as refusal:
        odd.learn("odd", "mltp")

    assert str(refusal.value.field) == "parameters.space"
