"""A week's traffic in miniature: many mixed requests to one server, and what its memory does meanwhile.

Most requests are short texts for the static table, which answers thousands a second; the others are texts of
all lengths for the transformer and pictures, in requests of 1 to 32 items. Some are given up half-way, some
hold items that cannot be read, some repeat what was sent before. The cache is small, so that it is full and
evicting long before the end. Memory is that of the server's process, read once a second.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from benchmarks import corpus
from benchmarks.corpus import Corpus
from benchmarks.load.target import Rejected
from benchmarks.load.tieback import PHOTO_SPACE, TEXT_SPACE, ItemError, StubTarget
from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import Served, StartError, served

STATIC_SPACE = "wordllama-256"
CACHE_BYTES = 8 << 20
IN_FLIGHT = 16
WARM_SHARE, WARM_REQUESTS = 0.2, 15_000
"""The share of the requests after which memory should be flat; the caches are not full before so many."""

GROWTH = 5.0  # per cent, at most
LEVELS = 10
CANCELLED_AFTER = 0.003  # seconds
TOO_MANY = 32
BAD = b"this is no picture"
MEMORY = "memory over requests"
FLAT = "resident memory after warm-up grows by"


@dataclass(frozen=True)
class Kind:
    """One kind of request: how often it comes, of `weight` in all, and what it holds."""

    name: str
    weight: float
    space: str
    most_items: int
    cancelled: bool = False


PICTURE, BAD_ITEMS = "picture", "bad items"
KINDS = (
    Kind("static, short", 80.0, STATIC_SPACE, 8),
    Kind("static, mixed", 10.0, STATIC_SPACE, TOO_MANY),
    Kind("transformer, short", 5.0, TEXT_SPACE, 2),
    Kind("transformer, mixed", 0.3, TEXT_SPACE, TOO_MANY),
    Kind(PICTURE, 0.5, PHOTO_SPACE, 2),
    Kind(BAD_ITEMS, 2.0, PHOTO_SPACE, 4),
    Kind("given up, transformer", 1.2, TEXT_SPACE, 8, cancelled=True),
    Kind("given up, static", 1.0, STATIC_SPACE, 8, cancelled=True),
)


@dataclass(frozen=True)
class Outcome:
    """How a request of a kind ended, and whether it was to end so."""

    kind: str
    what: str
    expected: bool = True


REPEATED = 0.3
KEPT = 2000  # texts that may come again


@dataclass
class Traffic:
    """Makes requests, and counts what became of them."""

    corpus: Corpus
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    recent: list[str] = field(default_factory=list)
    made: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def requests(self, count: int) -> Iterator[tuple[Kind, tuple[Any, ...]]]:
        """So many, of all kinds."""
        kinds = [kind for kind in KINDS if self.corpus.photos or kind.name != PICTURE]
        for kind in self.chance.choices(kinds, [kind.weight for kind in kinds], k=count):
            items = self.chance.randint(1, kind.most_items)
            yield kind, tuple(self._item(kind) for _ in range(items))

    def _item(self, kind: Kind) -> Any:
        if kind.name == BAD_ITEMS:
            return BAD
        if kind.space == PHOTO_SPACE:
            return self.chance.choice(self.corpus.photos)
        if self.recent and self.chance.random() < REPEATED:
            return self.chance.choice(self.recent)
        self.made += 1
        long = "mixed" in kind.name and self.chance.random() < 0.2
        text = f"{self.made} {self.chance.choice(self.corpus.long if long else self.corpus.short)}"
        if len(self.recent) < KEPT:
            self.recent.append(text)
        else:
            self.recent[self.made % KEPT] = text
        return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=200_000, help="how many (200,000)")
    corpus.add_argument(parser)


def run(options: argparse.Namespace) -> Report:
    traffic = Traffic(corpus.chosen(options))
    report = Report()
    settings = {"TIEBACK_GENERATOR_ENABLED": "false", "TIEBACK_CACHE_BYTES": str(CACHE_BYTES)}
    spaces = (STATIC_SPACE, TEXT_SPACE, PHOTO_SPACE)
    progress = Progress({"soak": options.requests / 300})
    try:
        with served(local=True, spaces=spaces, settings=settings) as server:
            progress.begin("soak")
            begun = time.monotonic()
            readings = asyncio.run(_soak(server, traffic, options.requests, progress))
            seconds = time.monotonic() - begun
    except StartError as error:
        report.claim(FLAT, None, "%", f"<= {GROWTH:g}", note=str(error))
        return report
    report.table(
        MEMORY, [{"requests": done, "resident MB": size / 1e6, "warm": warm} for done, size, warm in readings]
    )
    report.table(
        "requests",
        [
            {"kind": one.kind, "outcome": one.what, "expected": one.expected, "requests": count}
            for one, count in sorted(traffic.outcomes.items(), key=lambda counted: str(counted[0]))
        ],
    )
    done = sum(traffic.outcomes.values())
    growth = grown([size for _, size, warm in readings if warm])
    note = f"{done:,} requests in {seconds:.0f} s, the first {warm_after(options.requests):,} to warm up"
    report.claim(FLAT, growth, "%", f"<= {GROWTH:g}", note=note)
    unlike = sum(count for one, count in traffic.outcomes.items() if not one.expected)
    report.claim("requests that did not end as they should", float(unlike), "", "<= 0")
    return report


async def _soak(
    server: Served, traffic: Traffic, count: int, progress: Progress
) -> list[tuple[int, int, bool]]:
    """Sends the requests; (requests done, bytes, whether warm) once a second."""
    readings: list[tuple[int, int, bool]] = []
    waiting = traffic.requests(count)
    finished = asyncio.Event()
    targets = {
        space: StubTarget([server.address], cache="use", text_space=space)
        for space in (STATIC_SPACE, TEXT_SPACE, PHOTO_SPACE)
    }

    async def caller() -> None:
        for kind, items in waiting:
            traffic.outcomes[await _ask(targets[kind.space], kind, items)] += 1

    async def watch() -> None:
        while not finished.is_set():
            done = sum(traffic.outcomes.values())
            readings.append((done, server.resident_bytes(), done >= warm_after(count)))
            if len(readings) % 15 == 0:
                progress.say(f"{done:,} of {count:,}, {readings[-1][1] / 1e6:.0f} MB")
            await asyncio.sleep(1.0)

    for target in targets.values():
        await target.open()
    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
        finished.set()
    for target in targets.values():
        await target.close()
    return readings


async def _ask(target: StubTarget, kind: Kind, items: Sequence[Any]) -> Outcome:
    """Sends one request."""
    try:
        async with asyncio.timeout(CANCELLED_AFTER if kind.cancelled else None):
            await target.encode(items)
    except TimeoutError:
        return Outcome(kind.name, "given up")
    except ItemError:
        return Outcome(kind.name, "items refused", expected=kind.name == BAD_ITEMS)
    except (grpc.aio.AioRpcError, Rejected) as error:
        return Outcome(kind.name, str(error), expected=False)
    return Outcome(kind.name, "answered", expected=kind.name != BAD_ITEMS)


def warm_after(count: int) -> int:
    """Of so many requests, after how many memory should be flat."""
    return max(round(WARM_SHARE * count), WARM_REQUESTS)


def grown(sizes: Sequence[int]) -> float | None:
    """By how many per cent the highest level lies over the first; a level is the median of a tenth of them.

    None where there are too few for that.
    """
    if len(sizes) < LEVELS:
        return None
    levels = [float(np.median(part)) for part in np.array_split(np.array(sizes), LEVELS)]
    return 100.0 * (max(levels) / levels[0] - 1.0)
