"""Kills a whole server with SIGKILL at random points of its writing, and looks for what it had acknowledged.

One store lives through all kills. Between them several writers insert, replace and delete items of 1 to 600
sections and make and delete whole collections; every tenth request or so brings a compaction. A kill falls

    writing     at a random moment of that
    pausing     about a second after the last write, when a collection is compacted because nobody writes
    starting    while the server starts, and reads the store
    training    in another store, of over 50,000 sections, when their vectors are sorted into lists

After each, the server is started again and asked through the SDK for every item, by listing and by search.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tieback_client import Client, TiebackError

from benchmarks.acknowledged import SPACE, WIDTH, Births, Faults, Lane, made, upsert
from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import Served, StartError, Starting, started

SETTINGS = {"TIEBACK_GENERATOR_ENABLED": "false"}
SPACES = ("wordllama-256",)
KINDS = {"writing": 0.5, "pausing": 0.2, "starting": 0.22, "training": 0.08}
MOST_WRITES = 24
"""A server dies after 0 to so many requests, and then"""
DELAY = 0.1
"""at a random moment of so many seconds."""
WRITES_SECONDS = 20.0
"""What they may take; it dies then too."""
PAUSE = (0.9, 1.4)  # seconds after the last write: compaction begins after one
TRAINED_FROM = 50_000
SECTIONS_PER_ITEM = 1000


class Store:
    """A store on disk, those who write to it, and what became of them."""

    def __init__(self, folder: Path, writers: Sequence[Lane | Births]) -> None:
        self.folder, self.writers = folder, writers
        self.faults = Faults()
        self.refused: list[str] = []  # starts that failed
        self.damaged: list[str] = []
        self.seconds: list[float] = []  # of starts

    @property
    def writes(self) -> int:
        """Requests that were acknowledged."""
        return sum(writer.writes for writer in self.writers)

    @contextmanager
    def server(self) -> Iterator[Starting]:
        """A server of it that was started."""
        with started(self.folder, local=True, spaces=SPACES, settings=SETTINGS) as server:
            yield server

    def ready(self, server: Starting) -> Served | None:
        """The server once it is ready; None where it did not start."""
        try:
            served = server.ready()
        except StartError as error:
            self.refused.append(str(error))
            return None
        self.seconds.append(served.ready_seconds)
        return served

    def check(self, server: Served) -> None:
        """Holds it against all that was acknowledged."""
        with _client(server) as client:
            self.damaged += [f"{one.name}: {one.damage}" for one in client.collections() if one.damage]
            for writer in self.writers:
                writer.check(client, self.faults)

    def write(self, server: Served, writes: int, seconds: float, *, pause: bool = False) -> None:
        """Has everybody write, and kills the server so many seconds after so many requests.

        With a `pause`, everybody stops before these seconds.
        """
        stop = threading.Event()
        clients = [_client(server) for _ in self.writers]
        threads = [
            threading.Thread(target=writer.run, args=(client, stop))
            for writer, client in zip(self.writers, clients, strict=True)
        ]
        for thread in threads:
            thread.start()
        before, begun = self.writes, time.monotonic()
        while self.writes - before < writes and time.monotonic() - begun < WRITES_SECONDS:
            time.sleep(0.005)
        if pause:
            stop.set()
            for thread in threads:
                thread.join()
        time.sleep(seconds)
        self.refused += [f"a write: {writer.ended}" for writer in self.writers if writer.ended]
        for process in server.processes():
            process.kill()
        stop.set()
        for thread, client in zip(threads, clients, strict=True):
            thread.join()
            client.close()

    def found(self) -> str:
        """At what point a kill left the store, as far as its files tell."""
        if any(self.folder.glob("making/*")) or any(self.folder.glob("leaving/*")):
            return "a collection half made or removed"
        beyond = 0
        for table in self.folder.glob("collections/*.lance"):
            versions = [2**64 - 1 - int(one.stem) for one in table.glob("_versions/*.manifest")]
            known = int((table / "acknowledged").read_text())
            beyond = max(beyond, max(versions, default=0) - known)
        if not beyond:
            return "all versions acknowledged"
        return "one version not acknowledged" if beyond == 1 else "several versions not acknowledged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=300, help="how many (300)")
    parser.add_argument("--seed", type=int, default=0, help="which random points (0)")


def run(options: argparse.Namespace) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        return killed(Path(folder), options.kills, options.seed, Progress({"kills": options.kills * 4.5}))


def killed(folder: Path, kills: int, seed: int, progress: Progress | None = None) -> Report:
    """Kills so many servers in this folder; the points are drawn by `seed`."""
    chance = random.Random(seed)
    lanes = [
        Lane(name, f"l{n}", random.Random(f"{seed}:{n}")) for n, name in enumerate(("docs", "docs", "notes"))
    ]
    store = Store(folder / "store", [*lanes, Births(random.Random(f"{seed}:births"))])
    kinds = chance.choices(list(KINDS), list(KINDS.values()), k=kills)
    trained = Trained(folder, seed) if "training" in kinds else None
    _made(store)
    points: Counter[tuple[str, str]] = Counter()
    if progress is not None:
        progress.begin("kills")
    for number, kind in enumerate(kinds, 1):
        if kind == "training" and trained is not None:
            trained.kill(chance)
            points[kind, "–"] += 1
        else:
            _kill(store, kind, chance)
            points[kind, store.found()] += 1
            _start_and_check(store)
        if progress is not None and number % 10 == 0:
            progress.say(f"{number} of {kills}")
    stores = [store, *([trained.store] if trained is not None else [])]
    return _report(stores, points)


class Trained:
    """A store just below the number of sections from which vectors are sorted into lists."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._base = folder / "base"
        self.store = Store(folder / "trained", [Lane("large", "l", random.Random(f"{seed}:large"))])
        with started(self._base, local=True, spaces=SPACES, settings=SETTINGS) as server:
            served = server.ready()
            with _client(served) as client:
                client.create_collection("large", SPACE, width=WIDTH)
                items = (
                    made(f"big-{n}", 1, SECTIONS_PER_ITEM) for n in range(TRAINED_FROM // SECTIONS_PER_ITEM)
                )
                upsert(client, "large", items)

    def kill(self, chance: random.Random) -> None:
        """Writes until it is trained, and kills it somewhere in that."""
        shutil.rmtree(self.store.folder, ignore_errors=True)
        shutil.copytree(self._base, self.store.folder)
        (lane,) = self.store.writers
        lane.acknowledged = {}  # type: ignore[union-attr]  # it has one lane
        with self.store.server() as server:
            served = self.store.ready(server)
            if served is not None:
                self.store.write(served, chance.randint(1, 4), chance.uniform(0.0, 1.0))
        _start_and_check(self.store)


def _made(store: Store) -> None:
    with store.server() as server:
        served = store.ready(server)
        if served is not None:
            with _client(served) as client:
                for name in ("docs", "notes"):
                    client.create_collection(name, SPACE, width=WIDTH)


def _kill(store: Store, kind: str, chance: random.Random) -> None:
    with store.server() as server:
        if kind == "starting":
            time.sleep(chance.uniform(0.0, float(np.median(store.seconds)) * 1.1))
            server.kill()
            return
        served = store.ready(server)
        if served is None:
            return
        if kind == "pausing":
            store.write(served, 6, chance.uniform(*PAUSE), pause=True)
        else:
            store.write(served, chance.randint(0, MOST_WRITES), chance.uniform(0.0, DELAY))


def _start_and_check(store: Store) -> None:
    with store.server() as server:
        served = store.ready(server)
        if served is not None:
            try:
                store.check(served)
            except TiebackError as error:
                store.refused.append(f"it does not answer: {error}")
            server.kill()


def _client(server: Served) -> Client:
    return Client(server.address, retry=None, timeout=30)


def _report(stores: Sequence[Store], points: Counter[tuple[str, str]]) -> Report:
    report = Report()
    report.table(
        "kills",
        [{"while": kind, "found": found, "kills": n} for (kind, found), n in sorted(points.items())],
    )
    seconds = [one for store in stores for one in store.seconds]
    writes = sum(store.writes for store in stores)
    report.table(
        "starts", [{"starts": len(seconds), "median s": float(np.median(seconds)), "longest s": max(seconds)}]
    )
    note = f"of {writes:,} requests that were acknowledged"
    examples = [one for store in stores for one in store.faults.examples]
    report.claim("kills", float(points.total()), "", "> 0")
    report.claim("acknowledged writes lost", float(sum(s.faults.lost for s in stores)), "", "<= 0", note=note)
    report.claim(
        "half states", float(sum(s.faults.half for s in stores)), "", "<= 0", note="; ".join(examples[:3])
    )
    refused = [one for store in stores for one in store.refused]
    damaged = [one for store in stores for one in store.damaged]
    report.claim(
        "starts, checks and writes that failed", float(len(refused)), "", "<= 0", note="; ".join(refused[:3])
    )
    report.claim("collections found damaged", float(len(damaged)), "", "<= 0", note="; ".join(damaged[:3]))
    return report
