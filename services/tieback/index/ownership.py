"""The collections of all tenants, and which of them the tenant that calls may use, and how.

What it may not know of is `NotFound` with the same words as what does not exist.
"""

from __future__ import annotations

from collections import Counter

from tieback.collections.quotas import Stored
from tieback.collections.visibility import unknown, visible
from tieback.core.errors import NotFound
from tieback.core.tenant import PRINCIPAL, AccessLevel, CollectionKey
from tieback.index.collection import DamagedCollection, OpenCollection, ReadCollection


class OwnedCollections:
    """Open and damaged collections by owner and name. The tenant is who the running task works for."""

    def __init__(self) -> None:
        self.sound: dict[CollectionKey, OpenCollection] = {}
        self.damaged: dict[CollectionKey, DamagedCollection] = {}
        self.snapshot_bytes: Counter[str] = Counter()  # of the snapshots of each tenant

    @property
    def count(self) -> int:
        """Collections of all tenants."""
        return len(self.sound) + len(self.damaged)

    def add(self, known: OpenCollection | DamagedCollection) -> None:
        """Takes one in."""
        if isinstance(known, DamagedCollection):
            self.damaged[known.description.key] = known
        else:
            self.sound[known.description.key] = known

    def remove(self, key: CollectionKey) -> None:
        """Forgets one."""
        self.sound.pop(key, None)
        self.damaged.pop(key, None)

    def known(self, name: str, needed: AccessLevel = AccessLevel.READ) -> OpenCollection | DamagedCollection:
        """The collection that the tenant calls so. NotFound, with its choices, or PermissionDenied."""
        principal = PRINCIPAL.get()
        key = principal.find(name)
        principal.require(needed, key)
        known = None if key is None else self.sound.get(key) or self.damaged.get(key)
        if known is None:
            raise self.unknown(name)
        return known

    def to_write(self, name: str) -> OpenCollection:
        """One that the tenant may write to. Damaged where its files are, else as in `known`."""
        known = self.known(name, AccessLevel.WRITE)
        if isinstance(known, DamagedCollection):
            raise known.refusal()
        return known

    def to_read(self, name: str) -> ReadCollection:
        """One to read from, or what is left of it. Damaged where that is nothing, else as in `known`."""
        known = self.known(name)
        return known.readable() if isinstance(known, DamagedCollection) else known

    def visible(self) -> dict[str, CollectionKey]:
        """See the function."""
        return visible((*self.sound, *self.damaged))

    def unknown(self, name: str) -> NotFound:
        """See the function."""
        return unknown(name, (*self.sound, *self.damaged))

    def readable(self) -> list[ReadCollection]:
        """All of which something can be read, of all tenants."""
        damaged = [known.content for known in self.damaged.values() if known.content is not None]
        return [*self.sound.values(), *damaged]

    def stored(self, owner: str) -> Stored:
        """What a tenant stores; its snapshots count by the bytes of their files."""
        owned = [one.memory for one in self.readable() if one.description.owner == owner]
        count = sum(key.owner == owner for key in (*self.sound, *self.damaged))
        size = sum(one.bytes for one in owned) + self.snapshot_bytes[owner]
        return Stored(count, sum(one.item_count for one in owned), size)
