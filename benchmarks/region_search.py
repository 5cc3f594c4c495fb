"""Search by whole and regions of photos, against a bare scan of the same vectors.

Photos are a whole and nine regions in a joint space; they are made, or mixed from real vectors (`--vectors`).
The bare scan is faiss on one thread over the same numbers: wholes in single precision, regions in half one,
the ten best of each. Recall is the share of the exact ten best that are found. Searches of the index and bare
scans take turns; times are processor time of the thread, which other programs disturb least.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from tieback.core.types.content import Item, Section
from tieback.index.filters import parse
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Put, Record, Regions
from tieback.index.vectors import one_thread
from tieback_contract.arrays import Array
from tieback_contract.hits import Hit
from tieback_contract.modality import Modality

from benchmarks.report import Report

PARTS, LIMIT, QUERIES, ROUNDS = 9, 10, 20, 3
CLASSES = 200
MOST_TIMES_BARE, LEAST_RECALL = 2.0, 0.99
FILTERS = {"": "no filter", "year < 50": "half pass", "year = 7": "one in a hundred passes"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many photos, and of what."""
    parser.add_argument("--photos", type=int, nargs="+", default=[500, 5000, 10_000, 20_000], metavar="N")
    parser.add_argument("--width", type=int, default=1800, help="dimensions of the made vectors [1800]")
    parser.add_argument(
        "--vectors",
        type=Path,
        metavar="FILE",
        help="an .npz of real vectors: q [queries, width], w [photos, width], r [photos, 9, width]",
    )


def run(options: argparse.Namespace) -> Report:
    """Times and recall for each number of photos."""
    one_thread()
    report = Report()
    source = _Real(options.vectors) if options.vectors else _Made(options.width)
    rows: list[Mapping[str, Any]] = []
    for count in options.photos:
        rows += _measured(source, count)
    report.tables["search by regions"] = rows
    plain = [row for row in rows if row["filter"] == FILTERS[""]]
    for row in plain:
        report.claim(
            f"search by regions of {row['photos']:,} photos, times a bare scan",
            row["times bare"],
            "times",
            f"<= {MOST_TIMES_BARE}",
        )
        report.claim(
            f"recall of the ten best of {row['photos']:,} photos",
            row["recall"],
            "share",
            f">= {LEAST_RECALL}",
        )
    large = [row for row in plain if row["photos"] >= 10_000]
    if len(large) > 1:
        first, last = large[0], large[-1]
        growth = (last["search ms"] / first["search ms"]) / (last["photos"] / first["photos"])
        report.claim(
            f"time from {first['photos']:,} to {last['photos']:,} photos, over the growth of the photos",
            round(growth, 3),
            "times",
            "< 1",
        )
    return report


