"""The same collection in the embedded store and in Milvus Lite: what is found, how fast, how it is written.

Sections are texts of a folder of judged texts (first 48 words of documents, and sentences) with their vectors
by one encoder. Queries are 100 other texts: their vectors, their first six words, or both, and both with a
filter that a third of the sections pass. The embedded store is in this process and Milvus Lite in one of its
own, called over TCP by the class of the index service. The two answer each query one after the other, so that
other programs disturb both alike. Times are by the clock: only their ratio within a run means something.

    recall@10    of the exact ten best by vector
    same hits    the share of the ten hits of the embedded store that Milvus gives too
    same score   the largest difference of a score that both give, over the score
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.search import SearchReply, SearchRequest
from tieback.index import Index
from tieback.milvus import MilvusIndex
from tieback.milvus.connection import Milvus
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

from benchmarks.data_folder import add_data, data_of
from benchmarks.encoders import add_space
from benchmarks.ports import free_port
from benchmarks.progress import log
from benchmarks.report import Report
from benchmarks.scaling.vectors import QUERIES, encoded, nearest, texts_of

LIMIT, ASKED = 10, 100
WORDS = 6  # of a query
BATCH = 500
SPACE = SpaceRef("benchmark", "1", "1")
FILTER = "third = 1"
Either = Index | MilvusIndex


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which texts, by which encoder, and how many."""
    add_data(parser, "judged texts (cranfield/, retrieval/, sts/)")
    add_space(parser)
    parser.add_argument("--sections", type=int, nargs="+", default=[2_000, 10_000], metavar="N")


def run(options: argparse.Namespace) -> Report:
    """Two tables for each number of sections."""
    texts = texts_of(data_of(options, "judged texts"))
    vectors, queries = encoded(texts, options.space)
    order = np.random.default_rng(1).permutation(len(texts))
    asked = [texts[place] for place in order[:ASKED]]
    kept = [texts[place] for place in order[QUERIES:]]
    report = Report()
    for count in sorted(options.sections):
        log(f"{count:,} sections")
        written, found = asyncio.run(compare(kept[:count], vectors[:count], asked, queries[:ASKED]))
        report.table(f"{count:,} sections written", written)
        report.table(f"{count:,} sections searched", found)
    claim(found, report)
    return report


def claim(found: Sequence[Mapping[str, Any]], report: Report) -> None:
    """Claims about the largest number of sections."""
    by_kind = {row["query"]: row for row in found}
    vector = by_kind["vector"]
    report.claim("recall@10 in Milvus Lite", vector["Milvus recall@10"], "share", ">= 0.97")
    for kind, row in by_kind.items():
        report.claim(f"hits that are the same, by {kind}", row["same hits"], "share", ">= 0.99")
        report.claim(f"scores that differ, by {kind}", row["same score"], "of the score", "<= 0.001")


async def compare(
    texts: Sequence[str], vectors: Array, asked: Sequence[str], queries: Array
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of writing and of searching."""
    exact = nearest(vectors, queries, LIMIT)
    with tempfile.TemporaryDirectory() as made, served(Path(made) / "lite") as address:
        stores: dict[str, Either] = {
            "embedded": Index.open(Path(made) / "store"),
            "Milvus Lite": MilvusIndex(Milvus(address)),
        }
        written = []
        for name, store in stores.items():
            seconds = await fill(store, texts, vectors)
            log(f"{name}: {len(texts) / seconds:.0f} sections a second")
            written.append({"store": name, "sections a second": len(texts) / seconds})
        found = [await search(stores, kind, asked, queries, exact) for kind in KINDS]
        for store in stores.values():
            await store.close()
    return written, found


async def fill(store: Either, texts: Sequence[str], vectors: Array) -> float:
    """Makes the collection; the seconds of writing."""
    await store.create_collection("texts", SPACE, vectors.shape[1])
    begin = time.perf_counter()
    for first in range(0, len(texts), BATCH):
        places = range(first, min(first + BATCH, len(texts)))
        reply = await store.upsert(
            "texts", [item_of(place, texts[place], vectors[place]) for place in places]
        )
        if any(reply.results):
            raise SystemExit(f"milvus: an item was refused: {next(filter(None, reply.results))}")
    return time.perf_counter() - begin


def item_of(place: int, text: str, vector: Array) -> IndexedItem:
    """An item of one section, named by its place."""
    section = Section("1", Content(Modality.TEXT, text))
    known = IndexedSection(Vector(vector, SPACE), text, Modality.TEXT)
    return IndexedItem(Item(f"{place:07}", [section], "", {"third": float(place % 3)}), [known])


KINDS = ("vector", "words", "vector and words", "both with a filter")


def query(kind: str, text: str, vector: Array) -> dict[str, Any]:
    """A search of a kind."""
    found: dict[str, Any] = {}
    if kind != "words":
        found["vector"] = Vector(vector, SPACE)
    if kind != "vector":
        found["text"] = " ".join(text.split()[:WORDS])
    if "filter" in kind:
        found["filter"] = FILTER
    return found


async def search(
    stores: Mapping[str, Either], kind: str, asked: Sequence[str], queries: Array, exact: Array
) -> dict[str, Any]:
    """All queries of a kind in both stores, by turns; the row of what was found."""
    seconds: dict[str, list[float]] = {name: [] for name in stores}
    recalls: dict[str, list[float]] = {name: [] for name in stores}
    same: list[float] = []
    scores = 0.0
    for number, (text, vector) in enumerate(zip(asked, queries, strict=True)):
        replies: dict[str, SearchReply] = {}
        for name, store in stores.items():
            begin = time.perf_counter()
            replies[name] = await store.search(
                SearchRequest("texts", limit=LIMIT, **query(kind, text, vector))
            )
            seconds[name].append(time.perf_counter() - begin)
            ids = {int(hit.item_id) for hit in replies[name].hits}
            recalls[name].append(len(ids & set(exact[number].tolist())) / LIMIT)
        own, other = ({hit.item_id: hit.score for hit in one.hits} for one in replies.values())
        if own:
            both = own.keys() & other.keys()
            same.append(len(both) / len(own))
            scores = max([scores, *(abs(own[one] - other[one]) / abs(own[one] or 1.0) for one in both)])
    embedded, in_milvus = (1000 * statistics.median(one) for one in seconds.values())
    row: dict[str, Any] = {
        "query": kind,
        "same hits": statistics.mean(same),
        "same score": scores,
        "p50 embedded ms": embedded,
        "p50 Milvus ms": in_milvus,
        "Milvus / embedded": in_milvus / embedded,
    }
    shares = map(statistics.mean, recalls.values()) if kind == "vector" else (None, None)
    row["embedded recall@10"], row["Milvus recall@10"] = shares
    log(f"{kind}: {row}")
    return row


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Milvus Lite in a process of its own, and its address."""
    port = free_port()
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
