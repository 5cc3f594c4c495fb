"""What was learned of a collection's vectors, as artifacts in folders of the collection's table: in `learned`
what its codec learned, in `lists` the lists that they are sorted into.

There it goes wherever the table goes: into snapshots, into restored collections, and out with it. It is
derived from the vectors: one that is damaged is dropped, and learned again.
"""

from __future__ import annotations

import logging
import os
import shutil
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieback.artifacts import Artifact, Kind, stored
from tieback.core.errors import ArtifactError, InvalidInput
from tieback.core.state import Schema, State, check_state
from tieback.index.full_disk import storage_errors

FOLDER = "learned"
LISTS = "lists"
FOLDERS = frozenset({FOLDER, LISTS})
"""Folders of what is derived; nothing of them is in the table."""

CODEC_STATE = Kind("codec-state", "state of a codec", 1, "the collection learns it again from its vectors")

_log = logging.getLogger(__name__)


class LearnedState:
    """The state of a kind, of the collection whose table has that folder; arrays of `schema`.

    The folder is held open, so it may be moved meanwhile.
    """

    def __init__(
        self, folder: Path, schema: Schema, *, kind: Kind = CODEC_STATE, within: str = FOLDER
    ) -> None:
        self._schema, self._kind, self._within = schema, kind, within
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)

    @property
    def folder(self) -> Path:
        """The table's folder, wherever it is now."""
        return Path(f"/proc/self/fd/{self._descriptor}")

    @property
    def is_gone(self) -> bool:
        """Whether the collection was removed."""
        return not os.fstat(self._descriptor).st_nlink

    def load(self, width: int) -> Artifact | None:
        """What was learned; None where nothing was, or nothing that is whole."""
        for folder in reversed(stored(self.folder / self._within)):
            try:
                found = Artifact.load(folder, self._kind)
                check_state(found.arrays, self._schema, width=width)
            except (ArtifactError, InvalidInput) as error:
                _log.error("what was learned of a collection is dropped: %s", error.message)
                continue
            return found
        return None

    def save(self, state: State, facts: Mapping[str, Any]) -> Artifact:
        """Keeps it, durably, in the place of what was there. StorageFull or OSError where that cannot be."""
        check_state(state, self._schema)
        artifact = Artifact(self._kind, state, facts)
        root = self.folder / self._within
        with storage_errors():
            kept = artifact.save(root)
        for other in root.iterdir():
            if other != kept:
                shutil.rmtree(other, ignore_errors=True)
        return artifact
