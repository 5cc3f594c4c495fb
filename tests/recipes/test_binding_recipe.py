"""From cards and unpaired data to a binding, on small models: tables of words, a network of colours."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.own_encoder import Silent
from support.shade_worlds import plain_world
from support.shades import (
    CLASSES,
    FEATURES,
    WIDTH,
    World,
    write_card,
    write_words,
)
from tieback.artifacts import STATE, stored
from tieback.catalog.catalog import Catalog
from tieback.core.errors import NotFound, StartupError
from tieback.joint.projecting import project_inputs
from tieback.joint.retrieval import places
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import BINDING, JointSpaceArtifact
from tieback.models.store import DefaultBinding, Store
from tieback.recipes.binding.bind import BindingOutcome
from tieback.recipes.default_binding import TEXTS, bind_default, library
from tieback.recipes.fitting.projections import Anchors, ProjectionFitter
from tieback.recipes.pull import pull
from tieback.serving.commands.bind import bind as command
from tieback.training.data.corpus import read_corpus
from tieback.training.step_cache import StepCache
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return plain_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def outcome(world: World) -> BindingOutcome:
    return world.bind()


def test_a_binding_is_made_and_loads(outcome: BindingOutcome) -> None:
    bound = JointSpaceArtifact.load(outcome.folder)

    assert bound.revision == outcome.bound.revision
    assert [(block.space.name, block.modality, block.width) for block in bound.blocks] == [
        ("eyes", Modality.IMAGE, FEATURES),
        ("speech", Modality.TEXT, WIDTH),
        ("words", Modality.TEXT, WIDTH),
    ]
    projected = {(one.source.name, one.block, one.method) for one in bound.projections}
    assert {("words", "words", "native"), ("eyes", "eyes", "subspace")} < projected
    assert {("words", "eyes", "anchor_attention"), ("eyes", "words", "anchor_attention")} < projected
    assert {router.modality: router.inputs for router in bound.routers} == {
        Modality.TEXT: ("words", "speech"),
        Modality.IMAGE: (),
    }


def test_names_that_no_fit_has_seen_find_what_they_name(outcome: BindingOutcome) -> None:
    rows = {
        (row["task"], row["measure"]): {one["name"].partition(":")[0]: one["value"] for one in row["rows"]}
        | row
        for row in outcome.bound.metrics["retrieval"]
    }

    for task in ("text → image", "image → text"):
        found = rows[task, "MRR"]
        assert found["routed"] > found["chance"] + 0.15
        assert found["uniform"] > found["chance"] + 0.15


def test_the_report_says_what_every_part_is_worth(outcome: BindingOutcome) -> None:
    metrics = outcome.bound.metrics

    assert metrics["decoupling"]["classes"] == ["image", "text"]
    assert metrics["decoupling"]["accuracy"] >= 0.9
    assert {row["projection"] for row in metrics["training"]} == {
        "eyes -> words", "words -> eyes", "eyes -> speech", "speech -> eyes",
    }  # fmt: skip
    assert set(outcome.bound.losses) == {"text", "image"}
    assert outcome.bound.losses["image"]["eyes"] == 100  # without the only one that sees, they say nothing


def test_an_imputation_is_fitted_compared_with_none_and_kept_at_half_precision(
    outcome: BindingOutcome,
) -> None:
    bound, reported = JointSpaceArtifact.load(outcome.folder), outcome.bound.metrics["imputation"]

    assert sorted(one.method for one in bound.imputations) == ["ridge", "skip"]
    assert bound.imputations[0].method == reported["chosen"]
    assert reported["rows"][0].keys() >= {"method", "lost", "mean"}
    assert min(reported["rows"], key=lambda row: row["mean"])["mean"] == next(
        row["mean"] for row in reported["rows"] if row["method"] == reported["chosen"]
    )
    assert {set(row["lost"]) == {"words", "speech"} for row in reported["rows"]} == {True}
    arrays = [array for one in bound.imputations for array in one.state.values()]
    assert {array.dtype for array in arrays} == {np.dtype(np.float16)}
    assert reported["bytes"] == sum(array.nbytes for array in arrays)
    assert bound.losses == bound.imputations[0].losses
    assert bound.losses["text"]["eyes"] == 0, "texts reach that block by other projections"


def test_with_one_text_space_nothing_can_be_imputed(world: World, tmp_path: Path) -> None:
    bound = world.elsewhere(tmp_path / "store").bind(spaces=("words", "eyes")).bound

    assert bound.imputations == ()
    assert bound.losses["text"]["words"] > 50


def test_weight_ranges_hold_the_mean_weights(outcome: BindingOutcome) -> None:
    (router,) = [one for one in outcome.bound.routers if one.modality is Modality.TEXT]

    assert sum(router.mean_weights.values()) == pytest.approx(1, abs=1e-5)
    for block, (low, high) in router.weight_ranges.items():
        assert 0 <= low <= router.mean_weights[block] <= high <= 1


def test_a_second_run_computes_nothing_and_makes_the_same(world: World, outcome: BindingOutcome) -> None:
    again = world.bind()

    assert outcome.made
    assert again.made == ()
    assert again.bound.revision == outcome.bound.revision


def test_an_interrupted_run_goes_on_where_it_was(
    world: World, outcome: BindingOutcome, tmp_path: Path
) -> None:
    other = world.elsewhere(tmp_path / "store")

    def interrupt(message: str) -> None:
        if message == "training the router of text":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        other.bind(interrupt)
    went_on = other.bind()

    assert went_on.made == ("router of text",)
    assert went_on.bound.revision == outcome.bound.revision  # and the same seed makes the same in two stores


def test_a_broken_step_is_computed_again(world: World, outcome: BindingOutcome) -> None:
    (step,) = world.store.steps.glob("router-of-text-*")
    step.write_bytes(step.read_bytes()[:100])

    again = world.bind()

    assert again.made == ("router of text",)
    assert again.bound.revision == outcome.bound.revision


def test_another_seed_makes_another_binding(world: World, outcome: BindingOutcome) -> None:
    assert world.bind(seed=1).bound.revision != outcome.bound.revision


def test_a_randomly_initialised_encoder_is_left_out_with_a_warning_unless_it_is_named(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "cards").mkdir()
    noise = write_words(tmp_path / "cards", "noise", np.random.default_rng(77).random((CLASSES, 3)), 3)
    other = world.elsewhere(tmp_path / "store")
    assert pull([noise], [noise], other.store, Silent()) == []
    other, said = replace(other, cards=[*world.cards, noise]), list[str]()

    bound = other.bind(said.append).bound
    named = other.bind(spaces=("words", "speech", "eyes", "noise")).bound

    assert "noise" not in bound.spaces
    assert any(line.startswith("warning: noise is left out") and "--spaces" in line for line in said)
    assert "adds nothing" in bound.provenance["left_out"]["noise"]
    (row,) = [row for row in bound.metrics["spaces"] if row["space"] == "noise"]
    assert row["without"] > row["with"]
    assert {"words", "speech"} <= bound.spaces.keys(), "the others take part"
    assert "noise" in named.spaces


def test_unknown_spaces_and_methods_are_refused_with_the_choices(world: World) -> None:
    with pytest.raises(NotFound, match="no space is named 'wordz'; did you mean 'words'"):
        world.bind(spaces=("wordz", "eyes"))
    with pytest.raises(NotFound, match="anchor_attention"):
        world.bind(method="magic")
    with pytest.raises(NotFound, match="ridge"):
        world.bind(imputation="magic")
    with pytest.raises(StartupError, match="no classifier with prototypes"):
        world.bind(spaces=("words",))
    apart = replace(world, cards=[card.model_copy(update={"joint": None}) for card in world.cards])
    with pytest.raises(StartupError, match="words is no part of a joint space: its card has no `joint`"):
        apart.bind(spaces=("words", "eyes"))


def test_a_classifier_without_a_linear_layer_is_left_out_and_said_so(world: World, tmp_path: Path) -> None:
    blind = write_card(
        tmp_path, "blind", runtime="image_classifier", modality="image", width=FEATURES,
        kinds=["dense", "labels"], joint="class_names", directory=str(world.folder / "eyes"),
        options={
            "network": "onnx", "weights": "network.onnx", "class_names": "names.json", "size": 8, "crop": 8,
            "mean": 0, "scale": 255, "features_tensor": "pooled", "logits_tensor": "flat",
        },
    )  # fmt: skip
    other = world.elsewhere(tmp_path / "store")
    assert pull([blind], [blind], other.store, Silent()) == []
    heard: list[str] = []

    made = replace(other, cards=[*world.cards, blind]).bind(heard.append)

    assert any("blind is left out: the graph of blind has no linear layer" in line for line in heard)
    assert "blind" not in made.bound.spaces
    assert "linear layer" in made.bound.provenance["left_out"]["blind"]


def test_a_changed_encoder_refuses_the_binding(world: World, outcome: BindingOutcome) -> None:
    served = [card.space for card in world.cards]
    changed = [
        SpaceRef(space.name, "r2" if space.name == "eyes" else space.revision, space.fingerprint)
        for space in served
    ]

    outcome.bound.check(served)
    with pytest.raises(StartupError, match=r"was made with eyes@.*eyes@r2.*tieback bind"):
        outcome.bound.check(changed)


def test_a_projection_has_the_best_of_its_methods_and_one_from_class_names_has_attention(
    world: World, tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(60, 4))
    source, target = (unit_rows(hidden @ draw.normal(size=(4, width))) for width in (WIDTH, 6))
    fitted, unseen = (source[:45], target[:45]), (source[45:], target[45:])
    none = (source[:0], target[:0])
    anchors = Anchors("words -> eyes", world.cards[0], "eyes", fitted, fitted, none, unseen, made_up=False)
    fitter = ProjectionFitter(StepCache(tmp_path), 0, None, lambda _: None)

    chosen = fitter.choose(replace(anchors, choices=("anchor_attention", "affine")))
    by_names = fitter.choose(anchors)

    def worth(method: Any) -> float:
        said = project_inputs([fitter.fit(anchors, *method)[0]], {"words": unseen[0]})["eyes"]
        return float((1 / places(said @ unseen[1].T)).mean())

    assert worth(chosen) == max(worth(by_names), worth(("affine", {})))
    assert by_names[0] == "anchor_attention"


def test_the_command_binds_lists_and_says_how_to_serve(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIEBACK_MODELS", str(world.store.root))
    monkeypatch.setenv("TIEBACK_CARDS", str(world.folder))

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(command, arguments, prog_name="tieback bind")

    made = run(
        "--data",
        str(world.data),
        "--method",
        "anchor_attention",
        "--spaces",
        "words,speech,eyes",
    )
    listed = json.loads(run("list", "--json").stdout)["bindings"]
    plain = run("list")
    unknown = run("--spaces", "wordz")

    assert made.exit_code == 0, made.output
    revision = listed[-1]["revision"]
    assert f"TIEBACK_BINDING={revision} tieback serve" in made.stdout
    assert "text → image" in made.stdout
    assert listed[-1]["spaces"] == ["eyes", "speech", "words"]
    assert revision in plain.stdout
    assert unknown.exit_code == 1
    assert "did you mean 'words'" in unknown.output


def test_the_texts_that_ship_are_found_in_whatever_folder_a_command_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert len(read_corpus([library()]).texts) > TEXTS


def test_the_default_binding_is_made_once_and_again_when_what_it_learns_from_has_changed(
    world: World, tmp_path: Path
) -> None:
    elsewhere, said = world.elsewhere(tmp_path / "store"), list[str]()
    folder = tmp_path / "data"
    shutil.copytree(world.data, folder)

    first = bind_default(world.cards, (), [folder], elsewhere.store, said.append)
    steps = len(said)
    again = bind_default(world.cards, (), [folder], elsewhere.store, said.append)
    (folder / "more.txt").write_text("It rains in the mountains, and the valley is dry for a month.")
    third = bind_default(world.cards, (), [folder], elsewhere.store, said.append)

    assert first is not None
    assert again == first
    assert steps > 0
    assert third not in (None, first)
    default = DefaultBinding.read(elsewhere.store.bound)
    assert default is not None
    assert default.revision == third
    assert JointSpaceArtifact.load(elsewhere.store.bound / default.revision).routers


def test_a_default_binding_with_an_altered_byte_is_made_again(world: World, tmp_path: Path) -> None:
    elsewhere = world.elsewhere(tmp_path / "store")
    first = bind_default(world.cards, (), [world.data], elsewhere.store, print)
    assert first is not None
    state = elsewhere.store.bound / first / STATE
    whole = state.read_bytes()
    state.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    again = bind_default(world.cards, (), [world.data], elsewhere.store, print)

    assert again == first
    assert state.read_bytes() == whole


def test_a_default_binding_of_an_earlier_schema_is_made_again(world: World, tmp_path: Path) -> None:
    store = world.elsewhere(tmp_path / "store").store
    first = bind_default(world.cards, (), [world.data], store, print)
    known = DefaultBinding.read(store.bound)
    assert first is not None
    assert known is not None
    artifact = JointSpaceArtifact.load(store.bound / first)._artifact()
    earlier = replace(artifact, kind=replace(BINDING, schema=BINDING.schema - 1)).save(store.bound)
    DefaultBinding(earlier.name, known.made_from).write(store.bound)

    again = bind_default(world.cards, (), [world.data], store, print)

    assert again == first
    assert DefaultBinding.read(store.bound) == known
    assert stored(store.bound) == [store.bound / first]


def test_no_default_binding_is_made_before_all_models_are_there(world: World, tmp_path: Path) -> None:
    missing = Store(tmp_path / "store")

    assert bind_default(world.cards, (), [world.data], missing, pytest.fail) is None
    assert DefaultBinding.read(missing.bound) is None


def test_no_default_binding_is_made_before_the_photos_are_there_that_it_learns_from(
    world: World, tmp_path: Path
) -> None:
    store = world.elsewhere(tmp_path / "store").store
    photos = Catalog.load().get_media("scikit-image")

    assert bind_default(world.cards, [photos], [world.data], store, pytest.fail) is None
    assert DefaultBinding.read(store.bound) is None
