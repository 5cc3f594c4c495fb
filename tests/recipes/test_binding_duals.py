"""Dual encoders and sparse spaces in a binding, planted so that the right pictures are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.colours import png
from support.own_encoder import Silent, encodings
from support.shades import (
    CLASSES,
    NAMES,
    World,
    sentences,
    write_dual,
    write_eyes,
    write_terms,
    write_words,
)
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, SpaceMismatch, StartupError
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.core.types.encoding import Encoding
from tieback.core.types.fusion import Fused, FusePart, Role, Routing
from tieback.core.types.vectors import SpaceRef, SparseVector, Vector
from tieback.methods.projection import unit_rows
from tieback.models.bound_space import BoundSpace
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.binding import terms as terms_recipe
from tieback.recipes.binding.bind import Outcome
from tieback.recipes.binding.duals import Shared, seen_by_both
from tieback.recipes.binding.project import Anchored, PathFitter
from tieback.recipes.binding.work_folder import WorkFolder
from tieback.recipes.pull import pull
from tieback.router import Router
from tieback.serving.commands.bind import bind as command

PHOTOS = 48
CLIP = "clip"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    draw = np.random.default_rng(5)
    colours = draw.random((CLASSES, 3))
    cards = [
        write_words(folder, "words", colours, 1),
        write_words(folder, "speech", colours, 2),
        write_eyes(folder, "eyes", colours),
        *write_dual(folder, CLIP, colours),
        write_terms(folder, "terms"),
    ]
    store = Store(folder / "store")
    assert pull(cards, cards, store, Silent()) == []
    data = folder / "data"
    data.mkdir()
    (data / "rain.txt").write_text(" ".join(sentences(draw)))
    for number, colour in enumerate(255 * colours[:PHOTOS]):
        (data / f"{number:02}.png").write_bytes(png(*(int(one) for one in colour)))
    return World(cards, store, data, folder)


@pytest.fixture(scope="module")
def outcome(world: World) -> Outcome:
    return world.bind()


class Library:
    """The photos of shades in a bound space, and texts that look for them, through the router that serves."""

    def __init__(self, world: World, bound: BoundSpace) -> None:
        self.models = {card.name: load_encoder(card, world.store) for card in world.cards}
        self.router = Router.bound(bound, modalities={card.name: card.modality for card in world.cards})
        self.photos = tuple((world.data / f"{number:02}.png").read_bytes() for number in range(PHOTOS))

    def say(self, encoder: str, contents: Sequence[Any]) -> list[Encoding]:
        card = self.models[encoder].card
        return [
            Encoding(
                card.space,
                card.modality,
                dense=None if one.dense is None else Vector(card.space, one.dense),
                sparse=None if one.sparse is None else SparseVector(card.space, *one.sparse),
            )
            for one in encodings(self.models[encoder], tuple(contents))
        ]

    async def fuse(
        self, contents: Sequence[Any], encoders: Sequence[str], role: Role, routing: Routing
    ) -> list[Fused]:
        said = [self.say(encoder, contents) for encoder in encoders]
        inputs = [[FusePart(one) for one in together] for together in zip(*said, strict=True)]
        reply = await self.router.fuse(inputs, role=role, routing=routing)
        assert all(isinstance(one, Fused) for one in reply.results), reply.results
        return [one for one in reply.results if isinstance(one, Fused)]

    async def ranks(
        self, *encoders: str, seen_by: Sequence[str] = ("eyes", "clip-image"), routing: Routing | None = None
    ) -> Array:
        """The place of the right photo for the caption of every photo."""
        routing = routing or Routing("explicit", {CLIP: 1.0})
        texts = [f"a photo of {name}" for name in NAMES[:PHOTOS]]
        asked = await self.fuse(texts, encoders, Role.QUERY, routing)
        stored = await self.fuse(self.photos, seen_by, Role.DOCUMENT, Routing())
        scores = (
            np.stack([one.vector.values for one in asked]) @ np.stack([one.vector.values for one in stored]).T
        )
        return np.asarray(1 + (scores > scores.diagonal()[:, None]).sum(axis=1))


CHANCE = float((1 / np.arange(1, PHOTOS + 1)).mean())


def test_a_shared_space_has_one_block_that_both_its_encoders_enter(world: World, outcome: Outcome) -> None:
    bound = BoundSpace.load(outcome.folder)
    space = next(card.space for card in world.cards if card.shares)

    (block,) = [one for one in bound.blocks if one.space.name == CLIP]
    assert (block.space, block.modality) == (space, Modality.IMAGE)
    assert block.encodes == (Modality.TEXT, Modality.IMAGE)
    assert set(bound.centres[CLIP]) == {Modality.TEXT, Modality.IMAGE}
    assert bound.revision == outcome.bound.revision
    ways = {(path.source.name, path.block) for path in bound.paths}
    assert {(CLIP, CLIP), ("words", CLIP), (CLIP, "words"), ("eyes", CLIP), (CLIP, "eyes")} <= ways
    assert all(path.source in {card.space for card in world.cards} for path in bound.paths)
    assert len([path for path in bound.paths if path.source.name == path.block == CLIP]) == 1
    assert {router.modality for router in bound.routers} == {Modality.TEXT, Modality.IMAGE}
    assert "terms" not in bound.spaces, "what is optional takes part where it is named"


def test_the_gap_between_the_encoders_of_a_space_is_taken_off(world: World, outcome: Outcome) -> None:
    library = Library(world, outcome.bound)
    texts = library.say("clip-text", [f"a photo of {name}" for name in NAMES[:PHOTOS]])
    photos = library.say("clip-image", library.photos)

    read = library.router.space.entrances[CLIP].read

    def mean_cosine(left: list[Array], right: list[Array]) -> float:
        return float((np.stack(left) @ np.stack(right).T).mean())

    raw = mean_cosine(*([one.dense.values for one in side if one.dense] for side in (texts, photos)))
    entered = mean_cosine(*([read(one)[0] for one in side] for side in (texts, photos)))

    assert raw < -0.1, "towers that were trained apart lie apart"
    assert abs(entered) < 0.05


async def test_words_find_pictures_in_the_shared_block_by_its_own_encoders(
    world: World, outcome: Outcome
) -> None:
    library = Library(world, outcome.bound)

    own = 1 / await library.ranks("clip-text", seen_by=["clip-image"])
    beside = 1 / await library.ranks("words", "speech", "clip-text")

    assert own.mean() > 6 * CHANCE
    assert beside.mean() == pytest.approx(own.mean()), "others stand in, and are not heard beside it"


@pytest.mark.parametrize("alone", [["words"], ["words", "speech"]])
async def test_what_another_text_encoder_says_finds_them_by_its_path_where_the_own_is_down(
    world: World, outcome: Outcome, alone: list[str]
) -> None:
    library = Library(world, outcome.bound)

    found = 1 / await library.ranks(*alone, seen_by=["clip-image"])

    assert found.mean() > 3 * CHANCE


async def test_a_picture_says_in_text_blocks_what_its_tower_sees(world: World, outcome: Outcome) -> None:
    library = Library(world, outcome.bound)

    found = 1 / await library.ranks(
        "words", seen_by=["clip-image"], routing=Routing("explicit", {"words": 1.0})
    )

    assert found.mean() > 4 * CHANCE


async def test_a_classifier_and_a_tower_know_each_others_pictures(world: World, outcome: Outcome) -> None:
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


async def test_a_classifier_stands_in_for_a_tower_by_what_both_have_seen(world: World) -> None:
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
        Anchored(
            "eyes -> clip", eyes, CLIP, classes, classes, (features[:160], seen[:160]), none, made_up=True
        ),
        shared,
    )
    chosen = PathFitter(WorkFolder(tmp_path), 0, None, lambda _: None).choose(anchors)

    assert "affine" in {name for name, _ in chosen}


async def test_routers_weight_the_shared_block_and_what_is_lost_has_a_price(
    world: World, outcome: Outcome
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
    world: World, outcome: Outcome
) -> None:
    library = Library(world, outcome.bound)

    photo = library.photos[:1]
    (both,) = await library.fuse(photo, ["eyes", "clip-image"], Role.QUERY, Routing())
    (one,) = await library.fuse(photo, ["eyes"], Role.QUERY, Routing())

    assert both.routing.modality == "image"
    assert not both.routing.missing
    assert one.routing.missing == [CLIP]
    assert set(both.routing.weights) == {"words", "speech", "eyes", CLIP}


def test_the_bindings_report_names_what_the_towers_do(outcome: Outcome) -> None:
    metrics = outcome.bound.metrics

    assert {"words -> clip-text", "clip-text -> words", "clip-text -> eyes", "eyes -> clip-text"} <= {
        row["path"] for row in metrics["training"]
    }
    assert "image (clip-image)" in {row["what"] for row in metrics["weights"]["rows"]}
    assert outcome.bound.provenance["inputs"]["clip-image"] == PHOTOS
    anchors = {row["path"]: row["anchors"] for row in metrics["training"]}
    assert anchors["eyes -> clip-text"] == CLASSES + PHOTOS, "photos that both see are pairs"


def test_without_photos_the_gap_stays(world: World, tmp_path: Path) -> None:
    (tmp_path / "rain.txt").write_text((world.data / "rain.txt").read_text())

    bound = world.bind(data=(tmp_path,)).bound

    assert not bound.centres
    assert BoundSpace.load(bound.save(tmp_path)).takes(CLIP, Modality.IMAGE)


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
        [[FusePart(one)] for one in library.say("clip-image", library.photos[:1])]
    )

    (refusal,) = reply.results
    assert isinstance(refusal, InvalidInput)
    assert str(refusal.field) == "inputs[0].parts[0].encoding.modality"
    assert "bound with the encoder of text" in refusal.message


def test_a_binding_with_a_tower_that_is_not_served_is_refused(world: World, outcome: Outcome) -> None:
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


NAMED = ("words", "speech", "eyes", "terms")


async def test_a_sparse_space_that_is_named_enters_every_block_by_its_terms(world: World) -> None:
    bound = world.bind(spaces=NAMED).bound
    loaded = BoundSpace.load(bound.save(world.folder / "bound"))
    library = Library(world, loaded)

    ways = {path.block: path for path in loaded.paths if path.source.name == "terms"}
    assert set(ways) == {"words", "speech", "eyes"}
    assert {(path.reads, path.method) for path in ways.values()} == {("sparse", "term_weights")}
    assert all(path.state["vectors"].dtype == np.float16 for path in ways.values())
    found = 1 / await library.ranks("terms", seen_by=["eyes"], routing=Routing("explicit", {"eyes": 1.0}))
    assert found.mean() > 4 * CHANCE
    assert set(bound.losses["text"]) >= {"terms"}
    assert {row["block"] for row in bound.metrics["terms"]} == {"words", "speech", "eyes"}


def test_a_sparse_space_that_does_not_pay_is_left_out_and_said_by_how_much(world: World) -> None:
    served = [card.model_copy(update={"optional": False}) for card in world.cards]
    heard: list[str] = []

    bound = replace(world, cards=served).bind(heard.append).bound

    (line,) = [line for line in heard if line.startswith("terms ")]
    taken = {row["block"] for row in bound.metrics["terms"] if row["taken"]}
    assert {path.block for path in bound.paths if path.source.name == "terms"} == taken
    assert all((row["with"] - row["without"] >= 0.02) is row["taken"] for row in bound.metrics["terms"])
    assert "with its terms" in line
    if not taken:
        assert "its terms help in no block" in bound.provenance["left_out"]["terms"]


def test_only_whole_words_lead_and_no_more_than_the_heaviest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms_recipe, "MOST_TERMS", 10)
    card = next(card for card in world.cards if card.name == "terms")
    names = load_encoder(card, world.store).terms  # type: ignore[attr-defined]  # it is sparse

    bound = world.bind(spaces=NAMED).bound

    path = next(path for path in bound.paths if path.source.name == "terms")
    words = [names[number] for number in path.state["terms"]]
    assert len(words) == 10
    assert all(word.isalpha() for word in words)
    assert {"photo", "of"} <= set(words), "every caption has them"


def test_a_vocabulary_of_another_size_than_the_cards_width_is_not_bound(world: World) -> None:
    card = next(card for card in world.cards if card.name == "terms")
    model = load_encoder(card, world.store)
    _ = model.terms  # type: ignore[attr-defined]  # it is sparse; the names are kept
    model.card = card.model_copy(update={"width": card.width + 1})

    with pytest.raises(StartupError, match=f"has {card.width} terms, and its card says width"):
        terms_recipe.whole_words(model)


async def test_a_sparse_encoding_of_another_revision_is_refused(world: World) -> None:
    library = Library(world, world.bind(spaces=NAMED).bound)
    (said,) = library.say("terms", ["a photo"])
    other = SpaceRef("terms", "older", said.space.fingerprint)

    reply = await library.router.fuse([[FusePart(replace(said, space=other))]])

    assert isinstance(reply.results[0], SpaceMismatch)
    assert str(reply.results[0].field) == "inputs[0].parts[0].encoding.space"


def test_the_command_binds_what_is_served_though_it_is_optional(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEBACK_MODELS", str(world.store.root))
    monkeypatch.setenv("TIEBACK_CARDS", str(world.folder))
    monkeypatch.setenv("TIEBACK_SPACES", "words,speech,eyes,terms,clip-text,clip-image")

    made = CliRunner().invoke(
        command,
        ["--data", str(world.data), "--method", "anchor_attention", "--steps", "20", "--json"],
        prog_name="tieback bind",
    )

    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["metrics"]["terms"]
    assert CLIP in told["spaces"]


def test_a_second_run_computes_nothing_and_makes_the_same(world: World, outcome: Outcome) -> None:
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
