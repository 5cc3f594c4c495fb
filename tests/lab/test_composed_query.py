"""A composition of queries is learned from triplets and kept as an artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.coloured_triplets import Shades, shades_in
from support.each import each
from tieback.core.errors import InvalidInput, NotFound, OtherWeights, StartupError
from tieback.recipes.train import TrainingOutcome, train
from tieback_lab.models.learned.query_composition import LearnedComposition

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Shades:
    return shades_in(tmp_path_factory.mktemp("shades"))


@pytest.fixture(scope="module")
def outcome(world: Shades) -> TrainingOutcome:
    return world.train("out")


def test_it_finds_what_is_meant_by_triplets_that_it_has_not_seen(outcome: TrainingOutcome) -> None:
    found = outcome.learned.metrics["recall_at_1"]

    assert found["composed"] > found["the photo alone"] + 0.3
    assert outcome.learned.metrics["triplets"]["held_out"] >= 15


def test_equal_runs_make_one_artifact_and_reuse_what_was_encoded(
    world: Shades, outcome: TrainingOutcome
) -> None:
    again = world.train("out")
    other = world.train("other", seed=1)

    assert again.folder == outcome.folder
    assert again.made == ()
    assert other.folder.name != outcome.folder.name
    assert [step for step in other.made if step.startswith("rows")] == []


def test_it_is_loaded_for_the_encoders_that_it_was_made_for_alone(
    world: Shades, outcome: TrainingOutcome
) -> None:
    words, eyes = world.cards
    changed = eyes.model_copy(update={"options": eyes.options.model_copy(update={"mean": 1.0})})

    loaded = LearnedComposition.load(outcome.folder, world.cards)

    assert (loaded.name, loaded.image, loaded.text) == ("shades", "eyes", "words")
    with pytest.raises(OtherWeights, match="eyes"):
        LearnedComposition.load(outcome.folder, [words, changed])
    with pytest.raises(OtherWeights, match="'words', which is not served"):
        LearnedComposition.load(outcome.folder, [eyes])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"name": "No Name"}, "small letters"),
        ({"space": "words"}, "an encoder of image"),
        ({"texts": "eyes"}, "an encoder of text"),
        ({"regions": True}, "dense and multi_vector is needed"),
        ({"inner": 6}, "multiple of 4"),
    ],
)
def test_what_cannot_be_learned_is_refused(world: Shades, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        world.train("none", **parameters)


def test_an_unknown_space_is_not_found(world: Shades) -> None:
    with pytest.raises(NotFound, match="eyes"):
        world.train("none", space="ears")


@each(
    "line, said",
    [
        ({"photo": "0-0.png", "text": "more red"}, "a triplet has the texts photo, text, target"),
        ({"photo": "0-0.png", "text": " ", "target": "1-0.png"}, "the text is empty"),
        ({"photo": "0-0.png", "text": "more red", "target": "gone.png"}, "there is no file .*gone.png"),
        ({"photo": "0-0.png", "text": "more", "target": "0-0.png"}, "are one"),
        ({"photo": "0-0.png", "text": "a", "target": "1-0.png", "note": "b"}, "no 'note'"),
        ({"photo": "bad.png", "text": "more red", "target": "1-0.png"}, "triplet 1: .*picture"),
    ],
)
def test_a_triplet_that_cannot_be_used_is_named(world: Shades, line: dict[str, str], said: str) -> None:
    (world.folder / "bad.png").write_bytes(b"no picture")
    lines = (world.folder / "triplets.jsonl").read_text()
    path = world.folder / "wrong.jsonl"
    path.write_text(json.dumps(line) + "\n" + lines)

    with pytest.raises(InvalidInput, match=said) as raised:
        _trained(world, path)

    assert "triplet 1" in raised.value.message


def test_few_triplets_and_no_file_are_refused(world: Shades) -> None:
    path = world.folder / "few.jsonl"
    path.write_text("\n".join((world.folder / "triplets.jsonl").read_text().splitlines()[:8]))

    with pytest.raises(InvalidInput, match="8 triplets to learn from, and it takes 32"):
        _trained(world, path)
    with pytest.raises(StartupError, match="no file or folder"):
        _trained(world, world.folder / "nowhere")


def _trained(world: Shades, data: Path) -> None:
    train(
        "composed_query", {"space": "eyes", "texts": "words", "steps": 1}, cards=world.cards,
        store=world.store, data=[data], output=world.folder / "none", say=lambda _: None,
    )  # fmt: skip
