"""The pipeline over a bound joint space: pictures enter by vectors, and what is lost has a price."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.bound_library import LOSSES, Library
from support.queries import photo, words
from tieback.core import extensions
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, NotFound, Overloaded, Unavailable
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.fusion import Routing
from tieback.core.types.ingestion import IngestRequest
from tieback.index import Index
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    made = await Library(tmp_path / "weights").fill()
    yield made
    await made.close()


async def test_words_find_a_photo_by_its_vector_and_a_photo_finds_its_like(library: Library) -> None:
    by_words = await library.ask(words("green"))
    by_photo = await library.ask(photo(0, 0, 240))

    assert by_words.hits[0].hit.item_id == "meadow"
    assert by_words.hits[0].hit.text == "green", "its classes are words to find it by"
    assert by_photo.hits[0].hit.item_id == "sea"
    assert by_photo.labels[0].name == "blue"
    assert "colours -> words-a (anchor attention)" in by_photo.routing.projections


@pytest.mark.parametrize(
    ("error", "reason"), [(Unavailable("gone"), "down"), (Overloaded("full", retry_after=1), "shed")]
)
async def test_a_lost_space_has_a_reason_and_a_price_and_the_rest_answers(
    library: Library, error: Any, reason: str
) -> None:
    library.encoder.down["words-a"] = error

    reply = await library.ask(words("green"))

    assert reply.hits[0].hit.item_id == "meadow"
    assert reply.routing.missing == ["words-a"]
    assert reply.routing.reasons == {"words-a": reason}
    assert reply.routing.expected_recall_loss == LOSSES["text"]["words-a"]
    assert sum(reply.routing.weights.values()) == pytest.approx(1)


async def test_a_space_that_is_past_its_share_of_the_deadline_is_left_out(library: Library) -> None:
    library.encoder.slow["words-b"] = 30

    reply = await library.ask(words("green"), deadline=Deadline.after(0.8))

    assert reply.hits[0].hit.item_id == "meadow"
    assert reply.routing.reasons == {"words-b": "late"}
    assert reply.routing.expected_recall_loss == LOSSES["text"]["words-b"]
    assert 0.15 < reply.timing.total < 0.5, "a quarter of the time is waited for spaces"


async def test_a_lost_photo_beside_words_costs_its_share(library: Library) -> None:
    library.encoder.down["colours"] = Unavailable("gone")

    reply = await library.ask(photo(250, 0, 0, weight=1.0), words("green", 3.0))

    assert reply.hits[0].hit.item_id == "meadow"
    assert reply.routing.reasons == {"colours": "down"}
    assert reply.routing.expected_recall_loss == pytest.approx(LOSSES["image"]["colours"] / 4)


async def test_a_space_that_reaches_no_block_of_any_weight_is_not_asked(library: Library) -> None:
    library.encoder.asked.clear()

    reply = await library.ask(words("green"), routing=Routing("explicit", {"words-b": 1.0}))
    asked = {space for space, _ in library.encoder.asked}
    await library.ask(words("green"), routing=Routing("explicit", {"colours": 1.0}))

    assert asked == {"words-b"}
    assert not reply.routing.missing
    assert {space for space, _ in library.encoder.asked} == {"words-a", "words-b"}


async def test_a_collections_routing_weights_queries_that_do_not_say(library: Library) -> None:
    space = library.router.space
    only = Routing("explicit", {"colours": 1.0})
    await library.index.create_collection("seen", space.ref, space.width, only)

    by_default = await library.ask(words("green"), collection="seen")
    overruled = await library.ask(words("green"), collection="seen", routing=Routing("uniform"))

    assert by_default.routing.weights == pytest.approx({"words-a": 0, "words-b": 0, "colours": 1})
    assert set(overruled.routing.weights.values()) == {1 / 3}


async def test_a_collections_routing_that_does_not_fit_blames_the_collection(library: Library) -> None:
    space = library.router.space
    await library.index.create_collection("odd", space.ref, space.width, Routing("explicit", {"nose": 1.0}))

    with pytest.raises(InvalidInput, match="routing that the collection was made with") as refusal:
        await library.ask(words("green"), collection="odd")

    assert str(refusal.value.field) == "collection"


async def test_a_collection_that_is_not_there_is_not_found(library: Library) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        await library.ask(words("green"), collection="nowhere")


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Library]:
    made = await Library(tmp_path / "weights", imputations=("ridge", "skip")).fill()
    yield made
    await made.close()


async def test_a_space_that_is_down_is_imputed_and_said_to_be_missing(filled: Library) -> None:
    whole = await filled.ask(words("green"))
    filled.encoder.down["words-a"] = Unavailable("gone")

    reply = await filled.ask(words("green"))
    skipped = await filled.ask(words("green"), routing=Routing(imputation=MethodChoice("skip")))

    assert [hit.hit.item_id for hit in reply.hits] == [hit.hit.item_id for hit in whole.hits]
    assert reply.routing.imputed == {"words-a": "ridge"}
    assert reply.routing.reasons == skipped.routing.reasons == {"words-a": "down"}
    assert reply.routing.degraded
    assert reply.routing.weights == pytest.approx(whole.routing.weights)
    assert "words-a" not in skipped.routing.weights


async def test_nothing_is_stored_while_a_space_is_down_though_it_could_be_imputed(filled: Library) -> None:
    filled.encoder.down["words-a"] = Unavailable("gone")

    with pytest.raises(Unavailable):
        await filled.answerer.ingest(
            IngestRequest("library", [Item("late", [Section("1", Content(Modality.TEXT, "red"))])])
        )


async def test_a_collection_says_how_to_impute_for_queries_that_do_not(filled: Library) -> None:
    space = filled.router.space
    routing = Routing("explicit", {"words-a": 1.0, "words-b": 1.0}, imputation=MethodChoice("skip"))
    await filled.index.create_collection("strict", space.ref, space.width, routing)
    filled.encoder.down["words-a"] = Unavailable("gone")

    by_default = await filled.ask(words("green"), collection="strict")
    filling = Routing(imputation=MethodChoice("ridge"))
    overruled = await filled.ask(words("green"), collection="strict", routing=filling)

    assert by_default.routing.weights == pytest.approx({"words-b": 1, "colours": 0})
    assert not by_default.routing.imputed
    assert overruled.routing.imputed == {"words-a": "ridge"}
    assert overruled.routing.weights == pytest.approx({"words-a": 0.5, "words-b": 0.5, "colours": 0}), (
        "what the query did not say is still the collection's"
    )


async def test_a_way_that_was_not_fitted_blames_whoever_asked_for_it(
    filled: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(extensions.VARIABLE, "lab")
    space, pool = filled.router.space, MethodChoice("nearest_neighbours")
    await filled.index.create_collection("odd", space.ref, space.width, Routing(imputation=pool))

    with pytest.raises(InvalidInput, match="it can: skip, ridge") as of_query:
        await filled.ask(words("green"), routing=Routing(imputation=pool))
    with pytest.raises(InvalidInput, match="routing that the collection was made with") as of_collection:
        await filled.ask(words("green"), collection="odd")
    with pytest.raises(NotFound, match="pray"):
        await filled.index.create_collection(
            "prayers", space.ref, space.width, Routing(imputation=MethodChoice("pray"))
        )

    assert str(of_query.value.field) == "routing.imputation.name"
    assert str(of_collection.value.field) == "collection"


async def test_a_collections_way_survives_a_restart_of_the_index(filled: Library, tmp_path: Path) -> None:
    space, routing = filled.router.space, Routing(imputation=MethodChoice("ridge"))
    await filled.index.create_collection("kept", space.ref, space.width, routing)

    await filled.index.close()
    filled.index = Index.open(tmp_path / "weights" / "index")

    assert (await filled.index.get_collection("kept")).routing == routing


async def test_a_query_of_which_every_space_is_lost_fails_as_ever(filled: Library) -> None:
    for space in ("words-a", "words-b"):
        filled.encoder.down[space] = Unavailable("gone")

    with pytest.raises(Unavailable):
        await filled.ask(words("green"))
