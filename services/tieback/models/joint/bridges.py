"""Class-name bridges: the vectors of a classifier's class names in a text space."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact, Kind, stored

CLASS_NAMES = Kind("class_names", "class-name binding", 1, "run: tieback models pull")
VECTORS, NAMES = "vectors", "names"


@dataclass(frozen=True, slots=True, eq=False)
class ClassNameBridge:
    """From the classes of `source` into the space `target`: `vectors` `[classes, width]` of their `names`."""

    source: SpaceRef
    target: SpaceRef
    names: tuple[str, ...]
    vectors: Array
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """Names the binding by its content."""
        return self._artifact().revision

    @property
    def content(self) -> str:
        """A hash over the binding's content, by which joint spaces are named, whatever its files are like."""
        said = json.dumps([asdict(self.source), asdict(self.target), self.names])
        vectors = np.ascontiguousarray(self.vectors, np.float32).tobytes()
        return hashlib.sha256(said.encode() + vectors).hexdigest()[:12]

    def save(self, root: Path) -> Path:
        """Writes the binding into a folder of its revision's name, and returns that."""
        return self._artifact().save(root)

    @classmethod
    def load(cls, folder: Path) -> ClassNameBridge:
        """Reads a binding. ArtifactError where a file is missing, not what it was, or does not fit."""
        artifact = Artifact.load(folder, CLASS_NAMES)
        try:
            source, target = artifact.made_for
            names, vectors = tuple(artifact.facts[NAMES]), artifact.arrays[VECTORS]
        except (ValueError, TypeError, KeyError) as error:
            raise CLASS_NAMES.unreadable(folder, error) from error
        return cls(source, target, names, vectors, artifact.provenance)

    def _artifact(self) -> Artifact:
        vectors = np.asarray(self.vectors, np.float32)
        spaces = self.source, self.target
        return Artifact(
            CLASS_NAMES, {VECTORS: vectors}, {NAMES: list(self.names)}, spaces, provenance=self.provenance
        )


def load_bridges(root: Path, spaces: Iterable[SpaceRef]) -> list[ClassNameBridge]:
    """The bindings between two of the spaces, by their names. ArtifactError where a file is corrupt."""
    wanted = set(spaces)
    found = [ClassNameBridge.load(folder) for folder in stored(root)]
    between = [binding for binding in found if binding.source in wanted and binding.target in wanted]
    return sorted(between, key=lambda binding: (binding.source.name, binding.target.name))
