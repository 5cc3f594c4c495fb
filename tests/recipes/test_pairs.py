"""Encoders without classes become members of a binding: by solids that are made, or by the user's pairs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.colours import png
from support.own_encoder import Silent
from support.small_spaces import write_colours, write_shapes, write_words
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.joint.projecting import project_inputs
from tieback.joint.retrieval import places
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.binding import BindingOptions, bind
from tieback.recipes.binding.bind import BindingOutcome
from tieback.recipes.pull import pull
from tieback.recipes.train.encoding import encode
from tieback.serving.commands.bind import bind as command
from tieback.training.solids import SOLIDS, cloud
from tieback_contract.modality import Modality

WIDTH = 24
SHADES = [f"shade{number}" for number in range(40)]
RAIN = ["the", "rain", "fell", "on", "an", "empty", "street", "at", "night", "."]
SAID = ["a", "3D", "model", "of", "point", "cloud", "shape", "in", "photo", "picture", *RAIN]


@dataclass(frozen=True)
class World:
    """A text space, one of shapes and one of colours in a store, with rain and pictures beside them."""

    cards: list[EncoderCard]
    store: Store
    data: Path
    folder: Path

    def bind(self, say: Callable[[str], None] = lambda _: None, **options: Any) -> BindingOutcome:
        given: dict[str, Any] = {"data": (self.data,), "steps": 60} | options
        return bind(self.cards, self.store, BindingOptions(**given), say)

    def elsewhere(self, folder: Path) -> World:
        shutil.copytree(
            self.store.root,
            folder,
            ignore=shutil.ignore_patterns(self.store.steps.name, self.store.bound.name),
        )
        return replace(self, store=Store(folder))

    def pairs(self, path: Path, count: int = 40, **more: Any) -> Path:
        lines = [{"text": SHADES[n], "image": str(self.data / f"{n}.png")} for n in range(count)]
        path.write_text("\n".join(json.dumps(line) for line in [*lines, *([more] if more else [])]))
        return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Words that name a solid or a shade lie where a linear map leads what the encoder says of it, nearly."""
    folder = tmp_path_factory.mktemp("pairs")
    draw = np.random.default_rng(3)
    shapes = write_shapes(folder, "shapes")
    clouds = [Content(Modality.POINTS, cloud(number, 99, 7)) for number in range(len(SOLIDS))]
    seen = encode(load_encoder(shapes, Store(folder / "none")), clouds).dense
    seen = unit_rows(seen - seen.mean(axis=0)) @ draw.normal(size=(seen.shape[1], WIDTH))
    colours = draw.random((len(SHADES), 3))
    painted = (colours - colours.mean(axis=0)) @ draw.normal(size=(3, WIDTH)) * 4
    words = {word: 0.1 * draw.normal(size=WIDTH) for word in SAID}
    words |= {one.name.split()[0]: row for one, row in zip(SOLIDS, seen, strict=True)}
    words |= dict(zip(SHADES, painted, strict=True))
    cards = [write_words(folder, "words", words), shapes, write_colours(folder, "colours")]
    store = Store(folder / "store")
    assert pull(cards, cards, store, Silent()) == []
    data = folder / "data"
    data.mkdir()
    (data / "rain.txt").write_text(" ".join("The " + " ".join(draw.choice(RAIN, 7)) + "." for _ in range(40)))
    for number, colour in enumerate((255 * colours).astype(int)):
        (data / f"{number}.png").write_bytes(png(*(int(one) for one in colour)))
    return World(cards, store, data, folder)


@pytest.fixture(scope="module")
def outcome(world: World, tmp_path_factory: pytest.TempPathFactory) -> BindingOutcome:
    return world.bind(anchors=world.pairs(tmp_path_factory.mktemp("anchors") / "pairs.jsonl"))


