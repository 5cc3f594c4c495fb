"""Vectors of texts by an encoder; in a file too where a folder is named, so that nothing is encoded twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef


class VectorCache:
    """Vectors of one space. The file has its name and fingerprint, and holds hashes of texts, not texts."""

    def __init__(self, folder: Path | None, space: SpaceRef) -> None:
        self._file = folder and folder / f"{space.name}-{space.fingerprint}.npz"
        self._vectors: dict[str, Array] = {}
        if self._file is not None and self._file.is_file():
            with np.load(self._file, allow_pickle=False) as found:
                self._vectors = dict(zip(found["texts"].tolist(), found["vectors"], strict=True))

    def __contains__(self, text: str) -> bool:
        return _hash(text) in self._vectors

    def __getitem__(self, text: str) -> Array:
        return self._vectors[_hash(text)]

    def add(self, texts: Sequence[str], vectors: Array) -> None:
        """Keeps `vectors` `[texts, width]`."""
        self._vectors.update(zip(map(_hash, texts), vectors, strict=True))
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(self._file, texts=list(self._vectors), vectors=np.stack(list(self._vectors.values())))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
