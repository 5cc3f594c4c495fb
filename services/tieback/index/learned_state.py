"""What a collection's codec learned, as an artifact in the folder `learned` of the collection's table.

There it goes wherever the table goes: into snapshots, into restored collections, and out with it. It is
derived from the vectors: one that is damaged is dropped, and learned again.
"""

from __future__ import annotations

import logging
import os
import shutil
import weakref
from pathlib import Path

from tieback.artifacts import Artifact, Kind, stored
from tieback.core.errors import ArtifactError, InvalidInput
from tieback.core.state import Schema, State, check_state
from tieback.core.types.method_choice import MethodChoice
from tieback.index.full_disk import storage_errors

FOLDER = "learned"
CODEC_STATE = Kind("codec-state", "state of a codec", 1, "the collection learns it again from its vectors")

_log = logging.getLogger(__name__)


class LearnedState:
    """The state of the codec `choice` of the collection whose table has that folder.

    The folder is held open, so it may be moved meanwhile.
    """

    def __init__(self, folder: Path, choice: MethodChoice, schema: Schema) -> None:
        self._choice, self._schema = choice, schema
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
        for folder in reversed(stored(self.folder / FOLDER)):
            try:
                found = Artifact.load(folder, CODEC_STATE)
                check_state(found.arrays, self._schema, width=width)
            except (ArtifactError, InvalidInput) as error:
                _log.error("what the codec %r learned is dropped: %s", self._choice.name, error.message)
                continue
            return found
        return None

    def save(self, state: State, trained_on: int) -> Artifact:
        """Keeps it, durably, in the place of what was there. StorageFull or OSError where that cannot be."""
        check_state(state, self._schema)
        choice = {"codec": self._choice.name, "parameters": dict(self._choice.parameters)}
        artifact = Artifact(CODEC_STATE, state, {**choice, "trained_on": trained_on})
        root = self.folder / FOLDER
        with storage_errors():
            kept = artifact.save(root)
        for other in root.iterdir():
            if other != kept:
                shutil.rmtree(other, ignore_errors=True)
        return artifact
