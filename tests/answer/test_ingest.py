from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import pytest
from answer.conftest import Platform
from support.colours import png
from support.growth import growth
from support.present import present
from support.queries import words
from support.requests import retrieval
from tieback.answer.ingesting.items import Ingestion
from tieback.answer.ingesting.recognition import Recognition
from tieback.answer.ingesting.splitting import Splitting
from tieback.answer.spaces.collections import CollectionSpace, CollectionSpaces
from tieback.answer.spaces.encoding import JointInputs, SpaceEncoders
from tieback.core.deadline import NO_DEADLINE
from tieback.core.errors import InvalidInput, NotFound, SpaceMismatch, Unavailable
from tieback.core.types.collection import IndexedItem, UpsertReply
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.fusion import Role
from tieback.core.types.ingestion import IngestRequest, LongTexts
from tieback_contract.encodings import Truncated
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef, Vector

LONG = "one two three four five six seven eight nine ten"
"""More than words-a reads, and not more than words-b does."""


def text(data: str) -> Content:
    return Content(Modality.TEXT, data)


def picture(*colour: int) -> Content:
    return Content(Modality.IMAGE, png(*colour))


def item(name: str, *contents: Content, title: str = "") -> Item:
    return Item(name, [Section(str(n), content) for n, content in enumerate(contents)], title)


async def test_items_are_found_as_soon_as_they_are_acknowledged(platform: Platform) -> None:
    reply = await platform.ingest("library", [item("a", text("hot coffee")), item("b", text("moon"))])

    assert [(result.id, result.error) for result in reply.results] == [("a", None), ("b", None)]
    found = await platform.answerer.retrieve(retrieval("library", [words("coffee")]))
    assert found.hits[0].hit.item_id == "a"


async def test_the_collection_is_made_in_the_joint_space(platform: Platform) -> None:
    await platform.ingest("library", [item("a", text("tea"))])

    collection = await platform.index.get_collection("library")
    assert collection.space.name == "joint"
    assert collection.width == 64


async def test_a_second_batch_goes_into_the_same_collection(platform: Platform) -> None:
    await platform.ingest("library", [item("a", text("tea"))])
    await platform.ingest("library", [item("b", text("tea"))])

    assert (await platform.index.get_collection("library")).item_count == 2


async def test_bytes_of_pictures_are_not_kept_and_their_words_are(platform: Platform) -> None:
    await platform.ingest("library", [item("wall", picture(250, 20, 0), title="My wall")])

    stored = await platform.index.get_item("library", "wall")
    assert stored.sections[0].content is None
    found = await platform.answerer.retrieve(retrieval("library", [words("red")]))
    assert found.hits[0].hit.text == "My wall: red, green"
    assert found.hits[0].hit.modality is Modality.IMAGE


async def test_a_passage_keeps_its_text_byte_for_byte(platform: Platform) -> None:
    await platform.ingest("library", [item("a", text("  Grüße, tea \n"), title="Greetings")])

    found = await platform.answerer.retrieve(retrieval("library", [words("tea")]))
    assert found.hits[0].hit.text == "  Grüße, tea \n"


async def test_one_bad_item_gets_an_error_and_the_others_are_durable(platform: Platform) -> None:
    reply = await platform.ingest(
        "library",
        [
            item("good", text("tea")),
            item("broken", text("tea"), Content(Modality.IMAGE, b"not a picture")),
            item("empty"),
            Item("hollow", [Section("1", None)]),
            item("nul", text("a \0 b")),
            item("deaf", Content(Modality.AUDIO, b"RIFF")),
            item("", text("no id")),
            item("also good", picture(0, 0, 255)),
        ],
    )

    errors = [result.error for result in reply.results]
    assert errors[0] is None
    assert errors[7] is None
    assert all(isinstance(error, InvalidInput) for error in errors[1:7])
    assert [str(present(error).field) for error in errors[1:7]] == [
        "items[1].sections[1].content.image",
        "items[2].sections",
        "items[3].sections[0].content",
        "items[4].sections[0].content.text",
        "items[5].sections[0].content.audio",
        "items[6].id",
    ]
    assert (await platform.index.get_collection("library")).item_count == 2


