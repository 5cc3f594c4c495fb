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

import numpy as np
from tieback_contract.arrays import Array

from tieback.artifacts import Artifact, Kind, stored
from tieback.core.durable_files import storage_errors
from tieback.core.errors import ArtifactError, InvalidInput, StorageFull
from tieback.core.state import Schema, State, check_state

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

    def save_if_possible(self, state: State, facts: Mapping[str, Any], *, what: str) -> None:
        """Keeps what a start can make again, unless it cannot be written; `what` names it in the log."""
        try:
            self.save(state, facts)
        except (OSError, StorageFull) as error:
            if not self.is_gone:
                _log.warning("%s not kept, to be made again at the next start: %s", what, error)


_GOLDEN = 0x9E3779B97F4A7C15  # multiples of it are spread evenly


def fingerprints(rows: Array) -> Array:
    """A number of 64 bits for each row `[n, columns]`, by its bytes."""
    taken = np.ascontiguousarray(rows).view(np.uint8)
    words = taken.view(np.uint32) if taken.shape[1] % 4 == 0 else taken
    weights = np.arange(1, words.shape[1] + 1, dtype=np.uint64) * np.uint64(_GOLDEN) | np.uint64(1)
    return np.asarray(words.astype(np.uint64) @ weights).view(np.int64)


class Fingerprints:
    """Which of many has a row; of equal rows each is given once."""

    def __init__(self, numbers: Array) -> None:
        """By the fingerprint of each; those with 0 have no row."""
        order = np.argsort(numbers, kind="stable")
        order = order[numbers[order] != 0]
        self._owners = order.astype(np.int32)
        self._numbers, self._begins = np.unique(numbers[order], return_index=True)
        self._given = np.zeros(len(self._numbers), np.int32)

    @property
    def bytes(self) -> int:
        """Bytes in memory."""
        return sum(one.nbytes for one in (self._owners, self._numbers, self._begins, self._given))

    def claimed(self, numbers: Array) -> Array:
        """Whose rows these are `[n]`; -1 where it is nobody's, or all were given."""
        found = np.full(len(numbers), -1, np.int64)
        if not len(self._numbers):
            return found
        places = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        known = np.flatnonzero(self._numbers[places] == numbers)
        order = known[np.argsort(places[known], kind="stable")]
        first = np.flatnonzero(np.diff(places[order], prepend=-1))
        lengths = np.diff([*first, len(order)])
        turn = np.arange(len(order)) - np.repeat(first, lengths) + self._given[places[order]]
        there = self._begins[places[order]] + turn
        ends = np.append(self._begins[1:], len(self._owners))
        fits = there < ends[places[order]]
        found[order[fits]] = self._owners[there[fits]]
        np.add.at(self._given, places[order[fits]], 1)
        return found