class _Made:
    """Photos of classes: a photo is near its class, its regions near that and others."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._classes = _unit(np.random.default_rng(1).normal(size=(CLASSES, width)))

    def photos(self, count: int) -> Iterator[tuple[Array, Array]]:
        drawn = np.random.default_rng(2)
        for _ in range(count):
            own = self._classes[drawn.integers(CLASSES)]
            others = self._classes[drawn.integers(CLASSES, size=PARTS)]
            yield (
                _unit(own + 0.03 * drawn.normal(size=self.width)),
                _unit(0.7 * own + 0.5 * others + 0.03 * drawn.normal(size=(PARTS, self.width))),
            )

    def queries(self) -> Array:
        drawn = np.random.default_rng(3)
        two = self._classes[drawn.integers(CLASSES, size=(2, QUERIES))]
        return _unit(two[0] + 0.5 * two[1] + 0.03 * drawn.normal(size=(QUERIES, self.width)))


class _Real:
    """Real photos; more than there are, mixed of two each."""

    def __init__(self, file: Path) -> None:
        read = np.load(file)
        self._queries, self._wholes, self._parts = read["q"], read["w"], read["r"]
        self.width = self._queries.shape[1]

    def photos(self, count: int) -> Iterator[tuple[Array, Array]]:
        drawn = np.random.default_rng(2)
        known = len(self._wholes)
        yield from zip(self._wholes[:count], self._parts[:count], strict=True)
        for _ in range(count - known):
            one, other = drawn.integers(known, size=2)
            share = drawn.uniform(0.3, 0.7)
            from_one = drawn.random(PARTS) < share
            parts = np.where(from_one[:, None], self._parts[one], self._parts[other])
            noise = 0.15 / np.sqrt(self.width)
            yield (
                _unit(
                    share * self._wholes[one]
                    + (1 - share) * self._wholes[other]
                    + noise * drawn.normal(size=self.width)
                ),
                _unit(parts + noise * drawn.normal(size=parts.shape)),
            )

    def queries(self) -> Array:
        chosen = np.random.default_rng(3).choice(len(self._queries), QUERIES, replace=False)
        return np.asarray(self._queries[chosen], np.float32)


def _measured(source: _Made | _Real, count: int) -> list[dict[str, Any]]:
    memory = Memory(source.width)
    wholes = faiss.IndexFlatIP(source.width)
    parts = faiss.IndexScalarQuantizer(
        source.width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    boxes = np.tile(np.array([[0.0, 0.0, 0.5, 0.5]], np.float32), (PARTS, 1))
    for number, (whole, of_parts) in enumerate(source.photos(count)):
        item = Item(f"{number:06}", [Section("1", None)], "", {"year": float(number % 100)})
        one = {0: Regions(of_parts.astype(np.float16), boxes)}
        memory.apply([Put(number + 1, Record(item, [""], [Modality.IMAGE], whole[None], one))])
        wholes.add(np.ascontiguousarray(whole[None], np.float32))
        parts.add(np.ascontiguousarray(of_parts, np.float32))
    queries = source.queries()
    masks = {filter: _mask(memory, filter) for filter in FILTERS}
    exact = {filter: [memory.nearest(q, LIMIT, mask)[0] for q in queries] for filter, mask in masks.items()}
    began = time.thread_time()
    memory.train()
    training = time.thread_time() - began
    return [
        _row(memory, (wholes, parts), queries, mask, exact[filter])
        | {
            "photos": count,
            "vectors": count * (1 + PARTS),
            "width": source.width,
            "filter": FILTERS[filter],
            "training s": round(training, 1),
        }
        for filter, mask in masks.items()
    ]


def _row(
    memory: Memory, bare: Sequence[Any], queries: Array, mask: Array, exact: Sequence[Array]
) -> dict[str, Any]:
    def scan(query: Array) -> None:
        for index in bare:
            index.search(query[None], LIMIT)

    def search(query: Array) -> list[Hit | tuple[float, float, float, float] | None]:
        positions, _ = memory.nearest(query, LIMIT, mask)
        return [memory.regions.best_box(position, query) for position in positions.tolist()]

    times: dict[Callable[[Array], Any], list[float]] = {scan: [], search: []}
    for _ in range(ROUNDS):
        for query in queries:
            for work, taken in times.items():
                began = time.thread_time()
                work(query)
                taken.append(time.thread_time() - began)
    found = [memory.nearest(query, LIMIT, mask)[0] for query in queries]
    share = [len(set(a.tolist()) & set(b.tolist())) / len(a) for a, b in zip(exact, found, strict=True)]
    scanned, searched = median(times[scan]), median(times[search])
    return {
        "bare ms": round(1000 * scanned, 2),
        "search ms": round(1000 * searched, 2),
        "times bare": round(searched / scanned, 2),
        "recall": round(float(np.mean(share)), 4),
    }


def _mask(memory: Memory, filter: str) -> Array:
    tree = parse(filter)
    return memory.allowed(tree, memory.scan(tree, _waiting), _waiting)


def _waiting(doing: str) -> None:
    """Somebody waits for the answer."""


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)
