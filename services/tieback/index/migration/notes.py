"""What says of a collection that it is being moved to another space, on the disk beside its generation.

    generations/[TENANT/]NAME.json

A generation without it is a reindex's, which nothing reads until it is complete.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from tieback_contract.vectors import SpaceRef

from tieback.core.durable_files import sync_path, write_durably
from tieback.core.tenant import CollectionKey
from tieback.core.types.moving import StartedMove


class MoveNotes:
    """The notes of all collections, in the folder of the generations. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: CollectionKey) -> StartedMove | None:
        """The note of a collection; None where it has none. ValueError or KeyError of a damaged one."""
        try:
            known = json.loads(self._path(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return StartedMove(
            SpaceRef(*known["space"]),
            int(known["width"]),
            paused=bool(known["paused"]),
            translation=str(known["translation"]),
            trust=float(known["trust"]),
            request=dict(known["request"]),
        )

    def write(self, key: CollectionKey, move: StartedMove) -> None:
        """Writes the note of a collection, durably, in one step."""
        space = move.space
        said = {
            "space": [space.name, space.revision, space.fingerprint],
            "width": move.width,
            "paused": move.paused,
            "translation": move.translation,
            "trust": move.trust,
            "request": dict(move.request or {}),
        }
        path = self._path(key)
        path.parent.mkdir(exist_ok=True)
        write_durably(path, json.dumps(said).encode())

    def remove(self, key: CollectionKey) -> None:
        """Removes the note of a collection, durably, if there is one."""
        path = self._path(key)
        with suppress(FileNotFoundError):
            path.unlink()
            sync_path(path.parent)

    def _path(self, key: CollectionKey) -> Path:
        return self._folder / key.owner / f"{key.name}.json"
