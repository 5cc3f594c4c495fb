"""A collection is encoded again beside itself: read meanwhile, gone on with, and replaced at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.acting import begun
from support.present import present
from support.reindexing import NEW, WIDER, along, encode_again
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.core.errors import InvalidInput, NotFound, PermissionDenied
from tieback.core.tenant import AccessLevel, Principal
from tieback.core.types.collection import IndexedSection, ReindexedPiece
from tieback.core.types.fusion import Routing
from tieback.core.types.reindexing import PendingItem, ReindexedItem
from tieback.core.types.search import SearchReply
from tieback.index import Index
from tieback_contract.collections import Source
from tieback_contract.hits import Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.item_id for hit in hits]


async def test_the_old_vectors_are_searched_until_the_new_ones_take_their_place_at_once(index: Index) -> None:
    birds = [item("owl", section(axis(0), "an owl")), item("wren", section(axis(1), "a wren"))]
    await index.upsert("docs", birds)
    state = await index.begin_reindex("docs", NEW, WIDER)
    assert (state.total, state.done) == (2, 0)

    assert await encode_again(index) == ["owl", "wren"]

    assert (await index.get_collection("docs")).space == SPACE
    assert ids((await searched(index, "docs", vector=vector(*axis(0)), limit=1)).hits) == ["owl"]
    state = await index.finish_reindex("docs")
    assert (state.space, state.total, state.done) == (NEW, 2, 2)
    assert (await index.get_collection("docs")).space == NEW
    new = vector(*np.eye(WIDER, dtype=np.float32)[5], space=NEW)
    assert len((await searched(index, "docs", vector=new)).hits) == 2
    assert ids((await searched(index, "docs", text="wren")).hits) == ["wren"]


async def test_ids_texts_titles_metadata_spans_sources_and_routing_stay(store: Path) -> None:
    index = Index.open(store)
    joint, new = SpaceRef("joint", "r1", "f1"), SpaceRef("joint", "r2", "f2")
    routing = Routing("uniform", imputation=MethodChoice("skip"))
    await index.create_collection("docs", joint, WIDTH, routing)
    await index.record_source("docs", Source("src", "host", "/somewhere"))
    first = section(vector(*axis(0), space=joint), "tides", name="§1", title="Tides", uri="u", span=(3, 8))
    second = section(vector(*axis(1), space=joint), "a photo: sea", modality=Modality.IMAGE, name="§2")
    await index.upsert("docs", [item("book", first, second, title="Book", year=1990.0, indexed_from="src")])
    before = await index.get_item("docs", "book")

    await index.begin_reindex("docs", new, WIDER)
    [pending] = await index.list_pending("docs")
    kinds = (Modality.TEXT, Modality.IMAGE)
    again = [IndexedSection(vector(*axis(n, WIDER), space=new), "", kind) for n, kind in enumerate(kinds)]
    await index.write_reindexed("docs", [ReindexedItem("book", pending.version, again)])
    await index.finish_reindex("docs")
    await index.close()

    index = Index.open(store)
    collection = await index.get_collection("docs")
    assert await index.get_item("docs", "book") == before
    assert collection.routing == routing
    assert [(source.name, source.item_count) for source in collection.sources] == [("src", 1)]
    [hit] = (await searched(index, "docs", text="photo")).hits
    assert (hit.section_id, hit.modality) == ("§2", Modality.IMAGE)
    await index.close()


async def test_what_is_written_or_removed_meanwhile_is_encoded_again_or_gone(index: Index) -> None:
    await index.upsert("docs", [item(name) for name in ("a", "b", "c")])
    await index.begin_reindex("docs", NEW, WIDER)
    first = await index.list_pending("docs")
    await index.upsert("docs", [item("b", section(axis(2), "changed")), item("d")])
    await index.write_reindexed("docs", [along(one) for one in first])
    await index.delete_items("docs", ["c"])

    assert (await index.finish_reindex("docs")).done == 1
    assert (await index.get_collection("docs")).space == SPACE
    assert await encode_again(index) == ["b", "d"]
    await index.finish_reindex("docs")

    assert [one.id for one in (await index.list_items("docs"))[0]] == ["a", "b", "d"]
    assert ids((await searched(index, "docs", text="changed")).hits) == ["b"]


async def test_items_that_are_dropped_are_gone_and_no_others(index: Index) -> None:
    await index.upsert("docs", [item(name) for name in ("a", "b")])
    await index.begin_reindex("docs", NEW, WIDER)
    page = await index.list_pending("docs")
    await index.write_reindexed("docs", [along(page[0])])

    assert (await index.finish_reindex("docs")).done == 1
    await index.finish_reindex("docs", dropped=["b"])

    assert [one.id for one in (await index.list_items("docs"))[0]] == ["a"]


async def test_a_reindex_goes_on_after_a_restart(store: Path) -> None:
    index = Index.open(store)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [item(name) for name in ("a", "b")])
    await index.begin_reindex("docs", NEW, WIDER)
    await index.write_reindexed("docs", [along((await index.list_pending("docs"))[0])])
    await index.close()

    index = Index.open(store)
    state = await index.begin_reindex("docs", NEW, WIDER)

    assert (state.total, state.done) == (2, 1)
    assert [one.name for one in (await index.list_collections())[0]] == ["docs"]
    assert await encode_again(index) == ["b"]
    await index.finish_reindex("docs")
    await index.upsert("docs", [item("c", section(vector(*axis(0, WIDER), space=NEW), "more"))])
    await index.close()
    index = Index.open(store)
    assert [one.id for one in (await index.list_items("docs"))[0]] == ["a", "b", "c"]
    await index.close()


async def test_a_reindex_into_yet_another_space_begins_anew(index: Index) -> None:
    await index.upsert("docs", [item("a")])
    await index.begin_reindex("docs", NEW, WIDER)
    await encode_again(index)

    state = await index.begin_reindex("docs", SpaceRef("pico", "r3", "f3"), 3)

    assert state.done == 0


async def test_what_is_discarded_leaves_nothing_behind_and_the_next_one_begins_anew(store: Path) -> None:
    index = Index.open(store)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [item(name) for name in ("a", "b")])
    await index.discard_reindex("docs")  # there is none, which is as good
    await index.begin_reindex("docs", NEW, WIDER)
    await encode_again(index)

    await index.discard_reindex("docs")

    assert list((Path(store) / "generations").iterdir()) == []
    with pytest.raises(NotFound, match="begin it again"):
        await index.list_pending("docs")
    assert (await index.begin_reindex("docs", NEW, WIDER)).done == 0
    await index.discard_reindex("docs")
    await index.close()
    index = Index.open(store)
    assert (await index.get_collection("docs")).item_count == 2
    assert (await index.begin_reindex("docs", NEW, WIDER)).done == 0
    await index.close()


async def test_one_whose_beginning_was_cut_short_is_discarded_too(index: Index, store: Path) -> None:
    await index.upsert("docs", [item("a")])
    beginning = asyncio.create_task(index.begin_reindex("docs", NEW, WIDER))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    beginning.cancel()

    await index.discard_reindex("docs")

    assert list((Path(store) / "generations").iterdir()) == []
    with pytest.raises(NotFound, match="begin it again"):
        await index.list_pending("docs")


async def test_without_one_begun_nothing_is_pending_and_after_deletion_neither(index: Index) -> None:
    await index.upsert("docs", [item("a")])
    with pytest.raises(NotFound, match="begin it again"):
        await index.list_pending("docs")
    await index.begin_reindex("docs", NEW, WIDER)
    await index.delete_collection("docs")

    await index.create_collection("docs", SPACE, WIDTH)
    with pytest.raises(NotFound, match="begin it again"):
        await index.finish_reindex("docs")


async def test_vectors_of_another_space_or_too_few_are_refused_by_their_item(index: Index) -> None:
    await index.upsert("docs", [item("a"), item("b")])
    await index.begin_reindex("docs", NEW, WIDER)
    good, other = await index.list_pending("docs")

    errors = await index.write_reindexed(
        "docs",
        [
            along(good),
            ReindexedItem("b", other.version, [IndexedSection(vector(*axis(0)), "", Modality.TEXT)]),
            ReindexedItem("b", other.version, []),
        ],
    )

    assert errors[0] is None
    assert [str(present(error).field) for error in errors[1:]] == [
        "items[1].sections[0].vector.space",
        "items[2].sections",
    ]
    assert all(isinstance(error, InvalidInput) for error in errors[1:])


async def test_only_an_admin_of_the_owner_encodes_again(index: Index) -> None:
    for access in (AccessLevel.READ, AccessLevel.WRITE):
        for work in (
            index.begin_reindex("docs", NEW, WIDER),
            index.list_pending("docs"),
            index.write_reindexed("docs", []),
            index.finish_reindex("docs"),
            index.discard_reindex("docs"),
        ):
            with pytest.raises(PermissionDenied, match="admin"):
                await begun(Principal("", access), work)


async def test_another_tenants_collection_is_not_found(index: Index) -> None:
    for work in (
        index.begin_reindex("docs", NEW, WIDER),
        index.list_pending("docs"),
        index.write_reindexed("docs", []),
        index.finish_reindex("docs"),
        index.discard_reindex("docs"),
    ):
        with pytest.raises(NotFound, match="no collection"):
            await begun(Principal("globex"), work)


async def test_a_generation_counts_against_no_quota(index: Index) -> None:
    await index.upsert("docs", [item("a")])
    before = await index.get_usage()
    await index.begin_reindex("docs", NEW, WIDER)
    await encode_again(index)

    assert await index.get_usage() == before


async def test_searches_under_way_while_the_vectors_are_replaced_find_something(index: Index) -> None:
    await index.upsert("docs", [item(f"n{n}", section(axis(n), f"word {n}")) for n in range(200)])
    failures: list[SearchReply] = []
    done = asyncio.Event()

    async def search() -> None:
        while not done.is_set():
            reply = await searched(index, "docs", text="word", limit=5)
            if len(reply.hits) != 5:
                failures.append(reply)

    searching = [asyncio.create_task(search()) for _ in range(4)]
    await index.begin_reindex("docs", NEW, WIDER)
    await encode_again(index)
    await index.finish_reindex("docs")
    await asyncio.sleep(0.2)
    done.set()
    await asyncio.gather(*searching)

    assert not failures


def in_pieces(pending: PendingItem, *pieces: ReindexedPiece) -> ReindexedItem:
    made = along(pending)
    return ReindexedItem(made.id, made.version, [made.sections[0]] * len(pieces), pieces)


async def test_a_text_in_pieces_keeps_its_place_in_the_original_and_its_words(index: Index) -> None:
    given = section(axis(0), "ü owl and wren", span=(100, 115))
    await index.upsert("docs", [item("birds", given)])
    await index.begin_reindex("docs", NEW, WIDER)
    (pending,) = await index.list_pending("docs")

    errors = await index.write_reindexed(
        "docs", [in_pieces(pending, ReindexedPiece(0, "1", (0, 7)), ReindexedPiece(0, "1-2", (7, 15)))]
    )

    assert errors == [None]
    state = await index.begin_reindex("docs", NEW, WIDER)
    assert (state.done, state.split_sections, state.added_sections) == (1, 1, 1)
    await index.finish_reindex("docs")
    sections = (await index.get_item("docs", "birds")).sections
    assert [(one.id, present(one.content).data, one.span) for one in sections] == [
        ("1", "ü owl ", (100, 107)),
        ("1-2", "and wren", (107, 115)),
    ]
    assert [hit.section_id for hit in (await searched(index, "docs", text="wren")).hits] == ["1-2"]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([ReindexedPiece(0, "1", (0, 1)), ReindexedPiece(0, "2", (1, 15))], "no part of a text"),
        ([ReindexedPiece(0, "1", (0, 16))], "no part of a text"),
        ([ReindexedPiece(0, "1", (0, 7)), ReindexedPiece(0, "1", (7, 15))], "unique"),
        ([ReindexedPiece(1, "1")], "in order"),
    ],
    ids=["within a character", "past the end", "one id twice", "of no section"],
)
async def test_pieces_that_are_not_of_the_text_are_refused(
    index: Index, pieces: list[ReindexedPiece], words: str
) -> None:
    await index.upsert("docs", [item("birds", section(axis(0), "ü owl and wren"))])
    await index.begin_reindex("docs", NEW, WIDER)
    (pending,) = await index.list_pending("docs")

    (error,) = await index.write_reindexed("docs", [in_pieces(pending, *pieces)])

    assert isinstance(error, InvalidInput)
    assert words in str(error)
