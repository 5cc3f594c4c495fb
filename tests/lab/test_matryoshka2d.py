"""An encoder whose layers are trained as exits: learned from pairs, served at any layer and width."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.asking import encodings as answers
from support.asking import texts
from support.own_encoder import WIDTH, Silent, card_for
from support.own_folders import save_text_model
from support.small_training import SmallTraining, write_reordered_pairs
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.call import NO_CALL
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, OtherWeights
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.loading import load_encoder
from tieback.recipes.graphs.backbone import load_tensors
from tieback.recipes.pull import pull
from tieback.recipes.train import REPORT, TrainingOutcome
from tieback.training.loop import output_distillation
from tieback_contract.field_path import at
from tieback_lab.recipes.adapt.layer_states import backbone_of
from tieback_lab.recipes.adapt.layered_encoder import LAYERED, WEIGHTS, adapt

pytestmark = pytest.mark.all

QUICK: dict[str, Any] = {"space": "own", "widths": [4, 8], "steps": 60, "batch": 32, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("matryoshka2d")
    save_text_model(folder / "own")
    write_reordered_pairs(folder / "pairs.tsv")
    return SmallTraining.of(folder, "matryoshka2d", QUICK, "pairs.tsv")


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> TrainingOutcome:
    return world.train("out")


@pytest.fixture(scope="module")
def layered(world: SmallTraining, outcome: TrainingOutcome) -> EncoderCard:
    """The card that was written, with its model in the store."""
    assert outcome.card is not None
    card = read_card(outcome.card)
    assert isinstance(card, EncoderCard)
    assert pull([card], [card], world.store, Silent()) == []
    return card


def test_every_layer_and_width_finds_partners_better_than_before(outcome: TrainingOutcome) -> None:
    cells = outcome.artifact.facts["metrics"]["reciprocal_rank"]

    assert [(one["layer"], one["dimensions"]) for one in cells] == [
        (layer, width) for layer in (1, 2) for width in (4, 8, WIDTH)
    ]
    assert all(one["after"] > one["before"] for one in cells)
    assert "| layer | dimensions | before | after |" in outcome.artifact.files[REPORT].decode()


def test_the_artifact_holds_what_was_trained_and_the_table_of_tokens_stays(
    world: SmallTraining, outcome: TrainingOutcome, layered: EncoderCard
) -> None:
    found = Artifact.load(outcome.folder, LAYERED)
    base = backbone_of(world.card, world.store, field=at("space")).model.state_dict()

    table = "embeddings.word_embeddings.weight"
    assert table not in found.arrays
    assert found.made_for == (world.card.space,)
    shapes = {name: tuple(one.shape) for name, one in base.items()}
    served = load_tensors(world.store.weights(layered) / WEIGHTS, shapes)
    torch.testing.assert_close(served[table], base[table])
    moved = [name for name in found.arrays if not torch.equal(served[name], base[name])]
    assert any("layer.0" in name for name in moved)
    assert any("layer.1" in name for name in moved)


def test_the_encoder_is_one_of_its_own_that_offers_layers_and_widths_and_declares_exits(
    world: SmallTraining, layered: EncoderCard
) -> None:
    assert layered.name == layered.space.name == "own-2d"
    assert layered.choices.layers == (1, 2)
    assert layered.choices.deadline_exits
    assert layered.offered_widths == (4, 8, WIDTH)
    assert layered.kinds == world.card.kinds
    assert layered.pooling == world.card.pooling


async def test_encode_serves_every_cell_and_the_base_refuses_with_the_reason(
    world: SmallTraining, layered: EncoderCard
) -> None:
    encoder = Encoder([load_encoder(card, world.store) for card in (world.card, layered)])

    for layer in (1, 2):
        for width in (4, 8, WIDTH):
            plan = EncodePlan(width, layer=layer)
            (found,) = answers(
                await encoder.encode(EncodeRequest("own-2d", texts("owl flies"), plan), NO_CALL)
            )
            assert found.layer == layer
            assert found.vector is not None
            assert found.vector.values.shape == (width,)
            assert found.space == layered.space_of("layer 1" if layer == 1 else "")
    for plan in (EncodePlan(layer=1), EncodePlan(earliest_layer=1)):
        with pytest.raises(InvalidInput, match=r"not trained to be used.*tieback train matryoshka2d"):
            await encoder.encode(EncodeRequest("own", texts("owl"), plan), NO_CALL)
    await encoder.close()


def test_a_second_run_computes_nothing_and_no_step_changes_nothing(
    world: SmallTraining, outcome: TrainingOutcome
) -> None:
    again, idle = world.train("out"), world.train("idle", steps=0)

    assert again.made == ()
    assert again.folder == outcome.folder
    assert all(one["after"] == one["before"] for one in idle.artifact.facts["metrics"]["reciprocal_rank"])


def test_the_distillation_is_0_for_equal_outputs_and_moves_the_student_alone() -> None:
    draw = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(5, 8, generator=draw, requires_grad=True) for _ in range(2))

    loss = output_distillation(student, teacher, temperature=0.3)
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own

    same = output_distillation(teacher, teacher, temperature=0.3)
    assert float(loss.detach()) > 0
    assert float(same.detach()) == pytest.approx(0, abs=1e-6)
    assert student.grad is not None
    assert teacher.grad is None


def test_weights_for_another_encoder_are_refused(
    world: SmallTraining, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    other = replace(outcome.artifact, made_for=(replace(world.card.space, revision="0123456789ab"),))

    with pytest.raises(OtherWeights, match=r"was made with own@0123456789ab .*tieback train matryoshka2d"):
        adapt(other, {"own": world.card}, world.store, tmp_path, print)


def test_a_card_that_no_training_wrote_is_not_replaced(
    world: SmallTraining, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    (tmp_path / "own").symlink_to(world.folder / "own")
    fields = yaml.safe_load((world.folder / "own.yaml").read_text()) | {"name": "own-2d"}
    (tmp_path / "own-2d.yaml").write_text(yaml.safe_dump(fields))

    with pytest.raises(AlreadyExists, match=r"own-2d\.yaml is there, and no training wrote it"):
        adapt(outcome.artifact, {"own": world.card}, world.store, tmp_path, print)


@pytest.mark.parametrize(
    ("parameters", "message", "field"),
    [
        ({"exits": [2]}, "last layer is 2; exits are before that, and 2 is not", "parameters.exits"),
        ({"widths": [16]}, "fewer dimensions than they have, 16, not to 16", "parameters.widths"),
        ({"kl_temperature": 0}, "greater than 0", "parameters.kl_temperature"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_the_parameter(
    world: SmallTraining, parameters: dict[str, Any], message: str, field: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        world.train("odd", **parameters)

    assert str(refusal.value.field) == field


def test_an_unknown_space_is_refused_with_the_choices(world: SmallTraining) -> None:
    with pytest.raises(NotFound, match="no space is named 'owm'; the choices are: own"):
        world.train("odd", space="owm")


def test_an_encoder_whose_card_names_no_pooling_is_refused(world: SmallTraining, tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")

    with pytest.raises(InvalidInput, match="its card names no pooling") as refusal:
        replace(world, card=card_for(tmp_path / "own", pooling=None)).train("odd")

    assert str(refusal.value.field) == "parameters.space"
