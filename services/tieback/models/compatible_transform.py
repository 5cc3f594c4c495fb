"""A transform that leads vectors of a new encoder into an old space, as the plan of an upgrade learned it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tieback.artifacts import Artifact, Kind, stored
from tieback.core.errors import ArtifactError
from tieback.core.types.arrays import Array
from tieback.core.types.vectors import SpaceRef
from tieback.methods.compatibility import compatibilities, shared

COMPATIBILITY = Kind(
    "compatibility", "compatible transform", 1, "start the upgrade's plan again: tieback upgrade plan"
)


@dataclass(frozen=True, slots=True)
class CompatibleTransform:
    """A transform that was learned. `trust` is what was measured that it keeps of re-encoding, 0 to 1."""

    artifact: Artifact
    trust: float

    @property
    def revision(self) -> str:
        """Of the artifact."""
        return self.artifact.revision

    def __call__(self, vectors: Array) -> Array:
        """Vectors of the old space `[n, old width]` for those of the new one `[n, new width]`, unit rows."""
        facts = self.artifact.facts
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        rows = np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)
        mapped = compatibilities.get(facts["method"])(rows, self.artifact.arrays)
        return np.asarray(shared(mapped, int(facts["old_width"])), np.float32)


def newest_transform(
    folder: Path, old: SpaceRef, new: SpaceRef, revision: str = ""
) -> CompatibleTransform | None:
    """The newest transform in a folder between these spaces, or that of a revision; else None. Blocks."""
    for path in reversed(stored(folder)):
        if revision and path.name != revision:
            continue
        try:
            artifact = Artifact.load(path, COMPATIBILITY)
        except ArtifactError:
            continue
        if artifact.made_for == (old, new):
            return CompatibleTransform(artifact, _trust(artifact))
    return None


def _trust(artifact: Artifact) -> float:
    """What the plan says, or what old vectors found of what new ones would, by the queries held out."""
    if "trust" in artifact.facts:
        return float(artifact.facts["trust"])
    recall = artifact.facts["recall"]
    native = float(recall["native"]["value"])
    return min(float(recall["new_old"]["value"]) / native, 1.0) if native else 0.0
