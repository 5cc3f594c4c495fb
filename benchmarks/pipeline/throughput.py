"""Speed of the pipeline, against the bare stages: queries with several in flight, and items taken in."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_client import AsyncClient, Client, Item

from benchmarks.pipeline.bare import BareEncoders, BareSearch, seconds_of
from benchmarks.report import Report

IN_FLIGHT = 1, 8, 32
ROUNDS = 3
RETRIEVE_SHARE, INGEST_SHARE = ">= 0.8", ">= 0.85"
LARGE, LARGE_P50 = 10_000, "<= 25"


@dataclass(frozen=True, slots=True)
class Load:
    """Results of a run of so many in flight: queries a second, and the milliseconds of each."""

    rate: float
    times: Sequence[float]


def retrieve(
    report: Report,
    server: str,
    collection: str,
    words: Sequence[str],
    search: BareSearch,
    encoders: BareEncoders,
    seconds: float,
) -> None:
    """Queries a second by the default plan, in turns with the bare stages over as many queries.

    No query is asked twice: the server would have its encodings in a cache, which the bare stages have not.
    """
    queries = _new(words)
    with Client(server) as client:
        first = client.retrieve(collection, words[0])
    hybrid = first.plan.options.hybrid
    rows = []
    for many in IN_FLIGHT:
        loads, bare = [], []
        for _ in range(ROUNDS):
            loads.append(asyncio.run(_load(server, collection, queries, many, seconds)))
            some = list(itertools.islice(queries, max(4 * many, 64)))
            encode = encoders.seconds(some, together=many) / len(some)
            nearest = search.vector_seconds(len(some), together=many) / len(some)
            text = search.text_seconds(some, together=many) / len(some) if hybrid else 0.0
            bare.append((encode, nearest, text))
        rate = statistics.median(one.rate for one in loads)
        stages = [statistics.median(times) for times in zip(*bare, strict=True)]
        times = list(itertools.chain.from_iterable(one.times for one in loads))
        shares = [one.rate * sum(stage) for one, stage in zip(loads, bare, strict=True)]
        rows.append(
            {
                "in flight": many,
                "queries a second": rate,
                "p50 ms": float(np.percentile(times, 50)),
                "p95 ms": float(np.percentile(times, 95)),
                "bare stages, queries a second": 1 / sum(stages),
                "share": statistics.median(shares),
                "bare encoding ms": 1e3 * stages[0],
                "bare vector search ms": 1e3 * stages[1],
                "bare full text ms": 1e3 * stages[2],
            }
        )
        if many == 8:
            report.claim(
                "retrieve, 8 in flight, of the bare stages' throughput",
                statistics.median(shares),
                "",
                RETRIEVE_SHARE,
                low=min(shares),
                high=max(shares),
                note=f"median and range of {ROUNDS} alternating rounds; the client runs beside the server",
            )
    report.table(f"retrieve by the default plan, {len(search.vectors):,} sections", rows)
    _latency(report, rows[0]["p50 ms"], len(search.vectors))


def _latency(report: Report, p50: float, sections: int) -> None:
    enough = sections >= LARGE
    report.claim(
        f"the default query's p50 at {LARGE:,} sections or more",
        p50 if enough else None,
        "ms",
        LARGE_P50,
        note=f"one in flight, {sections:,} sections"
        if enough
        else f"the largest collection has {sections:,}",
    )


def _new(words: Sequence[str]) -> Iterator[str]:
    """Questions without end, none like another: each round puts another number behind them."""
    return (f"{question} {number}" for number in itertools.count(1) for question in words)


async def _load(server: str, collection: str, queries: Iterator[str], many: int, seconds: float) -> Load:
    """Keeps so many queries in flight; the first tenth of the time does not count."""
    times: list[tuple[float, float]] = []
    async with AsyncClient(server) as client:
        begun = time.perf_counter()

        async def caller() -> None:
            while (sent := time.perf_counter()) - begun < seconds:
                await client.retrieve(collection, next(queries))
                times.append((sent, time.perf_counter()))

        await asyncio.gather(*(caller() for _ in range(many)))
    warm, end = begun + seconds / 10, begun + seconds
    counted = [done for _, done in times if warm <= done <= end]
    return Load(len(counted) / (end - warm), [1e3 * (done - sent) for sent, done in times if sent >= warm])


def ingest(
    report: Report,
    client: Client,
    kind: str,
    items: Sequence[Item],
    encoders: BareEncoders,
    inputs: Callable[[str], Sequence[str | bytes]],
) -> None:
    """Items taken in a second, in turns with the bare encoders.

    They encode what the server did: `inputs` tells it of a collection, whose texts were split.
    """
    served, bare, contents = [], [], 0
    for number in range(ROUNDS):
        collection = f"bench-{kind}-{number}"
        served.append(seconds_of(lambda at=collection: client.ingest(at, items).collect()))  # type: ignore[misc]  # no type is inferred of a lambda with a default
        alike = inputs(collection)
        contents = len(alike)
        bare.append(encoders.seconds(alike))
        client.delete_collection(collection)
    shares = [alone / whole for whole, alone in zip(served, bare, strict=True)]
    report.claim(
        f"ingest of {kind}, of the encoders' own limit",
        statistics.median(shares),
        "",
        INGEST_SHARE,
        low=min(shares),
        high=max(shares),
        note=f"{len(items)} items, {contents} sections: {contents / statistics.median(served):.1f} a second, "
        f"bare {contents / statistics.median(bare):.1f}; median and range of {ROUNDS} rounds in turns",
    )
