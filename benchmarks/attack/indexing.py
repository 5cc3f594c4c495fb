"""Attacks on the index: metadata, names, values, long answers, filters."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import numpy as np
from tieback.v1 import index_pb2, query_pb2, vector_pb2

from benchmarks.attack import good, statuses
from benchmarks.attack.attack import FAULT, WIDTH, Attack, Outcome, Scene, at_once, made

UPSERT = "IndexService/UpsertItems"
MESSAGE_BYTES = 32 << 20


async def make_collection(scene: Scene, name: str) -> None:
    """A collection of the attacks' own space."""
    request = index_pb2.CreateCollectionRequest(name=name, space=good.PLACE, width=WIDTH)
    made(await scene.call("IndexService/CreateCollection", request.SerializeToString()))


async def upsert(scene: Scene, name: str, items: list[index_pb2.IndexedItem]) -> Outcome:
    """Writes items with one request."""
    request = index_pb2.UpsertItemsRequest(collection=name, items=items).SerializeToString()
    return await scene.stream(UPSERT, request, first_error=statuses.of_upsert)


async def prepare_metadata(scene: Scene) -> None:
    await make_collection(scene, "metadata")
    made(await upsert(scene, "metadata", [good.item(f"plain-{place}") for place in range(1000)]))


async def metadata_keys(scene: Scene) -> Sequence[Outcome]:
    """Nine items, each of 52 kB and with some 3,700 keys that no other item has."""
    return [
        await upsert(
            scene, "metadata", [good.item(f"i{number}", **{f"k{number}_{key}": True for key in range(3700)})]
        )
        for number in range(9)
    ]


async def prepare_names(scene: Scene) -> None:
    await make_collection(scene, "names")


async def names(scene: Scene) -> Sequence[Outcome]:
    """8 MB where a name stands, in every kind of request that has one."""
    long = "a" * 8_000_000
    space = vector_pb2.SpaceRef(name=long)
    create = index_pb2.CreateCollectionRequest(name="named", space=space, width=WIDTH)
    return [
        await scene.call("IndexService/CreateCollection", create.SerializeToString()),
        await scene.call(
            "IndexService/GetCollection", index_pb2.GetCollectionRequest(name=long).SerializeToString()
        ),
        await scene.call(
            "IndexService/GetItem", index_pb2.GetItemRequest(collection="names", id=long).SerializeToString()
        ),
        await scene.call(
            "IndexService/ListItems",
            index_pb2.ListItemsRequest(collection="names", page_token=long).SerializeToString(),
        ),
        await upsert(scene, "names", [good.item(long)]),
    ]


async def nul(scene: Scene) -> Sequence[Outcome]:
    """NUL in an id, a title, a text and a metadata value."""
    found = [
        await upsert(scene, "names", [good.item("a\0b")]),
        await upsert(scene, "names", [good.item("c", "a\0b")]),
        await upsert(scene, "names", [good.item("d", value="a\0b")]),
        await upsert(scene, "names", [good.item("e", **{"a\0b": 1})]),
    ]
    titled = good.item("f")
    titled.item.title = "a\0b"
    return [*found, await upsert(scene, "names", [titled])]


async def large_vectors(scene: Scene) -> Sequence[Outcome]:
    """Values of 3e38, which are finite and whose products are not."""
    values = np.full(WIDTH, 3e38, np.float32)
    large = vector_pb2.Vector(space=good.PLACE, values=good.tensor(values))
    stored = good.item("large")
    stored.sections[0].vector.CopyFrom(large)
    search = index_pb2.SearchRequest(
        collection="names", vector=large, options=query_pb2.QueryOptions(balance_modalities=True)
    )
    await upsert(scene, "names", [good.item(f"n{place}") for place in range(8)])
    written = await upsert(scene, "names", [stored])
    asked = await scene.call("IndexService/Search", search.SerializeToString())
    hits = index_pb2.SearchResponse.FromString(asked.answer).hits
    if all(math.isfinite(hit.score) for hit in hits):
        return [written, asked]
    return [written, Outcome(FAULT, "a search has scores that are not finite", asked.seconds)]


async def prepare_list(scene: Scene) -> None:
    await make_collection(scene, "long")
    for number in range(20):
        rows = [good.item(f"{number}-{place}", "a" * 999_000) for place in range(10)]
        made(await upsert(scene, "long", rows))


async def list_items(scene: Scene) -> Sequence[Outcome]:
    """One page of 200 items of 1 MB."""
    request = index_pb2.ListItemsRequest(collection="long", page_size=1000)
    listed = await scene.call("IndexService/ListItems", request.SerializeToString())
    if len(listed.answer) <= MESSAGE_BYTES:
        return [listed]
    return [Outcome(FAULT, f"an answer of {len(listed.answer) / 1e6:.0f} MB", listed.seconds)]


async def prepare_filter(scene: Scene) -> None:
    await make_collection(scene, "filtered")
    value = "a" * 4_000
    for number in range(10):
        rows = [good.item(f"{number}-{place}", m=f"{number}-{place} {value}") for place in range(600)]
        made(await upsert(scene, "filtered", rows))


async def filters(scene: Scene) -> Sequence[Outcome]:
    """Listings that look 100 and 200 times for a part that none of 6,000 long values has; deadline 1 s."""

    def request(count: int) -> bytes:
        filter = " OR ".join(f'm : "b{number}a"' for number in range(count))
        return index_pb2.ListItemsRequest(collection="filtered", filter=filter).SerializeToString()

    outcomes = await at_once(
        scene.call("IndexService/ListItems", request(count), seconds=1.0) for count in (100, 100, 200)
    )
    await asyncio.sleep(3.0)  # what goes on behind the deadline is the attack
    return outcomes


ATTACKS = (
    Attack(
        "metadata keys",
        "Upsert of nine items of 52 kB whose keys are all new",
        metadata_keys,
        prepare=prepare_metadata,
        may_answer=True,
    ),
    Attack("names", "8 MB as the name of a collection, space, item and page", names, prepare=prepare_names),
    Attack("NUL", "Upsert of NUL in ids, titles, texts, metadata", nul, prepare=prepare_names, limit=False),
    Attack(
        "large vectors",
        "Upsert and balanced Search of values of 3e38",
        large_vectors,
        prepare=prepare_names,
    ),
    Attack(
        "long page",
        "ListItems over 200 MB of items",
        list_items,
        prepare=prepare_list,
        may_answer=True,
    ),
    Attack(
        "filters",
        "ListItems with 100 and 200 searches for a part in 24 MB, deadline 1 s",
        filters,
        prepare=prepare_filter,
        may_answer=True,
        good="write",
        good_seconds=1.0,
    ),
)
