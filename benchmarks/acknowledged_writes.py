"""Writers of an index that remember what was acknowledged to them, and hold a server against it.

A lane owns some items of a collection and sends one request at a time. When the server dies, its last request
may have been carried out or not, but only as a whole; everything before it must be there.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tieback_client import Client, Item, NotFound, Section, SpaceRef, TiebackError, Vector
from tieback_client.messages.writing_items import sections

SPACE = SpaceRef("by-hand", "r1", "f1")
WIDTH = 8
POOL = 12  # items of a lane
MOST_ITEMS = 6  # of a request, which is carried out as a whole or not
MOST_SECTIONS = 600
_GONE = 0  # the version of an item that is not there


@dataclass
class Faults:
    """Losses of a server; each with an example in `examples`."""

    lost: int = 0
    half: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, kind: str, example: str) -> None:
        """Counts one."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.examples.append(f"{kind}: {example}")


def made(name: str, version: int, sections: int) -> Item:
    """An item whose sections all say its version."""
    chance = np.random.default_rng(version)
    vectors = chance.standard_normal((sections, WIDTH), np.float32)
    parts = [
        Section(f"{name} {word(name, version)} s{n}", vector=Vector(v, SPACE)) for n, v in enumerate(vectors)
    ]
    return Item(name, parts, metadata={"version": version, "sections": sections})


def word(name: str, version: int) -> str:
    """A word that stands in one version of one item and nowhere else."""
    return f"{name.replace('-', '')}v{version}"


def upsert(client: Client, collection: str, items: Iterable[Item]) -> None:
    """Writes items, up to so many as a lane's request has in one; the first error of any is raised."""
    for error in client.upsert(collection, items, batch=MOST_ITEMS).collect().errors.values():
        raise error


class Lane:
    """Writes, replaces and deletes its own items until the server dies or it is told to stop."""

    def __init__(self, collection: str, name: str, chance: random.Random) -> None:
        self.collection, self.name, self._chance = collection, name, chance
        self.acknowledged: dict[str, int] = {}
        self.pending: dict[str, int] = {}
        self.writes = 0
        self.ended = ""
        self._version = 0

    def forget(self) -> None:
        """The store was begun anew."""
        self.acknowledged, self.pending = {}, {}

    def run(self, client: Client, stop: threading.Event) -> None:
        """Sends requests one after the other; what ended that is in `ended`."""
        self.ended = ""
        try:
            while not stop.is_set():
                self._write(client)
        except TiebackError as error:
            self.ended = str(error)

    def _write(self, client: Client) -> None:
        chance = self._chance
        self._version += 1
        names = [f"{self.name}-{n}" for n in chance.sample(range(POOL), chance.randint(1, MOST_ITEMS))]
        if chance.random() < 0.25:
            self.pending = dict.fromkeys(names, _GONE)
            client.delete(self.collection, names)
        else:
            self.pending = dict.fromkeys(names, self._version)
            few = chance.random() < 0.5
            items = [
                made(one, self._version, chance.randint(1, 4 if few else MOST_SECTIONS)) for one in names
            ]
            upsert(client, self.collection, items)
        self.acknowledged |= self.pending
        self.pending = {}
        self.writes += 1

    def check(self, client: Client, faults: Faults) -> None:
        """Holds what the server has now against what it acknowledged; what it has is taken over."""
        there = {}
        for item in client.items(self.collection, filter=f'item_id : "{self.name}-"'):
            there[item.id] = number_of(item, "version")
            if not is_whole(item):
                faults.note("half", f"{item.id} of {self.collection} has sections of several versions")
        names = self.acknowledged.keys() | self.pending.keys() | there.keys()
        now = {name: there.get(name, _GONE) for name in names}
        before = {name: self.acknowledged.get(name, _GONE) for name in names}
        if now not in (before, {**before, **self.pending}):
            wrong = {n: now[n] for n in names if now[n] not in (before[n], self.pending.get(n, before[n]))}
            kind = "lost" if wrong else "half"
            expected = {n: before[n] for n in wrong}
            faults.note(kind, f"{self.collection}: {wrong} and not {expected}; under way: {self.pending}")
        self.acknowledged, self.pending = now, {}
        self._search(client, faults)

    def _search(self, client: Client, faults: Faults) -> None:
        """Vectors and words find the last version of an item, whole, and nothing of a deleted one."""
        for name in self._chance.sample(sorted(self.acknowledged), min(3, len(self.acknowledged))):
            version = self.acknowledged[name]
            query = Vector(np.ones(WIDTH, np.float32), SPACE)
            by_vector = client.search(
                self.collection, vector=query, filter=f'item_id = "{name}"', limit=1000
            ).hits
            by_word = client.search(self.collection, text=word(name, version), limit=1000).hits
            if version == _GONE:
                if by_vector:
                    faults.note("lost", f"{name} of {self.collection} was deleted and is found")
                continue
            sections = number_of(client.get(self.collection, name), "sections")
            for hits in (by_vector, by_word):
                if len(hits) != sections or {hit.metadata["version"] for hit in hits} != {version}:
                    faults.note("half", f"{name} of {self.collection}: {len(hits)} of {sections} are found")


class Births:
    """Makes collections with an item each, and deletes them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._number = 0
        self.there: dict[str, bool] = {}  # by name: whether its item was acknowledged
        self.pending = ""
        self.writes = 0
        self.ended = ""

    def forget(self) -> None:
        """The store was begun anew."""
        self.there, self.pending = {}, ""

    def run(self, client: Client, stop: threading.Event) -> None:
        """Makes and deletes, one after the other; what ended that is in `ended`."""
        self.ended = ""
        try:
            while not stop.is_set():
                self._write(client)
        except TiebackError as error:
            self.ended = str(error)

    def _write(self, client: Client) -> None:
        if len(self.there) > 2 or (self.there and self._chance.random() < 0.4):
            self.pending = self._chance.choice(sorted(self.there))
            client.delete_collection(self.pending)
            del self.there[self.pending]
        else:
            self._number += 1
            self.pending = f"born-{self._number}"
            client.create_collection(self.pending, SPACE, width=WIDTH)
            self.there[self.pending] = False
            upsert(client, self.pending, [made("only", 1, 2)])
            self.there[self.pending] = True
        self.pending = ""
        self.writes += 1

    def check(self, client: Client, faults: Faults) -> None:
        """See `Lane.check`."""
        there = {one.name for one in client.collections() if one.name.startswith("born-")}
        for name in sorted(there ^ self.there.keys()):
            if name != self.pending:
                faults.note("lost", f"the collection {name} was {'deleted' if name in there else 'made'}")
        for name in sorted(there):
            kept: Mapping[str, Any] = {}
            with contextlib.suppress(NotFound):
                kept = client.get(name, "only").metadata
            if self.there.get(name) and not kept:
                faults.note("lost", f"the item of the collection {name}")
            self.there[name] = bool(kept)
        self.there = {name: known for name, known in self.there.items() if name in there}
        self.pending = ""


def is_whole(item: Item) -> bool:
    """Tell whether all sections of an item say its version."""
    version = number_of(item, "version")
    texts = [str(one.content) for one in sections(item)]
    return texts == [f"{item.id} {word(item.id, version)} s{n}" for n in range(number_of(item, "sections"))]


def number_of(item: Item, key: str) -> int:
    """A number in its metadata."""
    return int(str(item.metadata[key]))
