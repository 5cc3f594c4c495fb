"""A transform between a new encoder's space and an old one, as the plan of an upgrade learned it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact, Kind, stored
from tieback.core.errors import ArtifactError
from tieback.methods.compatibility import TRANSLATE, compatibilities, shared

COMPATIBILITY = Kind(
    "compatibility", "compatible transform", 2, "start the upgrade's plan again: tieback upgrade plan"
)


@dataclass(frozen=True, slots=True)
class CompatibleTransform:
    """A transform that was learned, with what was measured that it keeps of re-encoding.

    Its facts: `method`, `old_width`, `led` (the share kept where queries are led into the old space), and
    `translated` (that where stored vectors are translated into the new one; None where the method cannot).
    """

    artifact: Artifact

    @property
    def revision(self) -> str:
        """Of the artifact."""
        return self.artifact.revision

    @property
    def translates_stored(self) -> bool:
        """Whether stored vectors are to be translated, which keeps as much as leading queries, or more."""
        translated = self.artifact.facts["translated"]
        return translated is not None and translated >= self.artifact.facts["led"]

    @property
    def trust(self) -> float:
        """What is kept by the better way, 0 to 1."""
        return (
            min(float(self.artifact.facts["translated"]), 1.0) if self.translates_stored else self.led_trust
        )

    @property
    def led_trust(self) -> float:
        """What is kept where queries are led, 0 to 1."""
        return min(float(self.artifact.facts["led"]), 1.0)

    def __call__(self, vectors: Array) -> Array:
        """Vectors of the old space `[n, old width]` for those of the new one `[n, new width]`, unit rows."""
        facts = self.artifact.facts
        mapped = compatibilities.get(facts["method"])(_units(vectors), self.artifact.arrays)
        return np.asarray(shared(mapped, int(facts["old_width"])), np.float32)

    def translate(self, stored: Array) -> Array:
        """Vectors of the new space `[n, new width]` for those of the old one `[n, old width]`, unit rows."""
        method = self.artifact.facts["method"]
        return np.asarray(
            compatibilities.form(TRANSLATE, method)(_units(stored), self.artifact.arrays), np.float32
        )


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
            return CompatibleTransform(artifact)
    return None


def _units(vectors: Array) -> Array:
    """Unit rows; those of a joint space are not."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)
