"""Conditions are learned from contents with labels and kept as an artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.coloured_triplets import Shades, shades_in
from support.labelled_shades import labels_in, learn
from tieback.core.errors import InvalidInput, NotFound, OtherWeights, StartupError
from tieback.recipes.train import TrainingOutcome
from tieback_contract.modality import Modality
from tieback_lab.models.learned.conditional_space import ConditionalSpace

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Shades:
    return shades_in(tmp_path_factory.mktemp("shades"))


@pytest.fixture(scope="module")
def data(world: Shades) -> Path:
    return labels_in(world)


@pytest.fixture(scope="module")
def outcome(world: Shades, data: Path) -> TrainingOutcome:
    return learn(world, data, "out")


def test_held_out_photos_find_those_that_agree_with_them_under_the_condition(
    outcome: TrainingOutcome,
) -> None:
    found = outcome.learned.metrics["mean_average_precision"]

    assert found.keys() == {"red", "green"}
    for one in found.values():
        assert one["under the condition"] > one["without"] + 0.2


def test_equal_runs_make_one_artifact(world: Shades, data: Path, outcome: TrainingOutcome) -> None:
    again = learn(world, data, "out")
    other = learn(world, data, "other", seed=1, steps=1)

    assert again.folder == outcome.folder
    assert again.made == ()
    assert other.folder.name != outcome.folder.name
    assert [step for step in other.made if step.startswith("rows")] == []


def test_it_is_loaded_for_the_encoder_that_it_was_made_for_alone(
    world: Shades, outcome: TrainingOutcome
) -> None:
    words, eyes = world.cards
    changed = eyes.model_copy(update={"options": eyes.options.model_copy(update={"mean": 1.0})})

    loaded = ConditionalSpace.load(outcome.folder, world.cards)

    assert (loaded.encoder, loaded.modality, loaded.conditions) == ("eyes", Modality.IMAGE, ("green", "red"))
    assert len({loaded.space, *map(loaded.space_under, loaded.conditions)}) == 3
    with pytest.raises(OtherWeights, match="eyes"):
        ConditionalSpace.load(outcome.folder, [words, changed])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"regions": True}, "an encoder of pictures that gives them"), ({"batch": 2}, "greater than or equal")],
)
def test_what_cannot_be_learned_is_refused(
    world: Shades, data: Path, parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        learn(world, data, "none", **parameters)


def test_an_unknown_space_is_not_found(world: Shades, data: Path) -> None:
    with pytest.raises(NotFound, match="eyes"):
        learn(world, data, "none", space="ears")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"file": "0-0.png"}, "line 1: a content has a 'file' and 'labels'"),
        ({"text": "red", "labels": {"red": "1"}}, "line 1: a content has a 'file' and 'labels'"),
        ({"file": "0-0.png", "labels": {}}, "line 1: labels are texts by condition"),
        ({"file": "0-0.png", "labels": {"red": 1}}, "line 1: labels are texts by condition"),
        ({"file": "gone.png", "labels": {"red": "1"}}, "line 1: there is no file .*gone.png"),
        ({"file": "bad.png", "labels": {"red": "1"}}, "line 1: .*picture"),
        ({"file": "0-0.png", "labels": {"No Name": "1"}}, "small letters"),
        ({"file": "0-0.png", "labels": {"size": "1"}}, "'size' has 0 labels with 2 contents or more"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(
    world: Shades, data: Path, line: dict[str, object], said: str
) -> None:
    (world.folder / "bad.png").write_bytes(b"no picture")
    path = world.folder / "wrong.jsonl"
    path.write_text(json.dumps(line) + "\n" + data.read_text())

    with pytest.raises(InvalidInput, match=said):
        learn(world, path, "none", steps=1)


def test_few_contents_and_no_file_are_refused(world: Shades, data: Path) -> None:
    path = world.folder / "few.jsonl"
    path.write_text("\n".join(data.read_text().splitlines()[:8]))

    with pytest.raises(InvalidInput, match="8 contents to learn from, and it takes 32"):
        learn(world, path, "none")
    with pytest.raises(StartupError, match="no file or folder"):
        learn(world, world.folder / "nowhere", "none")
