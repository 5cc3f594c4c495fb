"""Bindings: what the classes of a picture or a sound mean in a text space, by the names of the classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tieback.core.errors import StartupError
from tieback.core.types.arrays import Array
from tieback.core.types.vectors import SpaceRef

HEADER, VECTORS = "binding.json", "vectors.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class ClassNameBinding:
    """From the classes of `source` into the space `target`: `vectors` `[classes, width]` of their `names`."""

    source: SpaceRef
    target: SpaceRef
    names: tuple[str, ...]
    vectors: Array

    @property
    def revision(self) -> str:
        """Names the binding by its content."""
        header = json.dumps([asdict(self.source), asdict(self.target), self.names])
        vectors = np.ascontiguousarray(self.vectors, np.float32).tobytes()
        return hashlib.sha256(header.encode() + vectors).hexdigest()[:12]

    def save(self, root: Path) -> Path:
        """Writes the binding into a folder of its revision's name, and returns that."""
        folder = root / self.revision
        folder.mkdir(parents=True, exist_ok=True)
        header = {"source": asdict(self.source), "target": asdict(self.target), "names": self.names}
        _write(folder / VECTORS, save({"vectors": np.ascontiguousarray(self.vectors, np.float32)}))
        _write(folder / HEADER, json.dumps(header, indent=1).encode())
        return folder

    @classmethod
    def load(cls, folder: Path) -> ClassNameBinding:
        """Reads a binding. StartupError where a file is missing, or its content is not what it was."""
        try:
            header = json.loads((folder / HEADER).read_bytes())
            binding = cls(
                SpaceRef(**header["source"]),
                SpaceRef(**header["target"]),
                tuple(header["names"]),
                load((folder / VECTORS).read_bytes())["vectors"],
            )
        except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
            raise StartupError(f"the binding {folder} cannot be read: {error}; {REPAIR}") from error
        if binding.revision != folder.name:
            raise StartupError(f"the binding {folder} is corrupt: its content is another's; {REPAIR}")
        return binding


REPAIR = "run: tieback models pull"


def load_bindings(root: Path, spaces: Iterable[SpaceRef]) -> list[ClassNameBinding]:
    """The bindings between two of the spaces, by their names. StartupError where a file is corrupt."""
    wanted = set(spaces)
    found = [ClassNameBinding.load(header.parent) for header in sorted(root.glob(f"*/{HEADER}"))]
    between = [binding for binding in found if binding.source in wanted and binding.target in wanted]
    return sorted(between, key=lambda binding: (binding.source.name, binding.target.name))


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
