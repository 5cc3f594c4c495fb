"""Time of a search while its own tenant writes, encodes again and upgrades; about five minutes.

The pages of docs/ are searched by the questions to them (generation/docs), twice a second, without a cache.
In turn nothing else is done, `tieback index` puts the modules of Python's standard library into another
collection of the same space, and a collection of some of them is encoded again, and upgraded, into that
space. The server is one process with one thread for its models. What a search had to wait for in the queue of
the encoder is told beside the whole.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tieback_client import Client, Item, Operation

from benchmarks.generation.library import NAME, PAGES, questions
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, UNCACHED, Served, served

SPACE, EARLIER = "all-minilm-l6-v2", "paraphrase-minilm-l3-v2"
SETTINGS = NO_GENERATOR | UNCACHED
"""What was encoded in one state is encoded again in the next."""
PERIOD = 0.5
"""Seconds between two searches."""
WARM_SECONDS = 3.0
"""After which the work beside them is under way."""
MOVED_FILES = 100
"""Of the modules, so many are encoded again: that takes longer than the searches beside it."""
ALONE, INDEX, REINDEX, UPGRADE = "nothing", "tieback index", "reindex", "upgrade"
LATE = 0.5
"""Seconds within which somebody who waits thinks that it is at once."""
ENCODE = f"encode:{SPACE}"


@dataclass(slots=True)
class Times:
    """Seconds of searches: in all, and in the queue of the encoder."""

    whole: list[float] = field(default_factory=list)
    queue: list[float] = field(default_factory=list)
    busy: bool = True

    def row(self, beside: str) -> dict[str, object]:
        """Milliseconds."""
        whole, queue = 1000 * np.array(self.whole), 1000 * np.array(self.queue)
        return {
            "beside": beside,
            "searches": len(whole),
            "median": float(np.median(whole)),
            "95 of 100": float(np.percentile(whole, 95)),
            "longest": float(whole.max()),
            "in the encoder's queue, 95 of 100": float(np.percentile(queue, 95)),
            "busy to the end": "yes" if self.busy else "no",
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--most", type=int, default=60, metavar="N", help="searches in each state [60]")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    asked = [one.asked.question for one in questions()][: options.most]
    with (
        tempfile.TemporaryDirectory() as folder,
        served(local=True, spaces=[SPACE, EARLIER], settings=SETTINGS) as server,
        server.client() as client,
    ):
        for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
            shutil.copy(path, folder)
        tell(report, measured(server, client, asked, Path(folder)))
    return report


def measured(server: Served, client: Client, asked: Sequence[str], files: Path) -> dict[str, Times]:
    """The times of searches, by what was done beside them."""
    client.ingest(NAME, [Item.from_file(page) for page in sorted(PAGES.glob("*.md"))], space=SPACE).collect()
    moved = [Item.from_file(path) for path in sorted(files.iterdir())[:MOVED_FILES]]
    states: dict[str, Callable[[], AbstractContextManager[Callable[[], bool]]]] = {
        ALONE: lambda: _nothing(),
        INDEX: lambda: _indexing(server.address, files),
        REINDEX: lambda: _operating(client, moved, lambda name: client.reindex(name, space=SPACE)),
        UPGRADE: lambda: _operating(client, moved, lambda name: client.upgrade(name, space=SPACE)),
    }
    found: dict[str, Times] = {}
    for name, state in states.items():
        with state() as is_busy:
            found[name] = _searched(client, asked)
            found[name].busy = is_busy()
    return found


def _searched(client: Client, asked: Sequence[str]) -> Times:
    times = Times()
    for question in asked:
        begun = time.monotonic()
        reply = client.retrieve(NAME, question)
        took = time.monotonic() - begun
        times.whole.append(took)
        times.queue.append(sum(stage.queue for stage in reply.timing.stages if stage.name == ENCODE))
        time.sleep(max(0.0, PERIOD - took))
    return times


@contextmanager
def _nothing() -> Iterator[Callable[[], bool]]:
    yield lambda: True


@contextmanager
def _indexing(address: str, files: Path) -> Iterator[Callable[[], bool]]:
    tieback = str(Path(sys.executable).with_name("tieback"))
    command = [tieback, "index", str(files), "--collection", "files", "--space", SPACE, "--server", address]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(WARM_SECONDS)
        yield lambda: process.poll() is None
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _operating(
    client: Client, items: Sequence[Item], start: Callable[[str], Operation[Any]]
) -> Iterator[Callable[[], bool]]:
    name = "moved"
    client.ingest(name, items, space=EARLIER).collect()
    operation = start(name)
    try:
        time.sleep(WARM_SECONDS)
        yield lambda: not operation.progress().is_over
    finally:
        operation.cancel()
        operation.wait()
        client.delete_collection(name)


def tell(report: Report, found: dict[str, Times]) -> None:
    """The times, and that none beside other work is one that somebody notices."""
    report.table("milliseconds of a search", [times.row(name) for name, times in found.items()])
    for name in (INDEX, REINDEX, UPGRADE):
        late = float(np.percentile(found[name].whole, 95))
        note = "" if found[name].busy else "the work beside them ended before they did"
        report.claim(f"seconds of a search beside {name}, 95 of 100", late, "s", f"<= {LATE}", note=note)
