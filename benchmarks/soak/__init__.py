"""A week's traffic in miniature: the whole pipeline for half an hour, and what its process does meanwhile.

Four tenants with tokens ingest texts, pictures and sounds, with metadata whose keys are ever new, encode in
every space, retrieve with and without reranking, have answers written, list and delete. Items are replaced
and deleted as fast as they are made, so that collections stay as large as they are after the warm-up. Some
calls are given up half-way, some hold items that cannot be read. The cache is small, so that it is full and
evicting long before the end. Memory, open files and threads are those of the server's process, read once a
second.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from tieback.catalog.catalog import Catalog
from tieback_client import AsyncClient

from benchmarks import corpus
from benchmarks.corpus import Corpus
from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import Served, served
from benchmarks.soak.kinds import KINDS, Caller, Ended
from benchmarks.soak.trends import FLAT, Reading, grown, latencies, memory_rows
from benchmarks.tenants import token_of, write_tokens

TENANTS = ("spring", "summer", "autumn", "winter")
CALLERS = 2
"""Of each tenant at once."""

CACHE_BYTES = 2 << 20
WARM_SHARE = 0.25
"""The share of the time after which all should be flat."""

GROWTH = 5.0  # per cent, at most
MEMORY = "memory over requests"
MEASURES = {"resident memory": FLAT, "open files": "open files grow by", "threads": "threads grow by"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (30)")
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds that each caller waits after a call (0)"
    )
    corpus.add_argument(parser)


def run(options: argparse.Namespace) -> Report:
    return soaked(options.minutes, corpus.chosen(options), pause=options.pause)


def soaked(
    minutes: float,
    texts: Corpus,
    *,
    generator: bool = True,
    spaces: Sequence[str] = (),
    pause: float = 0.0,
) -> Report:
    """Soaks a server for so long; without `spaces`, all there are. `pause` is in seconds."""
    report = Report()
    spaces = spaces or [card.name for card in Catalog.load().encoders()]
    progress = Progress({"soak": 60 * minutes})
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "TIEBACK_CACHE_BYTES": str(CACHE_BYTES),
            "TIEBACK_TOKENS": str(write_tokens(Path(folder) / "tokens", TENANTS)),
            "TIEBACK_GENERATOR": "" if generator else "none",
        }
        with served(local=True, spaces=spaces, settings=settings) as server:
            progress.begin("soak")
            readings, ends = asyncio.run(_soak(server, texts, 60 * minutes, generator, pause, progress))
    report.table(MEMORY, memory_rows(readings))
    report.table("requests", _counted(ends))
    report.table("latency", latencies(ends, 60 * minutes, WARM_SHARE))
    warm = [one for one in readings if one.warm]
    note = f"{len(ends):,} requests in {minutes:g} minutes, the first {WARM_SHARE:.0%} of them to warm up"
    for measure, claim in MEASURES.items():
        values = [one.values[measure] for one in warm]
        report.claim(claim, grown(values), "%", f"<= {GROWTH:g}", note=note)
    unlike = Counter(f"{one.kind}: {one.what}" for one in ends if not one.expected)
    said = "; ".join(f"{count} × {what}" for what, count in unlike.most_common(3))
    report.claim("requests that did not end as they should", float(unlike.total()), "", "<= 0", note=said)
    return report


async def _soak(
    server: Served, texts: Corpus, seconds: float, generator: bool, pause: float, progress: Progress
) -> tuple[list[Reading], list[Ended]]:
    """Calls until the time is over; what was read of the process once a second, and how calls ended."""
    readings: list[Reading] = []
    ends: list[Ended] = []
    process = psutil.Process(server.pid)
    begun = time.monotonic()

    async def call(caller: Caller, chance: random.Random) -> None:
        kinds = [kind for kind in KINDS if generator or not kind.writes]
        while time.monotonic() - begun < seconds:
            [kind] = chance.choices(kinds, [kind.weight for kind in kinds])
            ends.append(await caller.ask(kind, begun))
            await asyncio.sleep(pause)

    async def watch() -> None:
        while True:
            since = time.monotonic() - begun
            values = {
                "resident memory": process.memory_info().rss,
                "open files": process.num_fds(),
                "threads": process.num_threads(),
            }
            readings.append(Reading(len(ends), values, since >= WARM_SHARE * seconds))
            if len(readings) % 15 == 0:
                told = f"{values['open files']} files, {values['threads']} threads"
                progress.say(f"{len(ends):,} done, {values['resident memory'] / 1e6:.0f} MB, {told}")
            await asyncio.sleep(1.0)

    clients = [AsyncClient(server.address, token=token_of(tenant), retry=None) for tenant in TENANTS]
    watching = asyncio.create_task(watch())
    try:
        callers = []
        for number, (tenant, client) in enumerate(zip(TENANTS, clients, strict=True)):
            caller = await Caller.make(client, tenant, texts, random.Random(number))
            callers += [call(caller, random.Random(10 * number + one)) for one in range(CALLERS)]
        await asyncio.gather(*callers)
    finally:
        watching.cancel()
        for client in clients:
            await client.close()
    return readings, ends


def _counted(ends: Sequence[Ended]) -> Sequence[Mapping[str, object]]:
    """Counts of requests by kind and end."""
    counts = Counter((one.kind, one.what, one.expected) for one in ends)
    return [
        {"kind": kind, "outcome": what, "expected": expected, "requests": count}
        for (kind, what, expected), count in sorted(counts.items())
    ]
