"""Writes a collection through the index service, and starts it again: python -m benchmarks.scaling.service
fill|bulk|sort|start FOLDER CODEC. Each is a process of its own; the result is one line of JSON.

The folder has `vectors.npy`, `queries.npy`, `nearest.npy` and `texts.json`, and the store is made in it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from tieback.collections.record import Record
from tieback.collections.validation import check_items
from tieback.core.tenant import CollectionKey
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.search import SearchRequest
from tieback.index import Index
from tieback.index.collection import OpenCollection
from tieback.index.store.folder import Store
from tieback.index.store.records import Put, to_rows
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.metadata import Metadata
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

from benchmarks.scaling.measure import ROUNDS, resident

SPACE, NAME = SpaceRef("by-hand", "r1", "f1"), "docs"
BATCH = 1000
"""Items of an upsert, each of one section."""

AT_ONCE = 8192


async def fill(folder: Path, codec: str) -> dict[str, Any]:
    """Seconds of durable upserts, one after the other, and how long searches waited while lists were made."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    texts = json.loads((folder / "texts.json").read_text())
    queries = np.array(np.load(folder / "queries.npy"))
    before = resident()["RssAnon"]
    index = Index.open(folder / f"store-{codec}")
    await index.create_collection(NAME, SPACE, vectors.shape[1], codec=MethodChoice(codec))
    walls, cpus = 0.0, 0.0
    for begin in range(0, len(vectors), BATCH):
        rows = np.array(vectors[begin : begin + BATCH])
        items = [_item(begin + n, texts[(begin + n) % len(texts)], row) for n, row in enumerate(rows)]
        wall, cpu = time.perf_counter(), time.process_time()
        reply = await index.upsert(NAME, items)
        walls, cpus = walls + time.perf_counter() - wall, cpus + time.process_time() - cpu
        if any(reply.results):
            raise SystemExit(f"scale: an item was refused: {reply.results}")
    waits = await _until_sorted(index, queries)
    told = await index.get_collection(NAME)
    await index.close()
    return {
        "sections": len(vectors),
        "upserts a second": len(vectors) / walls,
        "upserts a CPU second": len(vectors) / cpus,
        "resident MiB, written": (resident()["RssAnon"] - before) / 2**20,
        "vectors MiB": told.resident_bytes / 2**20,
        "longest search while sorting ms": 1000 * max(waits, default=0.0),
    }


async def bulk(folder: Path, codec: str) -> dict[str, Any]:
    """Appends to the table what upserts would, without taking it into memory: for very many sections."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    texts = json.loads((folder / "texts.json").read_text())
    index = Index.open(folder / f"store-{codec}")
    await index.create_collection(NAME, SPACE, vectors.shape[1], codec=MethodChoice(codec))
    await index.close()
    store = Store(folder / f"store-{codec}")
    description, table = store.open(CollectionKey("", NAME))
    wall, cpu = time.perf_counter(), time.process_time()
    for begin in range(0, len(vectors), AT_ONCE):
        rows = np.array(vectors[begin : begin + AT_ONCE])
        items = [_item(begin + n, texts[(begin + n) % len(texts)], row) for n, row in enumerate(rows)]
        checked = check_items(items, SPACE, description.width, Limits())
        puts = [Put(begin + n + 1, one) for n, one in enumerate(checked) if isinstance(one, Record)]
        table.append(to_rows(puts, table.schema))
    taken = {"bulk s": time.perf_counter() - wall, "bulk CPU s": time.process_time() - cpu}
    store.close()
    return {"sections": len(vectors), **taken}


async def sort(folder: Path, codec: str) -> dict[str, Any]:
    """Time in which vectors are sorted into lists or linked, and searches wait meanwhile."""
    queries = np.array(np.load(folder / "queries.npy"))
    index = Index.open(folder / f"store-{codec}")
    wall = time.perf_counter()
    waits = await _until_sorted(index, queries)
    sorting = time.perf_counter() - wall
    await index.close()
    return {"sorting s": sorting, "longest search while sorting ms": 1000 * max(waits, default=0.0)}


async def start(folder: Path, codec: str) -> dict[str, Any]:
    """Seconds and memory of a start, and the time and the recall of searches through the service."""
    queries, exact = (np.array(np.load(folder / f"{one}.npy")) for one in ("queries", "nearest"))
    before, wall, cpu = resident(), time.perf_counter(), time.process_time()
    index = Index.open(folder / f"store-{codec}")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    taken = resident()["RssAnon"]
    walls, cpus, shares = [], [], []
    for _ in range(ROUNDS):
        for query, best in zip(queries, exact.tolist(), strict=True):
            began, used = time.perf_counter(), time.process_time()
            hits = (await index.search(SearchRequest(NAME, Vector(query, SPACE), limit=len(best)))).hits
            walls.append(time.perf_counter() - began)
            cpus.append(time.process_time() - used)
            shares.append(len({int(hit.item_id) for hit in hits}.intersection(best)) / len(best))
    after = resident()
    await index.close()
    return {
        "start s": wall,
        "start CPU s": cpu,
        "resident MiB, before": before["RssAnon"] / 2**20,
        "resident MiB": taken / 2**20,
        "resident MiB, of files": after["RssFile"] / 2**20,
        "search p50 CPU ms": 1000 * float(np.median(cpus)),
        "search p99 CPU ms": 1000 * float(np.quantile(cpus, 0.99)),
        "search p50 ms": 1000 * float(np.median(walls)),
        "recall@10": float(np.mean(shares)),
    }


async def _until_sorted(index: Index, queries: Array) -> list[float]:
    """Searches one after the other while lists or a graph are made; seconds of each."""
    opened = index._owned.to_write(NAME)
    waits: list[float] = []
    while _is_sorting(opened):
        began = time.perf_counter()
        query = queries[len(waits) % len(queries)]
        await index.search(SearchRequest(NAME, Vector(query, SPACE), limit=10))
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)
    return waits


def _is_sorting(opened: OpenCollection) -> bool:
    """Tell whether the thread that makes them has something to do."""
    with opened.memory.lock.reading():
        moved = getattr(opened.memory._wholes, "_moved", None)
    return moved is not None or opened.memory.wants_training()


def _item(number: int, text: str, vector: Array) -> IndexedItem:
    section = Section("1", Content(Modality.TEXT, text))
    metadata: Metadata = {"year": float(1900 + number % 120), "language": "en"}
    item = Item(str(number), [section], f"Title {number % 5000}", metadata)
    return IndexedItem(item, [IndexedSection(Vector(vector, SPACE), text, Modality.TEXT)])


STEPS = {"fill": fill, "bulk": bulk, "sort": sort, "start": start}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(STEPS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3]))))