def test_shapes_and_an_own_encoder_have_blocks_paths_and_routers(outcome: BindingOutcome) -> None:
    bound = JointSpaceArtifact.load(outcome.folder)

    assert {block.space.name: block.modality for block in bound.blocks} == {
        "colours": Modality.IMAGE, "shapes": Modality.POINTS, "words": Modality.TEXT,
    }  # fmt: skip
    projected = {(one.source.name, one.block) for one in bound.projections}
    assert projected >= {("words", "shapes"), ("shapes", "words"), ("words", "colours"), ("colours", "words")}
    assert {(one.source.name, one.method) for one in bound.projections} >= {("shapes", "subspace")}
    routers = {router.modality: router for router in bound.routers}
    assert {modality: one.inputs for modality, one in routers.items()} == {
        Modality.TEXT: ("words",), Modality.IMAGE: (), Modality.POINTS: (),
    }  # fmt: skip
    assert routers[Modality.POINTS].weight_ranges.keys() == {"colours", "shapes", "words"}
    assert bound.losses["points"]["shapes"] > 50  # without the only one that sees, they say nothing


def test_things_that_no_fit_has_seen_are_told_by_their_names(outcome: BindingOutcome) -> None:
    reported = outcome.bound.metrics["pairs"]

    assert reported["shapes"]["unseen_things"] | {"accuracy": 0} == {"inputs": 64, "texts": 8, "accuracy": 0}
    assert reported["shapes"]["unseen_things"]["accuracy"] > 2 / 8
    assert reported["shapes"]["new_samples"]["accuracy"] > 0.3
    assert reported["colours"]["unseen_things"]["accuracy"] > 0.3
    tasks = {row["task"] for row in outcome.bound.metrics["retrieval"]}
    assert tasks >= {"text → points", "points → text", "text → image", "image → text"}


def test_texts_that_speak_of_3d_models_are_told_from_others(outcome: BindingOutcome) -> None:
    decoupling = outcome.bound.metrics["decoupling"]

    assert decoupling["classes"] == ["points", "text"]  # a shade's name does not say that it is a picture
    assert decoupling["accuracy"] >= 0.75
    (text,) = [one for one in outcome.bound.routers if one.modality is Modality.TEXT]
    assert 0 <= text.mean_weights["shapes"] <= 1


def test_the_members_are_in_every_number_of_the_report(outcome: BindingOutcome) -> None:
    metrics = outcome.bound.metrics

    spaces = metrics["alignment"]["spaces"]
    words, shapes = spaces.index("words"), spaces.index("shapes")
    assert metrics["alignment"]["after"][words][shapes] > 0
    assert metrics["alignment"]["before"][words][shapes] is None, "nothing of it had a name"
    what = {row["what"] for row in metrics["weights"]["rows"]}
    assert what >= {"captions of 3D models", "solids (shapes)", "your pairs (colours)"}
    assert {row["projection"] for row in metrics["training"]} >= {"shapes -> words", "words -> shapes"}
    asked = {row["query"] for row in metrics["neighbours"]}
    assert asked & {one.name for one in SOLIDS}


def test_a_second_run_computes_nothing_and_makes_the_same(
    world: World, outcome: BindingOutcome, tmp_path: Path
) -> None:
    again = world.bind(anchors=world.pairs(tmp_path / "pairs.jsonl"))

    assert again.made == ()
    assert again.bound.revision == outcome.bound.revision


def test_too_few_pairs_leave_an_encoder_out_and_say_how_many_it_needs(world: World, tmp_path: Path) -> None:
    heard: list[str] = []

    few = world.bind(heard.append, spaces=()).bound

    assert "colours" not in few.spaces
    why = few.provenance["left_out"]["colours"]
    assert "bound by pairs of a text and a picture, and there are 0; binding it needs 8" in why
    assert any(line.startswith("colours is left out: ") for line in heard)
    with pytest.raises(
        InvalidInput, match=r"line 1: no space that is bound reads image; colours: .* needs 8"
    ):
        world.bind(anchors=world.pairs(tmp_path / "few.jsonl", 7))


