"""A query's hits are not all of one item, and an answer's may be; a text of several items is one hit."""

from typing import Any

import pytest
from answer.conftest import Platform
from support.queries import words
from support.requests import retrieval
from tieback.answer.plan import most_per_item
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.retrieval import RetrieveReply
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity

ROWS, NOTES = 40, 6
COPIED = "The sky over the harbour was blue all morning, and the boats lay still. " * 2


def text(name: str, *sections: str) -> Item:
    each = enumerate(sections, 1)
    return Item(name, [Section(str(n), Content(Modality.TEXT, one)) for n, one in each], "")


@pytest.fixture
async def folder(platform: Platform) -> Platform:
    table = text("table", *(f"colour: blue; shelf: {n}" for n in range(ROWS)))
    notes = [text(f"note-{n}", f"note {n} on the moon and the night") for n in range(NOTES)]
    copies = [text(name, COPIED) for name in ("a/sky", "b/sky", "c/sky")]
    for items in ([table, *copies], notes):
        await platform.ingest("library", items)
    return platform


async def ask(folder: Platform, query: str = "blue shelf", **how: Any) -> RetrieveReply:
    return await folder.answerer.retrieve(retrieval("library", [words(query)], **how))


async def test_half_of_the_hits_are_of_one_item_and_the_others_are_pieces_of_its_best(
    folder: Platform,
) -> None:
    reply = await ask(folder)

    names = [hit.hit.item_id for hit in reply.hits]
    assert names.count("table") == 5
    assert len(next(hit.hit for hit in reply.hits if hit.hit.item_id == "table").pieces) > 5
    assert (reply.plan.options.hits_per_item, reply.plan.fill_up) == (5, True)
    assert len(names) == 10


async def test_a_query_may_ask_for_any_number_or_another_one(folder: Platform) -> None:
    every = await ask(folder, hits_per_item=0)
    two = await ask(folder, hits_per_item=2)

    assert [hit.hit.item_id for hit in every.hits].count("table") > 5
    assert [hit.hit.item_id for hit in two.hits].count("table") == 2
    assert not any(hit.hit.pieces for hit in two.hits if hit.hit.item_id == "table")
    assert (every.plan.options.hits_per_item, every.plan.fill_up) == (0, False)


async def test_what_orders_the_hits_otherwise_has_as_many_of_an_item_as_it_finds(folder: Platform) -> None:
    for how in (
        {"reranker": MethodChoice("late_interaction"), "candidates": 8, "limit": 8},
        {"diversity": 0.1},
        {"granularity": Granularity.DOCUMENT},
    ):
        plan = (await ask(folder, **how)).plan

        assert (plan.options.hits_per_item, plan.fill_up) == (0, False)


async def test_a_collection_of_one_item_fills_the_hits_with_it(platform: Platform) -> None:
    await platform.ingest("library", [text("book", *(f"blue page {n}" for n in range(20)))])

    reply = await ask(platform, "blue page")

    assert [hit.hit.item_id for hit in reply.hits] == ["book"] * 10


async def test_a_text_of_several_items_is_one_hit_that_names_them(folder: Platform) -> None:
    one = await ask(folder, "boats in the harbour")
    apart = await ask(folder, "boats in the harbour", every_copy=True)

    assert one.hits[0].hit.item_id == "a/sky"
    assert [same.item_id for same in one.hits[0].hit.also_in] == ["b/sky", "c/sky"]
    assert not one.plan.options.every_copy
    assert [hit.hit.item_id for hit in apart.hits[:3]] == ["a/sky", "b/sky", "c/sky"]


def test_half_of_the_hits_are_at_least_three() -> None:
    assert [most_per_item(limit) for limit in (1, 3, 5, 6, 7, 10, 100)] == [3, 3, 3, 3, 4, 5, 50]
