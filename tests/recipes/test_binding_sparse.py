"""Sparse spaces in a binding: what enters by its terms, and what does not pay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.shade_library import CHANCE, Library
from support.shade_worlds import world_with_towers
from support.shades import (
    World,
)
from tieback.core.errors import SpaceMismatch, StartupError
from tieback.core.types.fusion import FusePart, Routing
from tieback.core.types.vectors import SpaceRef
from tieback.models.joint_space_artifact import JointSpaceArtifact
from tieback.models.loading import load_encoder
from tieback.recipes.fitting import terms as terms_recipe


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world_with_towers(tmp_path_factory.mktemp("world"))


NAMED = ("words", "speech", "eyes", "terms")


async def test_a_sparse_space_that_is_named_enters_every_block_by_its_terms(world: World) -> None:
    bound = world.bind(spaces=NAMED).bound
    loaded = JointSpaceArtifact.load(bound.save(world.folder / "bound"))
    library = Library(world, loaded)

    ways = {path.block: path for path in loaded.projections if path.source.name == "terms"}
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
    assert {path.block for path in bound.projections if path.source.name == "terms"} == taken
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

    path = next(path for path in bound.projections if path.source.name == "terms")
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
