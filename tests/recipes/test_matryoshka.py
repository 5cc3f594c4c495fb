"""A head that an encoder's vectors are cut behind: learned, put into the graph, served without PyTorch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.own_encoder import WIDTH, Silent, card_for, encodings, write_folder
from support.small_training import SmallTraining
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, OtherWeights
from tieback.core.types.encoding import EncodePlan
from tieback.encoder.request import resolve
from tieback.encoder.shaping import cut
from tieback.models.loading import load_encoder
from tieback.recipes.adapt.encoder_head import HEAD, MATRIX, adapt
from tieback.recipes.pull import pull
from tieback.recipes.train import REPORT, TrainingOutcome

pytestmark = pytest.mark.all

WORDS = ["owl", "wren", "flies", "at", "night"]
TEXTS = ("owl flies at night", "wren", "owl at night owl", "wren flies at wren")
QUICK: dict[str, Any] = {"space": "own", "widths": [4, 8], "steps": 60, "batch": 64, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("matryoshka")
    write_folder(folder / "own")
    draw = np.random.default_rng(0)
    lines = [" ".join(draw.choice(WORDS, draw.integers(4, 9))) for _ in range(400)]
    (folder / "texts.txt").write_text("\n\n".join(lines))
    return SmallTraining.of(folder, "matryoshka", QUICK, "texts.txt")


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> TrainingOutcome:
    return world.train("out")


@pytest.fixture(scope="module")
def turned(world: SmallTraining, outcome: TrainingOutcome) -> EncoderCard:
    """The card that was written, with its model in the store."""
    assert outcome.card is not None
    card = read_card(outcome.card)
    assert isinstance(card, EncoderCard)
    assert pull([card], [card], world.store, Silent()) == []
    return card


def test_the_head_is_a_rotation_made_for_the_encoders_weights(
    world: SmallTraining, outcome: TrainingOutcome
) -> None:
    found = Artifact.load(outcome.folder, HEAD)

    head = found.arrays[MATRIX]
    np.testing.assert_allclose(head @ head.T, np.eye(WIDTH), atol=1e-5)
    assert found.made_for == (world.card.space,)
    assert found.facts["widths"] == [4, 8, WIDTH]
    assert found.provenance["configuration"]["widths"] == [4, 8]
    assert found.provenance["configuration"]["temperature"] == 0.05, "defaults are told, too"


def test_prefixes_keep_more_neighbours_of_unseen_texts_than_those_of_vectors_that_are_cut_as_they_are(
    outcome: TrainingOutcome,
) -> None:
    kept = outcome.artifact.facts["metrics"]["kept_neighbours"]

    for width in ("4", "8"):
        assert kept["learned"][width] > kept["cut as it is"][width] + 0.05
        assert kept["learned"][width] >= kept["principal directions"][width] - 0.03
    assert "| dimensions | cut as it is | principal directions | learned |" in (
        outcome.artifact.files[REPORT].decode()
    )


def test_the_encoder_with_its_head_is_a_new_revision_of_its_space_that_is_offered_at_the_widths(
    world: SmallTraining, turned: EncoderCard
) -> None:
    assert turned.name == world.card.name
    assert turned.space.name == world.card.space.name
    assert turned.space.revision != world.card.space.revision
    assert turned.offered_widths == (4, 8, WIDTH)
    assert turned.kinds == world.card.kinds
    assert resolve(EncodePlan(8), turned, turned.offered_widths).width == 8
    with pytest.raises(InvalidInput, match="not offered at width 6; it is at: 4, 8, 16") as refusal:
        resolve(EncodePlan(6), turned, turned.offered_widths)
    assert str(refusal.value.field) == "output.width"


def test_full_vectors_have_the_similarities_that_they_had_and_prefixes_those_of_the_head(
    world: SmallTraining, outcome: TrainingOutcome, turned: EncoderCard
) -> None:
    before, after = (encodings(load_encoder(card, world.store), TEXTS) for card in (world.card, turned))

    old, new = (np.array([one.dense for one in found]) for found in (before, after))
    np.testing.assert_allclose(new @ new.T, old @ old.T, atol=1e-4)
    np.testing.assert_allclose(cut(new, 4), cut(old @ outcome.artifact.arrays[MATRIX], 4), atol=1e-4)
    for one, other in zip(before, after, strict=True):
        assert one.rows is not None
        assert other.rows is not None
        np.testing.assert_allclose(other.rows @ other.rows.T, one.rows @ one.rows.T, atol=1e-4)


def test_the_encoder_with_its_head_is_served_without_pytorch(
    world: SmallTraining, turned: EncoderCard, outcome: TrainingOutcome
) -> None:
    served = world.vector_without_pytorch(outcome.card, "owl")

    (expected,) = encodings(load_encoder(turned, world.store), ("owl",))
    assert expected.dense is not None
    np.testing.assert_allclose(served, expected.dense, atol=1e-5)


def test_a_second_run_computes_nothing_and_another_default_is_another_head(
    world: SmallTraining, outcome: TrainingOutcome
) -> None:
    again, other = world.train("out"), world.train("other", temperature=0.5)

    assert again.made == ()
    assert again.folder == outcome.folder
    assert again.card == outcome.card
    assert other.made == ("rotation of own",), "the texts are encoded already"
    assert other.artifact.revision != outcome.artifact.revision


def test_without_a_step_the_head_is_the_principal_directions(world: SmallTraining) -> None:
    made = world.train("principal", steps=0)

    kept = made.artifact.facts["metrics"]["kept_neighbours"]
    assert kept["learned"] == kept["principal directions"]


def test_a_head_for_other_weights_is_refused(
    world: SmallTraining, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    space = replace(world.card.space, revision="0123456789ab")
    other = replace(outcome.artifact, made_for=(space,))

    with pytest.raises(OtherWeights, match=r"was made with own@0123456789ab .*tieback train"):
        adapt(other, {"own": world.card}, world.store, tmp_path, print)


def test_a_card_that_no_training_wrote_is_not_replaced(
    world: SmallTraining, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    (tmp_path / "own").symlink_to(world.folder / "own")
    (tmp_path / "own.yaml").write_text((world.folder / "own.yaml").read_text())

    with pytest.raises(AlreadyExists, match=r"own\.yaml is there, and no training wrote it.*--output"):
        adapt(outcome.artifact, {"own": world.card}, world.store, tmp_path, print)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pooling": {"name": "max"}}, "it pools by max, which is not linear"),
        ({"pooling": None}, "its card names no pooling"),
        ({"shares": "both", "kinds": ["dense"]}, "other encoders share its space 'both'"),
    ],
)
def test_an_encoder_that_cannot_have_a_head_is_refused_with_the_reason(
    world: SmallTraining, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    write_folder(tmp_path / "own")
    odd = replace(world, card=card_for(tmp_path / "own", **changes))

    with pytest.raises(InvalidInput, match=f"own cannot have a head: {reason}") as refusal:
        odd.train("odd")

    assert str(refusal.value.field) == "parameters.space"


def test_an_encoder_that_has_a_head_is_not_given_another(world: SmallTraining, turned: EncoderCard) -> None:
    with pytest.raises(InvalidInput, match="own cannot have a head: it has one already"):
        replace(world, card=turned).train("twice")


def test_what_cannot_be_trained_is_refused_by_the_parameter(world: SmallTraining) -> None:
    with pytest.raises(NotFound, match="no space is named 'owm'; the choices are: own"):
        world.train("odd", space="owm")
    with pytest.raises(InvalidInput, match="fewer dimensions than they have, 16, not to 16") as refusal:
        world.train("odd", widths=[4, 16])
    assert str(refusal.value.field) == "parameters.widths"
