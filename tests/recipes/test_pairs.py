"""Encoders without classes become members of a binding by the user's pairs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
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
from tieback_contract.modality import Modality
from tieback_lab.training.solids import SOLIDS, cloud

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

    def pairs(self, path: Path, count: int = 40, clouds: int = 0, **more: Any) -> Path:
        lines = [{"text": SHADES[n], "image": str(self.data / f"{n}.png")} for n in range(count)]
        for copy, (number, one) in product(range(clouds), enumerate(SOLIDS)):
            np.save(path.parent / f"{number}-{copy}.npy", cloud(number, copy, 0))
            lines.append({"text": one.name, "points": f"{number}-{copy}.npy"})
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
    return world.bind(anchors=world.pairs(tmp_path_factory.mktemp("anchors") / "pairs.jsonl", clouds=4))


def test_shapes_and_an_own_encoder_have_blocks_projections_and_routers(outcome: BindingOutcome) -> None:
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


def test_inputs_that_were_held_out_are_told_by_their_texts(outcome: BindingOutcome) -> None:
    reported = outcome.bound.metrics["pairs"]

    assert (reported["shapes"]["rows"], reported["shapes"]["things"]) == (200, 50)
    assert reported["shapes"]["held_out"]["inputs"] == 40
    assert reported["shapes"]["held_out"]["accuracy"] > 0.3
    assert reported["colours"]["held_out"]["accuracy"] > 0.3
    tasks = {row["task"] for row in outcome.bound.metrics["retrieval"]}
    assert tasks >= {"text → points", "points → text", "text → image", "image → text"}


def test_the_members_are_in_every_number_of_the_report(outcome: BindingOutcome) -> None:
    metrics = outcome.bound.metrics

    what = {row["what"] for row in metrics["weights"]["rows"]}
    assert what >= {"other sentences", "your pairs (shapes)", "your pairs (colours)"}
    assert {row["projection"] for row in metrics["training"]} >= {"shapes -> words", "words -> shapes"}


def test_a_second_run_computes_nothing_and_makes_the_same(
    world: World, outcome: BindingOutcome, tmp_path: Path
) -> None:
    again = world.bind(anchors=world.pairs(tmp_path / "pairs.jsonl", clouds=4))

    assert again.made == ()
    assert again.bound.revision == outcome.bound.revision


def test_too_few_pairs_leave_an_encoder_out_and_say_how_many_it_needs(world: World, tmp_path: Path) -> None:
    heard: list[str] = []

    few = world.bind(heard.append, anchors=world.pairs(tmp_path / "clouds.jsonl", 0, clouds=1)).bound

    assert "colours" not in few.spaces
    why = few.provenance["left_out"]["colours"]
    assert "bound by pairs of a text and a picture, and there are 0; binding it needs 8" in why
    assert any(line.startswith("colours is left out: ") for line in heard)
    with pytest.raises(
        InvalidInput, match=r"line 1: no space that is bound reads image; colours: .* needs 8"
    ):
        world.bind(anchors=world.pairs(tmp_path / "few.jsonl", 7, clouds=1))


def test_eight_pairs_bind_an_encoder_and_are_all_fitted_with(world: World, tmp_path: Path) -> None:
    bound = world.bind(spaces=("words", "colours"), anchors=world.pairs(tmp_path / "few.jsonl", 8)).bound

    anchors = {row["projection"]: row["anchors"] for row in bound.metrics["training"]}
    assert anchors == {"words -> colours": 8, "colours -> words": 8}
    assert bound.metrics["pairs"]["colours"] == {"rows": 8, "things": 8}
    assert bound.metrics["retrieval"] == []


def test_a_named_encoder_that_cannot_be_bound_is_an_error(world: World, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"colours cannot be bound: .* there are 0; .* needs 8: .* --anchors"
    ):
        world.bind(spaces=("words", "colours"))
    with pytest.raises(InvalidInput, match=r"there are 10; procrustes needs 13"):
        few = world.pairs(tmp_path / "few.jsonl", 10)
        world.bind(spaces=("words", "colours"), anchors=few, method="procrustes")
    with pytest.raises(StartupError, match="nothing to bind to the text spaces: it is bound by pairs"):
        replace(world, cards=[world.cards[0], world.cards[2]]).bind()


def test_without_text_spaces_or_anything_else_there_is_nothing_to_bind(world: World) -> None:
    with pytest.raises(StartupError, match="no text space with a block"):
        world.bind(spaces=("shapes",))


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
    anchors = world.pairs(tmp_path / "pairs.jsonl", 0, clouds=1, text="cube", points=name)

    with pytest.raises(InvalidInput, match=rf"pairs\.jsonl, line 51: .*{fault}") as refusal:
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

    anchors = world.pairs(tmp_path / "pairs.jsonl", 0, clouds=1)

    def bound(*words: str) -> list[str]:
        out = tmp_path / "-".join(words or ("default",))
        asked = ["--data", str(world.data), "--anchors", str(anchors), "--out", str(out), "--json", *words]
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
