"""Opens a collection; where its files are damaged, keeps it apart and finds what can still be read of it."""

from __future__ import annotations

import logging
from concurrent.futures import Executor

from tieback_contract.vectors import SpaceRef

from tieback.core.errors import StorageFull
from tieback.core.tenant import CollectionKey
from tieback.index.collection import DamagedCollection, OpenCollection, ReadCollection
from tieback.index.store import Description, Store

_RESTORE = (
    "its files are damaged or missing; restore it from a backup and start the server again, or delete it and "
    "index its items again"
)
_FULL = (
    "the disk is full, and the rows that its codec has on disk have to be made again; free space and start "
    "the server again"
)

_log = logging.getLogger(__name__)


def load(store: Store, key: CollectionKey, executor: Executor) -> OpenCollection | DamagedCollection:
    """The collection as it was last acknowledged, or what is left of it."""
    try:
        description, table = store.open(key)
        return OpenCollection.load(description, table, executor, store.sources(key))
    except Exception as error:  # noqa: BLE001 - whatever Lance says of damaged files: the others must open
        _log.error(
            "the collection %s is damaged and is kept apart: it is not written, and read as far as it can be "
            "(%s: %s)",
            *(key, type(error).__name__, error),
        )
        return _remains(store, key, _FULL if isinstance(error, StorageFull) else _RESTORE)


def _remains(store: Store, key: CollectionKey, why: str) -> DamagedCollection:
    known = Description(key, SpaceRef("", "", ""), 0, 0.0)
    for description, table in store.remains(key):
        known = description if not known.width else known
        try:
            content = ReadCollection.read(description, table)
            if content.last:  # not the empty table that it once was
                return DamagedCollection(description, why, content)
        except Exception as error:  # noqa: BLE001 - see above; an older version may still be read
            _log.debug("a version of the collection %s cannot be read: %s", key, error)
    return DamagedCollection(known, why, None)
