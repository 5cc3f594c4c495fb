"""Sample texts with their float32 vectors: what a lower precision is held against, where it is served.

A processor without the instructions for a precision may compute it all the same, and wrongly: sums of int8
products overflow before VNNI, where ONNX Runtime is not told to avoid it. So every server looks for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError
from tieback.models.session import Graph, Session

IDS, MASK, DENSE = "input_ids", "attention_mask", "dense"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Token numbers and mask `[texts, tokens]`, int64, and vectors `[texts, width]` of length 1."""

    ids: Array
    mask: Array
    dense: Array

    @classmethod
    def made_with(cls, session: Session, ids: Array, mask: Array) -> Reference:
        """The vectors that a float32 graph gives."""
        return cls(ids, mask, session.run([DENSE], {IDS: ids, MASK: mask})[0])

    @classmethod
    def load(cls, path: Path) -> Reference:
        """StartupError where the file is none of `save`."""
        try:
            tensors = load_file(path)
            return cls(tensors[IDS], tensors[MASK], tensors[DENSE])
        except (SafetensorError, KeyError) as error:
            raise StartupError(f"{path} holds no reference vectors: {error}") from error

    def save(self, path: Path) -> None:
        """Writes it as safetensors."""
        path.write_bytes(save({IDS: self.ids, MASK: self.mask, DENSE: self.dense}))

    def cosines(self, session: Graph) -> Array:
        """How near a graph's vectors are to these: `[texts]`."""
        found = session.run([DENSE], {IDS: self.ids, MASK: self.mask})[0]
        ours, theirs = (rows.astype(np.float64) for rows in (self.dense, found))
        lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        return np.asarray((ours * theirs).sum(axis=1) / lengths)
