"""What a folder of the store holds, a hash for every file. It is written last: no manifest, no model."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE_NAME = "manifest.json"
READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file's hash and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`weights` as they came, `served` as they are loaded, made for the card of that `fingerprint`."""

    name: str
    revision: str
    fingerprint: str
    weights: dict[str, StoredFile]
    served: dict[str, StoredFile] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The folder's manifest, or None where there is none that can be read."""
        try:
            data = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
            for kind in ("weights", "served"):
                data[kind] = {name: StoredFile(**entry) for name, entry in data[kind].items()}
            return cls(**data)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def write(self, folder: Path) -> None:
        """Puts the manifest into the folder in one step."""
        partial = folder / f"{FILE_NAME}.partial"
        partial.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(folder / FILE_NAME)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in (*self.weights.values(), *self.served.values()))


def describe_files(folder: Path) -> dict[str, StoredFile]:
    """The hashes of all files in a folder."""
    return {
        path.name: StoredFile(hash_file(path), path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith((FILE_NAME, "."))
    }


def faults(folder: Path, files: dict[str, StoredFile]) -> Iterator[tuple[Path, str]]:
    """Each file that is missing or not what was written, with what is wrong with it."""
    for name, stored in files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != stored.size:
                yield path, f"has {size} bytes instead of {stored.size}"
            elif hash_file(path) != stored.sha256:
                yield path, "is corrupt: its SHA-256 differs from the one it was stored with"
        except FileNotFoundError:
            yield path, "is missing"
        except OSError as error:
            yield path, f"cannot be read: {error.strerror or error}"


def hash_file(path: Path) -> str:
    """A file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        block = bytearray(READ_BYTES)
        view = memoryview(block)
        while count := file.readinto(block):
            digest.update(view[:count])
    return digest.hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a second name, without a second copy of its bytes where the file system can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