async def test_a_text_too_long_for_a_space_is_refused_where_that_is_asked_for(platform: Platform) -> None:
    items = [item("long", text(LONG), text("short")), item("short", text("short"))]

    refused = await platform.ingest("library", items, long_texts=LongTexts.REFUSE)

    assert str(present(refused.results[0].error).field) == "items[0].sections[0].content.text"
    assert refused.results[1].error is None


async def test_a_text_that_is_cut_off_is_reported_with_the_spaces_and_what_they_lost(
    platform: Platform,
) -> None:
    items = [item("long", text(LONG), text("short")), item("short", text("short"))]

    cut = await platform.ingest("library", items, long_texts=LongTexts.TRUNCATE)

    assert [(result.error, result.truncated_sections) for result in cut.results] == [(None, 1), (None, 0)]
    assert cut.results[0].truncated == {"words-a": Truncated(1, 2, 8)}
    assert [present(s.content).data for s in (await platform.index.get_item("library", "long")).sections] == [
        LONG,
        "short",
    ]


async def test_a_space_that_is_down_fails_the_call_so_that_nothing_degraded_is_stored(
    platform: Platform,
) -> None:
    platform.encoder.down["words-a"] = Unavailable("words-a is restarting")

    with pytest.raises(Unavailable, match="words-a"):
        await platform.ingest("library", [item("a", text("tea"))])

    assert await platform.index.list_collections() == ([], "")


async def test_every_space_is_asked_once_for_all_sections_within_its_limit_of_items(
    platform: Platform,
) -> None:
    items = [item(str(n), text("tea"), text("cake"), picture(0, 255, 0)) for n in range(5)]

    await platform.ingest("library", items)

    assert sorted(platform.encoder.asked) == [
        ("colours", 5),
        ("words-a", 2),
        ("words-a", 8),
        ("words-b", 2),
        ("words-b", 8),
    ]


async def test_a_vector_of_a_component_is_taken_as_that_components_voice(platform: Platform) -> None:
    reply = await platform.ingest("library", [item("a", text("tea"))])
    assert reply.results[0].error is None
    space = SpaceRef("words-a", "other weights", "")

    bad = await platform.ingest("library", [item("v", Content(None, Vector(np.ones(32), space)))])

    assert isinstance(bad.results[0].error, SpaceMismatch)
    assert str(bad.results[0].error.field) == "items[0].sections[0].content"


@pytest.mark.parametrize("count", [0, 9])
async def test_an_empty_or_too_large_batch_is_refused(platform: Platform, count: int) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await platform.ingest("library", [item(str(n), text("tea")) for n in range(count)])

    assert str(refusal.value.field) == "items"


async def test_the_reply_names_every_step(platform: Platform) -> None:
    reply = await platform.ingest("library", [item("a", text("tea"), picture(1, 2, 3))])

    names = [stage.name for stage in reply.timing.stages]
    assert names[0] == "split"
    assert sorted(names[1:4]) == ["encode:colours", "encode:words-a", "encode:words-b"]
    assert names[4:] == ["fuse", "upsert"]


class Taking:
    """An index that takes everything, at once."""

    async def get_collection(self, name: str) -> NoReturn:
        raise NotFound("collection", name)

    async def upsert(self, collection: str, items: Sequence[IndexedItem]) -> UpsertReply:
        return UpsertReply([None] * len(items), Timing())


async def test_the_work_of_ingesting_grows_with_the_items_and_not_with_their_square() -> None:
    no_limits = Limits(batch_items=0)
    nobody: Any = None  # vectors that are given need no encoder and no router
    index: Any = Taking()
    encoders = SpaceEncoders(nobody, JointInputs({}), no_limits)
    joint = CollectionSpace(SpaceRef("joint", "r", "f"), 4, dict.fromkeys(Role, encoders), nobody, {})
    spaces = CollectionSpaces(index, [joint])
    ingestion = Ingestion(
        *(nobody, spaces, Splitting(nobody, no_limits), index, no_limits),
        Recognition(None, frozenset(), no_limits),
    )
    vector = Content(None, Vector(np.ones(4, np.float32), SpaceRef("joint", "r", "f")))

    async def ingest(count: int) -> None:
        items = [item(str(number), vector) for number in range(count)]
        reply = await ingestion.ingest(IngestRequest("library", items), NO_DEADLINE)
        assert not any(result.error for result in reply.results)

    assert await growth(ingest, 1500) < 2.8
