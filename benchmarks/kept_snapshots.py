"""Makes and restores snapshots until the server dies, and holds it against what was acknowledged.

The collection is written by nobody else, so what each snapshot holds is known exactly.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from tieback_client import Client, TiebackError

from benchmarks.acknowledged_writes import Faults, is_whole, made, number_of, upsert

COLLECTION = "kept"
POOL = 8  # items of the collection
MOST_SECTIONS = 60
MOST = 3  # snapshots, and restored collections
_CHECKED = "checked"

Content = dict[str, int]
"""The version of each item."""


@dataclass
class _Kind:
    """Things by their names, with its content; `pending` is on its way there, or away."""

    there: dict[str, Content] = field(default_factory=dict)
    pending: tuple[str, Content] | None = None

    def check(self, now: dict[str, Content], what: str, faults: Faults) -> None:
        """Holds what the server has now against it, and takes that over."""
        name, content = self.pending or ("", {})
        for one in self.there.keys() - now.keys() - {name}:
            faults.note("lost", f"{what} {one}")
        for one, found in now.items():
            expected = content if one == name else self.there.get(one)
            if found != expected:
                faults.note("half", f"{what} {one} holds {found} and not {expected}")
        self.there, self.pending = now, None


class Keeper:
    """Writes a collection, keeps it, restores and deletes, one step after the other."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._number = 0
        self.now: Content = {}
        self.pending: Content = {}
        self.snapshots, self.restored = _Kind(), _Kind()
        self.writes = 0
        self.ended = ""

    def forget(self) -> None:
        """The store was begun anew."""
        self.now, self.pending = {}, {}
        self.snapshots, self.restored = _Kind(), _Kind()

    def run(self, client: Client, stop: threading.Event) -> None:
        """One step after the other; what ended that is in `ended`."""
        self.ended = ""
        try:
            while not stop.is_set():
                self._step(client)
                self.writes += 1
        except TiebackError as error:
            self.ended = str(error)

    def _step(self, client: Client) -> None:
        self._number += 1
        step = self._chance.random()
        if step < 0.3 or not self.now:
            self._write(client)
        elif step < 0.65 and len(self.snapshots.there) < MOST:
            self.snapshots.pending = (f"s-{self._number}", dict(self.now))
            client.snapshot(COLLECTION, self.snapshots.pending[0])
            self._arrived(self.snapshots)
        elif self.snapshots.there and len(self.restored.there) < MOST and step < 0.85:
            name = self._chance.choice(sorted(self.snapshots.there))
            self.restored.pending = (f"restored-{self._number}", self.snapshots.there[name])
            client.restore(name, self.restored.pending[0], any_space=True)
            self._arrived(self.restored)
        elif self.restored.there and self._chance.random() < 0.5:
            client.delete_collection(self._leaving(self.restored))
            self._left(self.restored)
        elif self.snapshots.there:
            client.delete_snapshot(self._leaving(self.snapshots))
            self._left(self.snapshots)

    def _write(self, client: Client) -> None:
        names = [f"k-{n}" for n in self._chance.sample(range(POOL), 3)]
        self.pending = dict.fromkeys(names, self._number)
        items = [made(one, self._number, self._chance.randint(1, MOST_SECTIONS)) for one in names]
        upsert(client, COLLECTION, items)
        self.now |= self.pending
        self.pending = {}

    def _arrived(self, kind: _Kind) -> None:
        assert kind.pending is not None
        name, content = kind.pending
        kind.there[name], kind.pending = content, None

    def _leaving(self, kind: _Kind) -> str:
        name = self._chance.choice(sorted(kind.there))
        kind.pending = (name, kind.there[name])
        return name

    def _left(self, kind: _Kind) -> None:
        assert kind.pending is not None
        del kind.there[kind.pending[0]]
        kind.pending = None

    def check(self, client: Client, faults: Faults) -> None:
        """See `Lane.check`. Every snapshot is restored."""
        now = self._content(client, COLLECTION, faults)
        if now not in (self.now, {**self.now, **self.pending}):
            faults.note("lost", f"{COLLECTION} holds {now} and not {self.now}; under way: {self.pending}")
        self.now, self.pending = now, {}
        kept = {}
        for snapshot in client.snapshots():
            if snapshot.damage:
                faults.note("half", f"the snapshot {snapshot.name}: {snapshot.damage}")
                continue
            client.restore(snapshot.name, _CHECKED, any_space=True)
            kept[snapshot.name] = self._content(client, _CHECKED, faults)
            client.delete_collection(_CHECKED)
        self.snapshots.check(kept, "the snapshot", faults)
        names = [one.name for one in client.collections() if one.name.startswith("restored-")]
        restored = {name: self._content(client, name, faults) for name in names}
        self.restored.check(restored, "the collection", faults)

    @staticmethod
    def _content(client: Client, collection: str, faults: Faults) -> Content:
        found = {}
        for item in client.items(collection):
            found[item.id] = number_of(item, "version")
            if not is_whole(item):
                faults.note("half", f"{item.id} of {collection} has sections of several versions")
        return found