def test_eight_pairs_bind_an_encoder_and_are_all_fitted_with(world: World, tmp_path: Path) -> None:
    bound = world.bind(spaces=("words", "colours"), anchors=world.pairs(tmp_path / "few.jsonl", 8)).bound

    anchors = {row["projection"]: row["anchors"] for row in bound.metrics["training"]}
    assert anchors == {"words -> colours": 8, "colours -> words": 8}
    assert bound.metrics["pairs"]["colours"] == {"rows": 8, "things": 8, "projections": []}
    assert bound.metrics["retrieval"] == []


def test_a_named_encoder_that_cannot_be_bound_is_an_error(world: World, tmp_path: Path) -> None:
    anchors = world.pairs(tmp_path / "pairs.jsonl")

    with pytest.raises(
        InvalidInput, match=r"colours cannot be bound: .* there are 0; .* needs 8: .* --anchors"
    ):
        world.bind(spaces=("words", "shapes", "colours"))
    with pytest.raises(InvalidInput, match=r"there are 40; projector_ensemble needs 45"):
        world.bind(spaces=("words", "colours"), anchors=anchors, method="projector_ensemble")
    with pytest.raises(StartupError, match="nothing to bind to the text spaces: it is bound by pairs"):
        replace(world, cards=[world.cards[0], world.cards[2]]).bind()


def test_without_text_spaces_or_anything_else_there_is_nothing_to_bind(world: World) -> None:
    with pytest.raises(StartupError, match="no text space with a block"):
        world.bind(spaces=("shapes",))


def test_a_users_clouds_are_anchors_too(world: World, tmp_path: Path) -> None:
    lines = []
    for number in range(20):
        np.save(tmp_path / f"{number}.npy", cloud(number, 50, 1))
        lines.append({"text": SOLIDS[number].name, "points": f"{number}.npy"})
    anchors = tmp_path / "pairs.jsonl"
    anchors.write_text("\n".join(json.dumps(line) for line in lines))

    bound = world.bind(anchors=anchors, spaces=("words", "shapes")).bound

    plain = world.bind(spaces=("words", "shapes")).bound
    fitted = [
        next(row["anchors"] for row in one.metrics["training"] if row["projection"] == "shapes -> words")
        for one in (plain, bound)
    ]
    assert fitted[1] == fitted[0] + 20
    assert "text → points (your pairs)" in {row["task"] for row in bound.metrics["retrieval"]}


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("cloud.npy", b"no array", "no point cloud: it is no .npy"),
        ("cloud.xyz", b"0 0 0\n" * 20, "fewer than 8 points that differ"),
        ("cloud.csv", b"0,0,0\n0,nan,0\n", "point 2 is not finite"),
        ("cloud.stl", b"solid", "known are .csv, .npy, .ply, .txt, .xyz"),
    ],
)
def test_a_bad_cloud_is_refused_by_its_line(
    world: World, tmp_path: Path, name: str, data: bytes, fault: str
) -> None:
    (tmp_path / name).write_bytes(data)
    np.save(tmp_path / "good.npy", cloud(0, 50, 1))
    anchors = tmp_path / "pairs.jsonl"
    lines = [{"text": "sphere", "points": "good.npy"}, {"text": "cube", "points": name}]
    anchors.write_text("\n".join(json.dumps(line) for line in lines))

    with pytest.raises(InvalidInput, match=rf"pairs\.jsonl, line 2: .*{fault}") as refusal:
        world.bind(anchors=anchors, spaces=("words", "shapes"))

    assert str(refusal.value.field) == "anchors"


def test_the_same_content_twice_is_refused_by_its_line(world: World, tmp_path: Path) -> None:
    shutil.copy(world.data / "0.png", tmp_path / "again.png")
    anchors = world.pairs(tmp_path / "pairs.jsonl", text=SHADES[0], image="again.png")

    with pytest.raises(InvalidInput, match="line 41: this says the same as line 1; give each once"):
        world.bind(anchors=anchors, spaces=("words", "colours"))


def test_a_modality_that_no_member_reads_is_refused_by_its_line(world: World, tmp_path: Path) -> None:
    np.save(tmp_path / "cube.npy", cloud(1, 50, 1))
    anchors = world.pairs(tmp_path / "pairs.jsonl", text="cube", points="cube.npy")

    with pytest.raises(InvalidInput, match="line 41: no space that is bound reads points"):
        world.bind(anchors=anchors, spaces=("words", "colours"))


