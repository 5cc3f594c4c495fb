"""One component of a binding is replaced: vectors of what it does not encode stay the same, bit by bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.colours import png
from support.own_encoder import Silent
from support.shade_worlds import plain_world
from support.shades import CLASSES, FEATURES, WIDTH, World, write_dual, write_eyes, write_words
from tieback.catalog.card import EncoderCard
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.types.fusion import FuseRequest, Role
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.recipes.binding import BindingOptions, Replacement, replace_component
from tieback.recipes.binding.bind import BindingOutcome
from tieback.recipes.pull import pull
from tieback.router import Router
from tieback.router.bound import joint_space_of
from tieback.serving.commands.bind import bind as command
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector

PHOTOS = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """With a second text space and a second classifier that nothing is bound with yet."""
    found = plain_world(tmp_path_factory.mktemp("world"))
    colours = np.random.default_rng(5).random((CLASSES, 3))
    more = [
        write_words(found.folder, "talk", colours, 7, optional=True),
        write_eyes(found.folder, "sight", colours, 11).model_copy(update={"optional": True}),
    ]
    assert pull(more, more, found.store, Silent()) == []
    draw = np.random.default_rng(8)
    for number, colour in enumerate((255 * draw.random((PHOTOS, 3))).astype(int)):
        (found.data / f"more{number}.png").write_bytes(png(*(int(one) for one in colour)))
    return replace(found, cards=[*found.cards, *more])


@pytest.fixture(scope="module")
def before(world: World) -> JointSpaceArtifact:
    return world.bind().bound


def replaced(world: World, bound: JointSpaceArtifact, old: str, new: str, **options: Any) -> BindingOutcome:
    given = {"data": (world.data,)} | options
    one = Replacement(old, new)
    return replace_component(bound, one, world.cards, world.store, BindingOptions(**given), lambda _: None)


@pytest.fixture(scope="module")
def other_words(world: World, before: JointSpaceArtifact) -> JointSpaceArtifact:
    return JointSpaceArtifact.load(replaced(world, before, "words", "talk").folder)


@pytest.fixture(scope="module")
def other_eyes(world: World, before: JointSpaceArtifact) -> JointSpaceArtifact:
    return JointSpaceArtifact.load(replaced(world, before, "eyes", "sight").folder)


async def stored(world: World, bound: JointSpaceArtifact, modality: Modality) -> np.ndarray:
    """Vectors of twenty contents, by every encoder of the modality that is bound."""
    cards = [
        card for card in world.cards if card.modality is modality and card.space in bound.spaces.values()
    ]
    router = Router.bound(bound, modalities={card.name: card.modality for card in world.cards})
    inputs = [[encoded(card, number) for card in cards] for number in range(20)]
    reply = await router.fuse(FuseRequest(inputs, role=Role.DOCUMENT), NO_CALL)
    found = [one.vector.values for one in reply.results if isinstance(one, Fused)]
    assert len(found) == len(inputs)
    return np.stack(found)


def encoded(card: EncoderCard, number: int) -> FusePart:
    width = {Modality.TEXT: WIDTH, Modality.IMAGE: FEATURES}[card.modality]
    values = np.abs(np.random.default_rng(number).normal(size=width)).astype(np.float32)
    vector = Vector(values / np.linalg.norm(values), card.space)
    return FusePart(Encoding(card.space, card.modality, vector=vector))


async def test_photos_stay_bit_by_bit_where_a_text_encoder_is_replaced_and_texts_do_not(
    world: World, before: JointSpaceArtifact, other_words: JointSpaceArtifact
) -> None:
    assert other_words.stays == {joint_space_of(before).ref: frozenset({Modality.IMAGE})}
    assert other_words.blocks == before.blocks
    assert set(other_words.spaces) == {"eyes", "speech", "talk"}
    photos = await stored(world, before, Modality.IMAGE)
    texts = await stored(world, before, Modality.TEXT)
    assert np.array_equal(photos, await stored(world, other_words, Modality.IMAGE))
    assert not np.array_equal(texts, await stored(world, other_words, Modality.TEXT))


async def test_texts_stay_bit_by_bit_where_a_classifier_is_replaced(
    world: World, before: JointSpaceArtifact, other_eyes: JointSpaceArtifact
) -> None:
    assert other_eyes.stays == {joint_space_of(before).ref: frozenset({Modality.TEXT})}
    texts = await stored(world, before, Modality.TEXT)
    assert np.array_equal(texts, await stored(world, other_eyes, Modality.TEXT))


def test_what_the_new_encoder_says_is_found_by_the_tasks_of_the_binding_before(
    before: JointSpaceArtifact, other_words: JointSpaceArtifact
) -> None:
    def found(rows: Any) -> dict[str, float]:
        return {row["task"]: row["rows"][0]["value"] for row in rows if row["measure"] == "MRR"}

    told, rows = other_words.metrics["replacement"], other_words.metrics["retrieval"]
    now, then = found(rows), found(told["before"])
    chance = {row["task"]: row["chance"] for row in rows if row["measure"] == "MRR"}

    assert (told["old"], told["new"], told["binding"]) == ("words", "talk", before.revision)
    assert now.keys() == then.keys() >= {"text → image", "image → text"}
    assert all(now[task] > chance[task] + 0.1 for task in now)


def test_the_router_reads_the_new_encoder_in_the_place_of_the_old_one(
    before: JointSpaceArtifact, other_words: JointSpaceArtifact
) -> None:
    one, other = (next(r for r in b.routers if r.modality is Modality.TEXT) for b in (before, other_words))

    assert one.inputs == ("words", "speech")
    assert other.inputs == ("talk", "speech")
    assert np.array_equal(one.state["second"], other.state["second"])
    assert np.array_equal(one.state["first"][WIDTH:], other.state["first"][WIDTH:])
    assert other_words.metrics["decoupling"]["accuracy"] >= 0.9


def test_of_a_series_only_what_no_replacement_touched_stays(
    world: World, before: JointSpaceArtifact, other_words: JointSpaceArtifact
) -> None:
    second = replaced(world, other_words, "eyes", "sight").bound

    assert second.stays == {joint_space_of(other_words).ref: frozenset({Modality.TEXT})}
    assert joint_space_of(before).ref not in second.stays


def test_a_replacement_that_cannot_be_made_is_refused_with_the_reason(
    world: World, before: JointSpaceArtifact, tmp_path: Path
) -> None:
    for old, new, fault in (
        ("wordz", "talk", "did you mean 'words'"),
        ("words", "talkie", "did you mean 'talk'"),
    ):
        with pytest.raises(NotFound, match=fault):
            replaced(world, before, old, new)
    with pytest.raises(InvalidInput, match="speech is in the binding already"):
        replaced(world, before, "words", "speech")
    with pytest.raises(InvalidInput, match="sight encodes image, and words text"):
        replaced(world, before, "words", "sight")
    few = tmp_path / "few"
    few.mkdir()
    (few / "one.png").write_bytes(png(1, 2, 3))
    with pytest.raises(StartupError, match="read 1 of the same contents, and it takes 32"):
        replaced(world, before, "eyes", "sight", data=(few,))
    dual = write_dual(tmp_path, "clip", np.random.default_rng(5).random((CLASSES, 3)))
    with pytest.raises(InvalidInput, match="share a space are bound by each other"):
        replaced(replace(world, cards=[*world.cards, *dual]), before, "words", "clip-text")


def test_the_command_replaces_and_says_what_stays(
    world: World, before: JointSpaceArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEBACK_MODELS", str(world.store.root))
    monkeypatch.setenv("TIEBACK_CARDS", str(world.folder))

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(command, arguments, prog_name="tieback bind")

    given = ("--data", str(world.data), "--replace", "words=talk", "--keep", before.revision)
    made = run(*given)
    told = run(*given, "--json")

    assert made.exit_code == 0, made.output
    assert "Stored vectors of image stay as they are in collections of joint@" in made.output
    assert json.loads(told.stdout)["stays"] == [
        {"space": str(joint_space_of(before).ref), "modalities": ["image"]}
    ]
    for arguments, fault in (
        (("--replace", "words"), "is not OLD=NEW"),
        (("--keep", "x"), "goes with --replace"),
        ((*given, "--spaces", "words"), "--spaces is for binding anew"),
        (("--replace", "words=talk", "--keep", "nowhere"), "there is no binding 'nowhere'"),
    ):
        refused = run(*arguments)
        assert refused.exit_code != 0
        assert fault in refused.output
