"""The sources of a collection: recorded once, counted by their items, removed with them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.each import each
from support.sections import SPACE, WIDTH, item
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback_contract.collections import Source
from tieback_contract.metadata import INDEXED_FROM

LIBRARY = Source("library", "desk", "/home/ada/library")


def of(source: str, id: str) -> IndexedItem:
    return item(id, **{INDEXED_FROM: source})


async def test_a_source_is_told_with_the_number_of_its_items_and_survives_a_restart(
    index: Index, open_index: Callable[..., Index]
) -> None:
    await index.record_source("docs", LIBRARY)
    await index.upsert("docs", [of("library", "library/a"), of("library", "library/b"), of("x", "x/a")])
    await index.delete_items("docs", ["library/b"])
    await index.close()

    again = open_index()
    collection = await again.get_collection("docs")
    listed, _ = await again.list_collections()
    await again.close()

    (source,) = collection.sources
    assert (source.name, source.host, source.location) == ("library", "desk", "/home/ada/library")
    assert source.item_count == 1
    assert source.indexed is not None
    assert source.indexed.timestamp() > 1_700_000_000
    assert listed[0].sources == ()


async def test_an_item_that_is_written_again_counts_once_and_may_change_its_source(index: Index) -> None:
    await index.record_source("docs", LIBRARY)
    await index.upsert("docs", [of("library", "a"), of("library", "b")])
    await index.upsert("docs", [of("library", "a"), of("other", "b")])

    assert [one.item_count for one in (await index.get_collection("docs")).sources] == [1]


@pytest.mark.parametrize("other", [("desk", "/home/bob/library"), ("laptop", "/home/ada/library")])
async def test_a_name_of_a_source_at_another_place_is_refused_unless_it_moved(
    index: Index, other: tuple[str, str]
) -> None:
    await index.record_source("docs", LIBRARY)
    elsewhere = Source("library", *other)

    with pytest.raises(AlreadyExists, match=r"/home/ada/library on desk"):
        await index.record_source("docs", elsewhere)
    await index.record_source("docs", elsewhere, moved=True)

    (source,) = (await index.get_collection("docs")).sources
    assert (source.host, source.location) == other


async def test_a_source_is_deleted_with_its_items_and_no_others(index: Index) -> None:
    await index.record_source("docs", LIBRARY)
    await index.upsert("docs", [of("library", "library/a"), of("x", "library/b"), item("library/c")])

    assert await index.delete_source("docs", "library") == 1

    assert [one.id for one in (await index.list_items("docs"))[0]] == ["library/b", "library/c"]
    assert (await index.get_collection("docs")).sources == []
    with pytest.raises(NotFound, match="no source is named 'library'"):
        await index.delete_source("docs", "library")


async def test_sources_go_with_their_collection(index: Index) -> None:
    await index.record_source("docs", LIBRARY)
    await index.delete_collection("docs")
    await index.create_collection("docs", SPACE, WIDTH)

    assert (await index.get_collection("docs")).sources == []


@each(
    "source, field",
    [
        (replace(LIBRARY, name=""), "source.name"),
        (replace(LIBRARY, name="a/b"), "source.name"),
        (replace(LIBRARY, name="a\nb"), "source.name"),
        (replace(LIBRARY, name="a" * 129), "source.name"),
        (replace(LIBRARY, host="h" * 256), "source.host"),
        (replace(LIBRARY, location="/" * 4097), "source.location"),
        (replace(LIBRARY, location="/a\x1b]0;x\x07"), "source.location"),
    ],
)
async def test_a_source_that_cannot_be_kept_is_refused_with_its_field(
    index: Index, source: Source, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await index.record_source("docs", source)

    assert str(caught.value.field) == field


async def test_a_collection_takes_a_thousand_sources_and_no_more(
    index: Index, store: Path, open_index: Callable[..., Index]
) -> None:
    known = [{"name": f"s{n}", "host": "h", "location": f"/{n}"} for n in range(1000)]
    await index.close()
    (store / "sources" / "docs.json").write_text(json.dumps({"sources": known, "plan": {}}))
    again = open_index()

    with pytest.raises(InvalidInput, match="has 1000 sources"):
        await again.record_source("docs", LIBRARY)
    await again.record_source("docs", Source("s1", "h", "/1"))
    await again.close()
