"""Which snapshots a store has, as their manifests say, and how many bytes those of a tenant take.

A snapshot may be copied into the store, or removed from it, by hand while a server runs: it looks again.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from tieback_contract.collections import Snapshot
from tieback_contract.field_path import at
from tieback_contract.vectors import SpaceRef

from tieback.collections.description import Description
from tieback.collections.validation import check_space, check_width
from tieback.core.errors import DamagedSnapshot, InvalidInput, NotFound, StorageFull, Unsupported
from tieback.core.tenant import PRINCIPAL, CollectionKey
from tieback.index.snapshots.files import SnapshotFolders
from tieback.index.snapshots.manifest import Manifest

MOST_SNAPSHOTS = 1000
"""Snapshots of one tenant."""

_log = logging.getLogger(__name__)


class SnapshotCatalog:
    """The snapshots of all tenants. The tenant is who the running task works for.

    `stored` counts the bytes of each tenant's snapshots.
    """

    def __init__(self, folders: SnapshotFolders, stored: Counter[str]) -> None:
        self._folders, self._stored = folders, stored
        self._known: dict[CollectionKey, Snapshot] = {}

    def seen(self, owner: str | None = None) -> dict[CollectionKey, Snapshot]:
        """What is on the disk: the snapshots of a tenant, or all. Blocks.

        Manifests of new ones are read, and those that were damaged: they may still be on their way here.
        """
        found = {}
        for key in self._folders.found():
            if owner is None or key.owner == owner:
                known = self._known.get(key)
                found[key] = self._read(key) if known is None or known.damage else known
        return found

    def note(self, seen: Mapping[CollectionKey, Snapshot], owner: str | None = None) -> None:
        """Takes over what was seen of a tenant, or of all."""
        for key in [one for one in self._known if owner is None or one.owner == owner]:
            if key not in seen:
                self.remove(key)
        for key, snapshot in seen.items():
            self.add(key, snapshot)

    def add(self, key: CollectionKey, snapshot: Snapshot) -> None:
        """Takes one in."""
        self.remove(key)
        self._known[key] = snapshot
        self._stored[key.owner] += snapshot.byte_count

    def remove(self, key: CollectionKey) -> None:
        """Forgets one, if it is known."""
        known = self._known.pop(key, None)
        if known is not None:
            self._stored[key.owner] -= known.byte_count

    def find(self, name: str) -> CollectionKey:
        """A snapshot of the tenant. NotFound, with the choices, where there is none of that name."""
        key = CollectionKey(PRINCIPAL.get().tenant, name)
        if key not in self._known:
            choices = self.names()
            raise NotFound("snapshot", name, choices, hint="" if choices else "there are none yet")
        return key

    def get(self, name: str) -> Snapshot | None:
        """The tenant's snapshot of that name, if there is one."""
        return self._known.get(CollectionKey(PRINCIPAL.get().tenant, name))

    def names(self) -> list[str]:
        """Those of the tenant's snapshots, sorted."""
        tenant = PRINCIPAL.get().tenant
        return sorted(key.name for key in self._known if key.owner == tenant)

    def check_room(self) -> None:
        """StorageFull where the tenant has as many as are kept."""
        if len(self.names()) >= MOST_SNAPSHOTS:
            raise StorageFull(
                f"{MOST_SNAPSHOTS} snapshots of one tenant are kept, and no more: delete some, then try again"
            )

    def _read(self, key: CollectionKey) -> Snapshot:
        try:
            return snapshot_of(key, self._folders.read(key))
        except (DamagedSnapshot, Unsupported) as error:
            if key not in self._known:
                _log.error("the snapshot %s cannot be restored: %s", key, error)
            size, nothing = self._folders.size(key), SpaceRef("", "", "")
            return Snapshot(key.name, "", nothing, 0, 0, 0, 0, size, None, "", error.message)


def description_of(key: CollectionKey, manifest: Manifest) -> Description:
    """What a manifest says of its collection. DamagedSnapshot where that is no description."""
    try:
        description = Description.from_json(key, json.dumps(manifest.description))
        check_space(description.space, field=at("space"))
        check_width(description.width)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidInput) as error:
        raise unreadable(key, error) from error
    return description


def snapshot_of(key: CollectionKey, manifest: Manifest) -> Snapshot:
    """What is listed of a snapshot."""
    description = description_of(key, manifest)
    return Snapshot(
        *(key.name, manifest.collection, description.space, description.width, *manifest.counts),
        byte_count=manifest.byte_count,
        created=datetime.fromtimestamp(manifest.created, UTC),
        version=manifest.tieback,
    )


def unreadable(key: CollectionKey, why: object) -> DamagedSnapshot:
    """The error of a snapshot that is not what its manifest says."""
    _log.error("the snapshot %s is not what its manifest says: %s", key, why)
    return DamagedSnapshot(
        f"the files of the snapshot {key.name!r} are not what its manifest says; nothing was restored: "
        "restore another snapshot"
    )
