"""`tieback train fusion` learns from lines of things, and says what each part is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.coloured_triplets import Shades, shades_in
from support.lab import all_names
from support.small_fusions import things_file, train_fusion
from tieback.core.errors import InvalidInput, NotFound, OtherWeights
from tieback.recipes.train import TrainingOutcome
from tieback_lab.methods.fusion import fusions, takes_condition, takes_names
from tieback_lab.models.learned.fusion import LearnedFusion
from tieback_lab.recipes.graphs.fused import GRAPH_FILE

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Shades:
    return shades_in(tmp_path_factory.mktemp("shades"))


@pytest.fixture(scope="module")
def outcome(world: Shades) -> TrainingOutcome:
    return train_fusion(world, things_file(world), method="multimodn")


def test_it_says_what_each_part_is_worth_and_what_is_lost_without_it(outcome: TrainingOutcome) -> None:
    (parts, patterns) = outcome.learned.report.values()

    assert {one["part"] for one in parts} == {"photo", "title", "note"}
    assert all({"alone", "lost without it"} <= one.keys() for one in parts)
    assert len(patterns) == 7
    assert (outcome.folder / GRAPH_FILE).stat().st_size > 0


def test_the_artifact_knows_the_patterns_that_it_was_trained_with(
    world: Shades, outcome: TrainingOutcome
) -> None:
    exact = train_fusion(world, things_file(world), dropout=0.0, steps=1)

    dropped, strict = (LearnedFusion.load(one.folder, world.cards) for one in (outcome, exact))

    assert not dropped.is_unseen(["title"])
    assert strict.is_unseen(["title"])
    assert not strict.is_unseen(["photo", "title"])
    assert dropped.expected_loss(["photo", "title", "note"]) in (0.0, None)


def test_equal_runs_make_one_artifact(world: Shades, outcome: TrainingOutcome) -> None:
    again = train_fusion(world, things_file(world), method="multimodn")

    assert again.folder == outcome.folder
    assert again.made == ()


def test_it_is_loaded_for_the_encoders_that_it_was_made_for_alone(
    world: Shades, outcome: TrainingOutcome
) -> None:
    words, eyes = world.cards
    changed = eyes.model_copy(update={"options": eyes.options.model_copy(update={"mean": 1.0})})

    assert LearnedFusion.load(outcome.folder, world.cards).names == ["photo", "title", "note"]
    with pytest.raises(OtherWeights, match="eyes"):
        LearnedFusion.load(outcome.folder, [words, changed])


@pytest.mark.parametrize("goal", [{"label": ""}, {"label": "", "group": "one"}])
def test_without_labels_it_learns_from_groups_or_from_what_occurs_together(
    world: Shades, goal: dict[str, str]
) -> None:
    made = train_fusion(world, things_file(world, **goal), steps=3, missing="substitute")

    assert made.artifact.facts["measure"] == "recall@1"
    assert made.artifact.facts["classes"] == []
    assert made.artifact.facts["missing"] == "substitute"


@pytest.mark.parametrize("method", all_names(fusions))
def test_every_method_is_reached_by_the_command(world: Shades, method: str) -> None:
    given = {"condition": "more red"} if takes_condition(method) else {}

    few: dict[str, Any] = {} if takes_names(method) else {"steps": 2}
    made = train_fusion(world, things_file(world, **given), method=method, **few)

    loaded = LearnedFusion.load(made.folder, world.cards)
    assert (loaded.description.method, loaded.description.width) == (method, 8)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"label": "a"}, "line 1: a thing has 'parts'"),
        ({"parts": {}, "label": "a"}, "line 1: parts: every part is missing"),
        ({"parts": {"title": " "}}, r"line 1: parts\.title: a part is a text that is not empty"),
        ({"parts": {"photo": {"file": "gone.png"}}}, r"line 1: parts\.photo: there is no file .*gone.png"),
        ({"parts": {"title": "a"}, "label": 3}, "line 1: label is a text"),
        ({"parts": {"No Name": "a"}}, "small letters"),
        ({"parts": {"photo": "more red"}}, r"parts\.photo: texts, or files of one kind"),
        ({"parts": {"title": "red"}, "condition": "red"}, "line 1: parallel takes no condition"),
        ({"parts": {"title": ["red", "more red"]}}, r"line 1: parts\.title: parallel takes no rounds"),
        ({"parts": {"title": []}}, "line 1: parts: a list of rounds is empty"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(world: Shades, line: dict[str, Any], said: str) -> None:
    path = world.folder / "wrong.jsonl"
    path.write_text(json.dumps(line) + "\n" + things_file(world).read_text())

    with pytest.raises(InvalidInput, match=said):
        train_fusion(world, path, steps=1)


@pytest.mark.parametrize("option", [{"steps": 400}, {"dropout": 0.3}, {"width": 64}, {"missing": "pool"}])
def test_a_method_that_is_not_trained_refuses_the_options_of_training_by_their_names(
    world: Shades, option: dict[str, Any]
) -> None:
    (name,) = option

    with pytest.raises(InvalidInput, match=f"'imgany' has no parameter '{name}'") as refused:
        train_fusion(world, things_file(world), method="imgany", **option)

    assert str(refused.value.field) == f"parameters.{name}"


def test_few_things_and_unknown_names_are_refused(world: Shades) -> None:
    path = world.folder / "few.jsonl"
    path.write_text("\n".join(things_file(world).read_text().splitlines()[:8]))
    data: Path = things_file(world)

    with pytest.raises(InvalidInput, match="8 things to learn from, and it takes 32"):
        train_fusion(world, path)
    with pytest.raises(NotFound, match="multimodn"):
        train_fusion(world, data, method="multimod")
    with pytest.raises(NotFound, match="eyes"):
        train_fusion(world, data, encoders={"photo": "ears"})
    with pytest.raises(InvalidInput, match="the items of a bundle: leave them out") as refused:
        train_fusion(world, data, method="clhe", rows=["title"])

    assert str(refused.value.field) == "parameters.rows"
