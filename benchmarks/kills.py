"""Kills a whole server with SIGKILL at random points of its writing, and looks for what it had acknowledged.

One store lives through all kills. Between them several writers insert, replace and delete items of 1 to 600
sections, make and delete whole collections, and make, restore and delete snapshots; every tenth request or so
brings a compaction. A kill falls

    writing     at a random moment of that
    pausing     about a second after the last write, when a collection is compacted because nobody writes
    starting    while the server starts, and reads the store
    training    in another store, of over 5,000 sections, when their vectors are linked to a graph

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
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tieback_client import Client, TiebackError

from benchmarks.acknowledged_writes import SPACE, WIDTH, Births, Faults, Lane, made, upsert
from benchmarks.kept_snapshots import COLLECTION, Keeper
from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, Served, StartError, Starting, started

SPACES = ("wordllama-256",)
KINDS = {"writing": 0.5, "pausing": 0.2, "starting": 0.22, "training": 0.08}
MOST_WRITES = 24
"""A server dies after 0 to so many requests, and then"""
DELAY = 0.1
"""at a random moment of so many seconds."""
WRITES_SECONDS = 20.0
"""What they may take; it dies then too."""
PAUSE = (0.9, 1.4)  # seconds after the last write: compaction begins after one
TRAINED_FROM = 5_000
SECTIONS_PER_ITEM = 1000


class Store:
    """A store on disk, those who write to it, and what became of them."""

    def __init__(self, folder: Path, writers: Sequence[Lane | Births | Keeper]) -> None:
        self.folder, self.writers = folder, writers
        self.faults = Faults()
        self.refused: list[str] = []  # starts that failed
        self.damaged: list[str] = []
        self.seconds: list[float] = []  # of starts
        self.server: Served | None = None
        self._starting: Starting | None = None
        self._running = ExitStack()

    @property
    def writes(self) -> int:
        """Requests that were acknowledged."""
        return sum(writer.writes for writer in self.writers)

    def start(self) -> None:
        """Starts its server, or notes why it did not start."""
        self.begin()
        if self._starting is not None:
            try:
                self.server = self._starting.ready()
            except StartError as error:
                self.refused.append(str(error))
            else:
                self.seconds.append(self.server.ready_seconds)

    def begin(self) -> None:
        """Begins to start its server."""
        self.kill()
        self._starting = self._running.enter_context(
            started(self.folder, local=True, spaces=SPACES, settings=NO_GENERATOR)
        )

    def kill(self) -> None:
        """Kills its server, where it has one, however far its start has come."""
        if self._starting is not None:
            self._starting.kill()
        self._running.close()
        self.server = self._starting = None

    def check(self) -> None:
        """Holds the server against all that was acknowledged."""
        if self.server is None:
            return
        try:
            with client_of(self.server) as client:
                self.damaged += [f"{one.name}: {one.damage}" for one in client.collections() if one.damage]
                for writer in self.writers:
                    writer.check(client, self.faults)
        except TiebackError as error:
            self.refused.append(f"a check: {error}")

    def write(self, writes: int, seconds: float, *, pause: bool = False) -> None:
        """Has everybody write, and kills the server so many seconds after so many requests.

        With a `pause`, everybody stops before these seconds.
        """
        if self.server is None:
            return
        stop = threading.Event()
        clients = [client_of(self.server) for _ in self.writers]
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
        self.kill()
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
    kinds = random.Random(options.seed).choices(list(KINDS), list(KINDS.values()), k=options.kills)
    with tempfile.TemporaryDirectory() as folder:
        return killed(Path(folder), kinds, options.seed, Progress({"kills": options.kills * 3.5}))


def killed(folder: Path, kinds: Sequence[str], seed: int, progress: Progress | None = None) -> Report:
    """Kills a server of each kind in turn, in this folder; the points are drawn by `seed`."""
    chance = random.Random(seed)
    lanes = [
        Lane(name, f"l{n}", random.Random(f"{seed}:{n}")) for n, name in enumerate(("docs", "docs", "notes"))
    ]
    births, keeper = (random.Random(f"{seed}:{name}") for name in ("births", "keeper"))
    store = Store(folder / "store", [*lanes, Births(births), Keeper(keeper)])
    trained = Trained(folder, seed) if "training" in kinds else None
    points: Counter[tuple[str, str]] = Counter()
    try:
        _begin(store)
        if progress is not None:
            progress.begin("kills")
        for number, kind in enumerate(kinds, 1):
            killing = store
            if kind == "training" and trained is not None:
                killing = trained.store
                trained.kill(chance)
            else:
                _kill(store, kind, chance)
            points[kind, killing.found()] += 1
            killing.start()
            killing.check()
            if progress is not None and number % 10 == 0:
                progress.say(f"{number} of {len(kinds)}")
    finally:
        store.kill()
        if trained is not None:
            trained.store.kill()
    return _report([store, *([trained.store] if trained is not None else [])], points)


class Trained:
    """A store just below the number of sections from which vectors are linked to a graph."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._base = folder / "base"
        self.store = Store(folder / "trained", [Lane("large", "l", random.Random(f"{seed}:large"))])
        with started(self._base, local=True, spaces=SPACES, settings=NO_GENERATOR) as server:
            served = server.ready()
            with client_of(served) as client:
                client.create_collection("large", SPACE, width=WIDTH)
                items = (
                    made(f"big-{n}", 1, SECTIONS_PER_ITEM) for n in range(TRAINED_FROM // SECTIONS_PER_ITEM)
                )
                upsert(client, "large", items)

    def kill(self, chance: random.Random) -> None:
        """Writes until it is trained, and kills it somewhere in that."""
        self.store.kill()
        shutil.rmtree(self.store.folder, ignore_errors=True)
        shutil.copytree(self._base, self.store.folder)
        for lane in self.store.writers:
            lane.forget()
        self.store.start()
        self.store.write(chance.randint(1, 4), chance.uniform(0.0, 1.0))


def _begin(store: Store) -> None:
    store.start()
    if store.server is not None:
        with client_of(store.server) as client:
            for name in ("docs", "notes", COLLECTION):
                client.create_collection(name, SPACE, width=WIDTH)


def _kill(store: Store, kind: str, chance: random.Random) -> None:
    if kind == "starting":
        store.begin()
        time.sleep(chance.uniform(0.0, 1.1 * float(np.median(store.seconds or [2.0]))))
        store.kill()
    elif kind == "pausing":
        store.write(6, chance.uniform(*PAUSE), pause=True)
    else:
        store.write(chance.randint(0, MOST_WRITES), chance.uniform(0.0, DELAY))


def client_of(server: Served) -> Client:
    """A client that does not send again what was not acknowledged."""
    return Client(server.address, retry=None, timeout=30)


def _report(stores: Sequence[Store], points: Counter[tuple[str, str]]) -> Report:
    report = Report()
    report.table(
        "kills",
        [{"while": kind, "found": found, "kills": n} for (kind, found), n in sorted(points.items())],
    )
    seconds = [one for store in stores for one in store.seconds]
    writes = sum(store.writes for store in stores)
    starts = {"starts": len(seconds), "median s": float(np.median(seconds or [0.0]))}
    report.table("starts", [{**starts, "longest s": max(seconds, default=0.0)}])
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
