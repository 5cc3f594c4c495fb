"""Dual encoders in a binding, planted so that the right pictures are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.own_encoder import Silent
from support.shade_library import CHANCE, Library
from support.shade_worlds import CLIP, PHOTOS, world_with_towers
from support.shades import (
    CLASSES,
    NAMES,
    World,
    write_dual,
)
from tieback.catalog.card import EncoderCard
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.recipes.binding.anchoring import seen_by_both
from tieback.recipes.binding.bind import BindingOutcome
from tieback.recipes.binding.dual_encoders import Shared
from tieback.recipes.fitting.projections import Anchors, ProjectionFitter
from tieback.recipes.pull import pull
from tieback.serving.commands.bind import bind as command
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.fusion import FusePart
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world_with_towers(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def outcome(world: World) -> BindingOutcome:
    return world.bind()


def test_a_shared_space_has_one_block_that_both_its_encoders_enter(
    world: World, outcome: BindingOutcome
) -> None:
    bound = JointSpaceArtifact.load(outcome.folder)
    space = next(card.space for card in world.cards if card.shares)

    (block,) = [one for one in bound.blocks if one.space.name == CLIP]
    assert (block.space, block.modality) == (space, Modality.IMAGE)
    assert block.encodes == (Modality.TEXT, Modality.IMAGE)
    assert set(bound.centres[CLIP]) == {Modality.TEXT, Modality.IMAGE}
    assert bound.revision == outcome.bound.revision
    projected = {(one.source.name, one.block) for one in bound.projections}
    assert {(CLIP, CLIP), ("words", CLIP), (CLIP, "words"), ("eyes", CLIP), (CLIP, "eyes")} <= projected
    assert all(one.source in {card.space for card in world.cards} for one in bound.projections)
    assert len([one for one in bound.projections if one.source.name == one.block == CLIP]) == 1
    assert {router.modality for router in bound.routers} == {Modality.TEXT, Modality.IMAGE}
    assert "extra" not in bound.spaces, "what is optional takes part where it is named"


def test_the_gap_between_the_encoders_of_a_space_is_taken_off(world: World, outcome: BindingOutcome) -> None:
    library = Library(world, outcome.bound)
    texts = library.say("clip-text", [f"a photo of {name}" for name in NAMES[:PHOTOS]])
    photos = library.say("clip-image", library.photos)

    read = library.router.space.adapters[CLIP].read

    def mean_cosine(left: list[Array], right: list[Array]) -> float:
        return float((np.stack(left) @ np.stack(right).T).mean())

    raw = mean_cosine(*([one.vector.values for one in side if one.vector] for side in (texts, photos)))
    entered = mean_cosine(*([read(one)[0] for one in side] for side in (texts, photos)))

    assert raw < -0.1, "towers that were trained apart lie apart"
    assert abs(entered) < 0.05


async def test_words_find_pictures_in_the_shared_block_by_its_own_encoders(
    world: World, outcome: BindingOutcome
) -> None:
    library = Library(world, outcome.bound)

    own = 1 / await library.ranks("clip-text", seen_by=["clip-image"])
    beside = 1 / await library.ranks("words", "speech", "clip-text")

    assert own.mean() > 6 * CHANCE
    assert beside.mean() == pytest.approx(own.mean()), "others impute, and are not used beside it"


@pytest.mark.parametrize("alone", [["words"], ["words", "speech"]])
async def test_another_text_encoder_finds_them_by_its_projection_where_the_own_is_down(
    world: World, outcome: BindingOutcome, alone: list[str]
) -> None:
    library = Library(world, outcome.bound)

    found = 1 / await library.ranks(*alone, seen_by=["clip-image"])

    assert found.mean() > 3 * CHANCE


async def test_a_picture_is_projected_into_text_blocks_from_the_vector_of_its_tower(
    world: World, outcome: BindingOutcome
) -> None:
    library = Library(world, outcome.bound)

    found = 1 / await library.ranks(
        "words", seen_by=["clip-image"], routing=Routing("explicit", {"words": 1.0})
    )

    assert found.mean() > 4 * CHANCE


async def test_a_classifier_and_a_tower_know_each_others_pictures(
    world: World, outcome: BindingOutcome
) -> None:
    library = Library(world, outcome.bound)

    for block, asked, stored in (("eyes", "clip-image", "eyes"), (CLIP, "eyes", "clip-image")):
        routing = Routing("explicit", {block: 1.0})
        queries = await library.fuse(library.photos, [asked], Role.QUERY, routing)
        documents = await library.fuse(library.photos, [stored], Role.DOCUMENT, Routing())
        scores = (
            np.stack([one.vector.values for one in queries])
            @ np.stack([one.vector.values for one in documents]).T
        )
        ranks = 1 + (scores > scores.diagonal()[:, None]).sum(axis=1)
        assert (1 / ranks).mean() > 2 * CHANCE, block


async def test_a_classifier_imputes_the_block_of_a_tower_by_inputs_that_both_have_encoded(
    world: World,
) -> None:
    library = Library(world, world.bind(method="affine").bound)

    routing = Routing("explicit", {CLIP: 1.0})
    queries = await library.fuse(library.photos, ["eyes"], Role.QUERY, routing)
    documents = await library.fuse(library.photos, ["clip-image"], Role.DOCUMENT, Routing())
    scores = (
        np.stack([one.vector.values for one in queries])
        @ np.stack([one.vector.values for one in documents]).T
    )

    assert (1 / (1 + (scores > scores.diagonal()[:, None]).sum(axis=1))).mean() > 4 * CHANCE


def test_which_method_leads_a_classifier_into_a_shared_block_is_chosen_on_real_inputs(
    world: World, tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(200, 8))
    seen, features = (unit_rows(hidden @ draw.normal(size=(8, width))) for width in (14, 12))
    none = (features[:0], seen[:0])
    classes = (features[:6], unit_rows(draw.normal(size=(6, 14))))  # names that say nothing of what is seen
    shared = Shared((seen, features), (seen[:160], features[:160]), (seen[160:], features[160:]))
    eyes = next(card for card in world.cards if card.name == "eyes")

    anchors = seen_by_both(
        Anchors(
            "eyes -> clip", eyes, CLIP, classes, classes, (features[:160], seen[:160]), none, made_up=True
        ),
        shared,
    )
    chosen = ProjectionFitter(StepCache(tmp_path), 0, None, lambda _: None).choose(anchors)

    assert chosen[0] == "affine"


async def test_routers_weight_the_shared_block_and_what_is_lost_has_a_price(
    world: World, outcome: BindingOutcome
) -> None:
    library = Library(world, outcome.bound)
    losses = outcome.bound.losses

    (asked,) = await library.fuse(
        [f"a photo of {NAMES[0]}"], ["words", "speech", "clip-text"], Role.QUERY, Routing()
    )
    (less,) = await library.fuse([f"a photo of {NAMES[0]}"], ["words", "speech"], Role.QUERY, Routing())

    assert not asked.routing.missing
    assert not asked.routing.fallback
    weights = {row["what"]: row["weights"][CLIP] for row in outcome.bound.metrics["weights"]["rows"]}
    assert weights["captions of photos"] > 0.2 > 0.1 > weights["other sentences"]
    assert less.routing.missing == [CLIP]
    assert less.routing.weights[CLIP] > 0, "others stand in"
    assert less.routing.expected_recall_loss == max(0.0, losses["text"][CLIP])
    assert not {"clip-text", "clip-image"} & {name for one in losses.values() for name in one}
    assert losses["image"][CLIP] != losses["text"][CLIP]


async def test_a_photo_is_weighted_by_a_router_that_reads_both_of_its_encoders(
    world: World, outcome: BindingOutcome
) -> None:
    library = Library(world, outcome.bound)

    photo = library.photos[:1]
    (both,) = await library.fuse(photo, ["eyes", "clip-image"], Role.QUERY, Routing())
    (one,) = await library.fuse(photo, ["eyes"], Role.QUERY, Routing())

    assert both.routing.modality == "image"
    assert not both.routing.missing
    assert one.routing.missing == [CLIP]
    assert set(both.routing.weights) == {"words", "speech", "eyes", CLIP}


def test_the_bindings_report_names_what_the_towers_do(outcome: BindingOutcome) -> None:
    metrics = outcome.bound.metrics

    assert {"words -> clip-text", "clip-text -> words", "clip-text -> eyes", "eyes -> clip-text"} <= {
        row["projection"] for row in metrics["training"]
    }
    assert "image (clip-image)" in {row["what"] for row in metrics["weights"]["rows"]}
    assert outcome.bound.provenance["inputs"]["clip-image"] == PHOTOS
    anchors = {row["projection"]: row["anchors"] for row in metrics["training"]}
    assert anchors["eyes -> clip-text"] == CLASSES + PHOTOS, "photos that both see are pairs"


def test_without_photos_the_gap_stays(world: World, tmp_path: Path) -> None:
    (tmp_path / "rain.txt").write_text((world.data / "rain.txt").read_text())

    bound = world.bind(data=(tmp_path,)).bound

    assert not bound.centres
    assert JointSpaceArtifact.load(bound.save(tmp_path)).takes(CLIP, Modality.IMAGE)


async def test_no_classes_are_needed_where_encoders_share_a_space(world: World) -> None:
    chosen = ("words", "clip-text", "clip-image")

    bound = world.bind(spaces=chosen, method="affine").bound
    library = Library(world, bound)
    own = 1 / await library.ranks("words", "clip-text", seen_by=["clip-image"])

    assert not bound.routers, "nothing says what a text speaks of"
    assert own.mean() > 6 * CHANCE


def test_a_text_encoder_whose_towers_are_not_there_is_a_text_space(world: World) -> None:
    heard: list[str] = []

    bound = world.bind(heard.append, spaces=("words", "eyes", "clip-text")).bound

    (block,) = [one for one in bound.blocks if one.space.name == CLIP]
    assert (block.modality, block.encodes) == (Modality.TEXT, (Modality.TEXT,))
    assert not bound.takes(CLIP, Modality.IMAGE)
    assert any("clip-text takes part alone: no other encoder of 'clip' does" in line for line in heard)


def test_a_tower_without_its_text_encoder_is_left_out_and_said_so(world: World) -> None:
    heard: list[str] = []

    bound = world.bind(heard.append, spaces=("words", "eyes", "clip-image")).bound

    assert CLIP not in bound.spaces
    assert "no text encoder of the space 'clip' takes part" in bound.provenance["left_out"]["clip-image"]
    assert any(line.startswith("clip-image is left out") for line in heard)


async def test_an_encoding_of_a_tower_that_was_not_bound_is_refused(world: World) -> None:
    library = Library(world, world.bind(spaces=("words", "eyes", "clip-text")).bound)

    reply = await library.router.fuse(
        FuseRequest([[FusePart(one)] for one in library.say("clip-image", library.photos[:1])]), NO_CALL
    )

    (refusal,) = reply.results
    assert isinstance(refusal, InvalidInput)
    assert str(refusal.field) == "inputs[0].parts[0].encoding.modality"
    assert "bound with the encoder of text" in refusal.message


def test_a_binding_with_a_tower_that_is_not_served_is_refused(world: World, outcome: BindingOutcome) -> None:
    texts = [card for card in world.cards if card.name != "clip-image"]

    outcome.bound.check([card.space for card in world.cards], towers(world.cards))
    with pytest.raises(StartupError, match=r"binds the image encoder of the space 'clip'.*tieback bind"):
        outcome.bound.check([card.space for card in texts], towers(texts))


def towers(cards: Sequence[EncoderCard]) -> set[tuple[SpaceRef, Modality]]:
    return {(card.space, card.modality) for card in cards}


def test_cards_of_one_name_and_two_spaces_are_not_bound(world: World, tmp_path: Path) -> None:
    text = next(card for card in world.cards if card.name == "clip-text")
    _, image = write_dual(tmp_path, CLIP, np.random.default_rng(6).random((CLASSES, 3)))
    other = world.elsewhere(tmp_path / "store")
    assert pull([image], [image], other.store, Silent()) == []

    with pytest.raises(
        StartupError, match="clip-text and clip-image share the name 'clip' and not the space"
    ):
        replace(other, cards=[*world.cards[:3], text, image]).bind()


def test_two_cards_that_encode_the_same_into_one_space_are_not_both_bound(
    world: World, tmp_path: Path
) -> None:
    twin = next(card for card in world.cards if card.name == "clip-text")
    twin = twin.model_copy(update={"name": "clip-passage"})
    other = world.elsewhere(tmp_path / "store")
    assert pull([twin], [twin], other.store, Silent()) == []

    with pytest.raises(StartupError, match="two encode the same modality"):
        replace(other, cards=[*world.cards, twin]).bind()


def test_the_command_binds_what_is_served_though_it_is_optional(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEBACK_MODELS", str(world.store.root))
    monkeypatch.setenv("TIEBACK_CARDS", str(world.folder))
    monkeypatch.setenv("TIEBACK_SPACES", "words,speech,eyes,extra,clip-text,clip-image")

    made = CliRunner().invoke(
        command,
        ["--data", str(world.data), "--method", "anchor_attention", "--json"],
        prog_name="tieback bind",
    )

    assert made.exit_code == 0, made.output
    reported = json.loads(made.stdout)
    assert {"extra", CLIP} <= set(reported["spaces"])


def test_a_second_run_computes_nothing_and_makes_the_same(world: World, outcome: BindingOutcome) -> None:
    again = world.bind()

    assert again.made == ()
    assert again.bound.revision == outcome.bound.revision


@pytest.mark.parametrize("spaces", [(), ("words", "clip-text", "clip-image")], ids=["all", "no classes"])
def test_pairs_of_the_users_are_measured_by_what_the_tower_sees(
    world: World, tmp_path: Path, spaces: tuple[str, ...]
) -> None:
    pairs = [
        {"text": f"a photo of {NAMES[number]}", "image": str(world.data / f"{number:02}.png")}
        for number in range(40)
    ]
    anchors = tmp_path / "pairs.jsonl"
    anchors.write_text("\n".join(map(json.dumps, pairs)))

    metrics = world.bind(spaces=spaces, anchors=anchors, method="affine").bound.metrics

    found = {row["task"]: row for row in metrics["retrieval"] if row["measure"] == "MRR"}
    for task in ("text → image (your pairs)", "image → text (your pairs)"):
        rows = {row["name"].removeprefix("best single: "): row["value"] for row in found[task]["rows"]}
        own = next(value for name, value in rows.items() if name.startswith(CLIP))
        assert own > 1.5 * found[task]["chance"]