@pytest.mark.all
def test_views_of_clouds_are_weighed_against_texts_alone(world: World, tmp_path: Path) -> None:
    """Colours tell nothing of shapes, so views cannot help; both are tried and reported all the same."""
    folder = tmp_path / "cards"
    folder.mkdir()
    named = write_colours(folder, "named", SHADES[:20], joint="class_names")
    other = world.elsewhere(tmp_path / "store")
    assert pull([named], [named], other.store, Silent()) == []

    bound = replace(other, cards=[*world.cards[:2], named]).bind().bound

    compared = bound.metrics["pairs"]["shapes"]["projections"]
    (reported,) = [row for row in compared if row["projection"] == "shapes -> words"]
    assert reported["validation"].keys() >= {"anchor_attention", "texts alone", "texts and views"}
    assert reported["chosen"] == max(reported["validation"], key=reported["validation"].get)
    assert reported["held_out"]["texts and views"] is not None
    trained = next(row for row in bound.metrics["training"] if row["projection"] == "shapes -> words")
    assert ("views" in trained) == (reported["chosen"] == "texts and views")
    forced = replace(other, cards=[*world.cards[:2], named]).bind(method="joint_views").bound
    trained = next(row for row in forced.metrics["training"] if row["projection"] == "shapes -> words")
    assert trained["views"] == 4


def test_an_encoder_of_pairs_stands_beside_one_of_classes(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "cards"
    folder.mkdir()
    named = write_colours(folder, "named", SHADES[:20], joint="class_names")
    other = world.elsewhere(tmp_path / "store")
    assert pull([named], [named], other.store, Silent()) == []
    cards = [world.cards[0], world.cards[2], named]

    bound = replace(other, cards=cards).bind(anchors=world.pairs(tmp_path / "pairs.jsonl")).bound

    (router,) = [one for one in bound.routers if one.modality is Modality.IMAGE]
    assert router.parameters["weights"].keys() >= {"named", "colours"}
    assert {one.source.name for one in bound.projections if one.block == "words"} == {
        "words",
        "named",
        "colours",
    }
    anchors = {row["projection"]: row["anchors"] for row in bound.metrics["training"]}
    assert anchors["named -> words"] >= 60, "its classes, and the pairs"
    assert anchors["colours -> words"] == 40
    (reported,) = [row for row in bound.metrics["weights"]["rows"] if row["what"] == "your pairs (colours)"]
    assert reported["weights"].keys() == {"colours", "named", "words"}


def test_what_is_optional_is_bound_where_it_is_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shapes(world.folder, "spare", optional=True)
    monkeypatch.setenv("TIEBACK_MODELS", str(world.store.root))
    monkeypatch.setenv("TIEBACK_CARDS", str(world.folder))

    def bound(*words: str) -> list[str]:
        out = tmp_path / "-".join(words or ("default",))
        asked = ["--data", str(world.data), "--steps", "10", "--out", str(out), "--json", *words]
        result = CliRunner().invoke(command, asked, prog_name="tieback bind")
        assert result.exit_code == 0, result.output
        return sorted(json.loads(result.stdout)["spaces"])

    assert bound() == ["shapes", "words"]
    assert bound("--spaces", "words,spare") == ["spare", "words"]


def test_a_cloud_enters_the_block_of_shapes_and_the_texts_near_its_name(
    world: World, outcome: BindingOutcome
) -> None:
    shapes, words = world.cards[1], world.cards[0]
    clouds = [Content(Modality.POINTS, cloud(number, 50, 11)) for number in range(len(SOLIDS))]
    seen = encode(load_encoder(shapes, world.store), clouds).dense
    texts = [Content(Modality.TEXT, one.name) for one in SOLIDS]
    said = encode(load_encoder(words, world.store), texts).dense

    entered = project_inputs(outcome.bound.projections, {"shapes": seen})["words"]

    ranks = places(entered @ said.T)
    assert ranks.mean() < 12  # of 50; by chance 25
