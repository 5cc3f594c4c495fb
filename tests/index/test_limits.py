"""What the index refuses, and what it takes in memory for what it does not."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest
from index.conftest import refusal
from support.each import each
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.collections.record import Record
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, StorageFull
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback.index.store.records import Put
from tieback.methods.imputation import imputations
from tieback.methods.routing import routings
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef


def keys(count: int, prefix: str = "key") -> dict[str, Any]:
    return {f"{prefix}{n}": 1.0 for n in range(count)}


@pytest.fixture
async def small(open_index: Callable[..., Index]) -> AsyncIterator[Index]:
    """An index whose collection "docs" may have ten keys, five of an item."""
    index = open_index(Limits(entries=5, collection_keys=10, metadata_key_bytes=8, metadata_bytes=100))
    await index.create_collection("docs", SPACE, WIDTH)
    yield index
    await index.close()


@each(
    "metadata, field, message",
    [
        (keys(6), "items[0].item.metadata", "6 keys of metadata; at most 5"),
        ({"much-too-long": 1.0}, "items[0].item.metadata", "13 bytes of text; at most 8"),
        ({"a": "x" * 101}, 'items[0].item.metadata["a"]', "101 bytes of text; at most 100"),
        ({"a": "x" * 50, "b": "x" * 50}, "items[0].item.metadata", "118 bytes as JSON; at most 100"),
        ({"a\0": 1.0}, "items[0].item.metadata", "NUL at character 1"),
    ],
)
async def test_metadata_beyond_a_limit_is_refused_with_its_field(
    small: Index, metadata: dict[str, Any], field: str, message: str
) -> None:
    error = await refusal(small, item("a", **metadata))

    assert isinstance(error, InvalidInput)
    assert str(error.field) == field
    assert message in error.message


async def test_a_collection_has_a_limited_number_of_keys_also_in_requests_at_the_same_time(
    small: Index,
) -> None:
    replies = await asyncio.gather(
        *(small.upsert("docs", [item(f"i{n}", **keys(3, f"k{n}-"))]) for n in range(8))
    )

    refused = [reply.results[0] for reply in replies if reply.results[0] is not None]
    assert len(refused) == 5
    assert all("it may have 10 different ones" in error.message for error in refused)
    assert {str(error.field) for error in refused} == {"items[0].item.metadata"}


async def test_a_key_that_nothing_has_any_more_makes_room_also_after_a_restart(
    small: Index, open_index: Callable[..., Index]
) -> None:
    await small.upsert("docs", [item("a", **keys(5, "a")), item("b", **keys(5, "b"))])
    reply = await small.upsert("docs", [item("c", c=1.0), item("d", a1=2.0), item("e", c=1.0, a2=1.0)])
    assert [error is None for error in reply.results] == [False, True, False]  # "d" has a known key
    await small.delete_items("docs", ["b"])
    await small.close()

    again = open_index(Limits(collection_keys=10))

    assert (await again.upsert("docs", [item("c", **keys(5, "c"))])).results == [None]
    assert (await again.upsert("docs", [item("x", x=1.0)])).results[0] is not None
    await again.close()


async def test_keys_of_a_request_that_was_cancelled_while_it_was_checked_are_free(small: Index) -> None:
    for n in range(5):
        cancelled = asyncio.create_task(small.upsert("docs", [item("a", **keys(5, f"{n}-"))]))
        await asyncio.sleep(0)
        time.sleep(0.02)  # noqa: ASYNC251 - a reader has checked it, and this loop has not heard of it
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    assert (await small.upsert("docs", [item("b", **keys(5))])).results == [None]


async def test_many_keys_cost_no_more_memory_than_some_times_their_size(
    open_index: Callable[..., Index],
) -> None:
    """Each key was a column over all sections: 400 kB of them took 2.2 GB."""
    index = open_index(Limits(collection_keys=4096))
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [item("large", *(section(axis(n)) for n in range(4000)))])
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss

    for request in range(8):  # of some 50 kB each
        items = [item(f"i{request}-{n}", **keys(250, f"key-{request}-{n}-")) for n in range(2)]
        assert (await index.upsert("docs", items)).results == [None, None]

    assert process.memory_info().rss - before < 40 * 2**20
    await index.close()


NUL = "a\0b"


@each(
    "indexed, field",
    [
        (item(NUL), "items[0].item.id"),
        (item("a", title=NUL), "items[0].item.title"),
        (item("a", section(axis(0), NUL)), "items[0].item.sections[0].content.text"),
        (item("a", section(axis(0), NUL, modality=Modality.IMAGE)), "items[0].sections[0].text"),
        (item("a", section(axis(0), name=NUL)), "items[0].item.sections[0].id"),
        (item("a", section(axis(0), title=NUL)), "items[0].item.sections[0].title"),
        (item("a", section(axis(0), uri=NUL)), "items[0].item.sections[0].uri"),
        (item("a", note=NUL), 'items[0].item.metadata["note"]'),
    ],
)
async def test_nul_is_refused_wherever_it_stands(index: Index, indexed: IndexedItem, field: str) -> None:
    error = await refusal(index, indexed)

    assert isinstance(error, InvalidInput)
    assert str(error.field) == field
    assert "NUL" in error.message


async def test_a_vector_near_the_largest_float_is_refused_and_no_score_is_nan(index: Index) -> None:
    huge = vector(3e38, 3e38, 0, 0)
    long = vector(6e8, -6e8, 1, 0)
    assert "at most 1e+09 is taken" in (await refusal(index, item("a", section(huge)))).message
    for name, modality in (("b", Modality.TEXT), ("c", Modality.IMAGE), ("d", Modality.TEXT)):
        values = long if name != "d" else vector(-6e8, 6e8, 0, 1)
        await index.upsert("docs", [item(name, section(values, "word", modality=modality))])

    with pytest.raises(InvalidInput, match=r"the vector's length is 4.24e\+38"):
        await searched(index, "docs", vector=huge)
    worded = await searched(index, "docs", vector=long, text="word", balance_modalities=True)
    bare = await searched(index, "docs", vector=long, balance_modalities=True)

    scores = [(hit.score, hit.vector_score) for hit in (*worded.hits, *bare.hits)]
    assert len(scores) == 6
    assert np.isfinite(np.array(scores, float)).all()


async def test_names_are_bounded_and_cut_where_they_are_told(index: Index) -> None:
    endless = "x" * 1_000_000

    for call in (
        index.get_collection(endless),
        index.get_item("docs", endless),
        index.create_collection(endless, SPACE, WIDTH),
        index.create_collection("long", SpaceRef(endless, "r1", "f1"), WIDTH),
        index.create_collection("long", replace(SPACE, fingerprint=endless), WIDTH),
    ):
        with pytest.raises((NotFound, InvalidInput)) as caught:
            await call
        assert len(caught.value.message) < 1000
        assert len(getattr(caught.value, "name", "")) < 1000
    for family in (routings, imputations):
        with pytest.raises(NotFound) as caught:
            family.get(endless)
        assert len(caught.value.message) < 2000
    other = vector(1, 0, 0, 0, space=SpaceRef(endless, "r1", "f1"))
    assert len((await refusal(index, item("a", section(other)))).message) < 1000


async def test_a_page_ends_early_where_its_items_are_large(index: Index) -> None:
    await index.upsert("docs", [item(f"i{n}", section(axis(0), "x" * 1_000_000)) for n in range(8)])

    sizes: list[int] = []
    listed: list[str] = []
    token = ""
    while True:
        page, token = await index.list_items("docs", page_token=token)
        sizes.append(len(page))
        listed += [kept.id for kept in page]
        if not token:
            break

    assert listed == [f"i{n}" for n in range(8)]
    assert sizes == [3, 3, 2]


@pytest.fixture
async def many(index: Index) -> Index:
    """Twenty thousand items whose values take seconds to look through; in memory alone."""
    texts = (f"{n} " + "word " * 400 for n in range(20_000))
    vectors = np.ones((1, WIDTH), np.float32)
    index._owned.to_write("docs").memory.apply(
        Put(1_000_000 + n, Record(item(f"i{n}", path=text).item, [""], [Modality.TEXT], vectors))
        for n, text in enumerate(texts)
    )
    return index


SLOW = " OR ".join(f'path : "no{n}"' for n in range(60))


async def test_a_slow_filter_ends_with_its_deadline_and_lets_writes_in(many: Index) -> None:
    begin = time.perf_counter()
    search = asyncio.create_task(
        searched(many, "docs", vector=vector(1, 0, 0, 0), filter=SLOW, deadline=Deadline.after(0.5))
    )
    await asyncio.sleep(0.1)

    write = time.perf_counter()
    await many.upsert("docs", [item("new")])
    waited = time.perf_counter() - write

    with pytest.raises(DeadlineExceeded):
        await search
    assert time.perf_counter() - begin < 2.5
    assert waited < 1.5


async def test_slow_filters_end_when_their_callers_go(many: Index) -> None:
    listings = [
        asyncio.create_task(many.list_items("docs", filter=SLOW)) for _ in range(many._readers.threads)
    ]
    await asyncio.sleep(0.2)

    for listing in listings:
        listing.cancel()
    begin = time.perf_counter()
    await many.get_item("docs", "i7")

    assert time.perf_counter() - begin < 1.0


async def test_a_server_keeps_so_many_collections_and_takes_another_once_one_is_deleted(
    open_index: Callable[..., Index],
) -> None:
    index = open_index(Limits(collections=2))
    for name in ("a", "b"):
        await index.create_collection(name, SPACE, WIDTH)

    with pytest.raises(StorageFull, match="at most 2 are allowed: delete one"):
        await index.create_collection("c", SPACE, WIDTH)
    await index.create_collection("b", SPACE, WIDTH)  # there already
    await index.delete_collection("a")
    await index.create_collection("c", SPACE, WIDTH)
    await index.close()
