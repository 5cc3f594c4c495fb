"""The canary of an encoder that another server runs: some texts whose vectors are kept from its first use on.

While their vectors stay the same, the model is: vectors of today compare with those that were stored before.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save
from tieback_contract.arrays import Array

from tieback.core.durable_files import write_durably

log = logging.getLogger(__name__)

SMALLEST_COSINE = 0.999
"""Of a canary to the one that is kept. Servers that batch or round differently stay above it."""

TEXTS = (
    "The tide is highest when the moon is full, and the harbour wall keeps most of it out.",
    "How long can milk be kept at 7 °C?",
    "Die Brücke ist am Montag wegen Bauarbeiten gesperrt.",
    "def area(width, height):\n    return width * height",
    "図書館は日曜日に閉まっています。",
)
"""Of several kinds, so that no two models are likely to agree on all."""

VECTORS = "vectors"


class Canary:
    """The kept vectors, in a file. Written once; read again where the file was changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = 0
        self._vectors: Array | None = None

    @property
    def kept(self) -> Array | None:
        """The vectors `[texts, width]` of length 1; None before the first use."""
        try:
            stamp = self.path.stat().st_mtime_ns
        except OSError:
            return self._vectors  # what was seen in this process still holds
        if stamp != self._stamp:
            try:
                vectors = load(self.path.read_bytes())[VECTORS]
            except (OSError, SafetensorError, KeyError) as error:
                log.error("the canary %s cannot be read: %s", self.path, error)
                return self._vectors
            self._vectors, self._stamp = vectors, stamp
        return self._vectors

    def keep(self, vectors: Array) -> None:
        """Keeps vectors in place of those of before. OSError where the disk refuses: they hold here."""
        self._vectors = vectors
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self.path, save({VECTORS: vectors}))
        self._stamp = self.path.stat().st_mtime_ns

    def cosine(self, vectors: Sequence[Array] | Array, first: int = 0) -> float:
        """The smallest cosine of vectors of length 1, of the texts from `first` on, to the kept ones."""
        kept = self.kept
        if kept is None or any(len(one) != kept.shape[1] for one in vectors):
            return -1.0
        rows = kept[first : first + len(vectors)]
        return float(min((rows * np.stack(list(vectors))).sum(axis=1)))
