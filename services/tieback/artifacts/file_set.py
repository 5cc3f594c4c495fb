"""Files that are too large to be read into memory: a folder whose header lists them, each with its hash.

    artifact.json   kind, schema version, facts, size and hash of each file, provenance; and a hash over these
    NAME            the files, by their paths in the folder

Whoever keeps the folder names it, so the header has a hash of its own in place of a name. It is written last:
a folder without a header holds nothing. Files are held against their hashes by `faults`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tieback.artifacts.kind import HEADER, Kind, signed, unsigned
from tieback.core.durable_files import write_durably

CONTENT = "content"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file's hash, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class FileSet:
    """`files` by their paths in the folder, `facts` that JSON knows, `provenance` as of an `Artifact`."""

    kind: Kind
    files: Mapping[str, StoredFile]
    facts: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Puts the header into the folder, beside the files, in one step."""
        content = {
            "kind": self.kind.name,
            "schema": self.kind.schema,
            "facts": dict(self.facts),
            "files": {name: asdict(self.files[name]) for name in sorted(self.files)},
            "provenance": dict(self.provenance),
        }
        write_durably(folder / HEADER, signed(CONTENT, content))

    @classmethod
    def read(cls, folder: Path, kind: Kind) -> FileSet:
        """The header, verified; the files are not read. Errors are those of `Artifact.load`."""
        said = unsigned(folder, HEADER, CONTENT, kind)
        try:
            kind.check(folder, said)
            files = {name: StoredFile(**one) for name, one in said["files"].items()}
            return cls(kind, files, said["facts"], said["provenance"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise kind.unreadable(folder, error) from error


def described(folder: Path) -> dict[str, StoredFile]:
    """The sizes and hashes of the files in a folder, but for the header and what is hidden."""
    return {
        path.name: StoredFile(file_digest(path), path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != HEADER and not path.name.startswith(".")
    }


def faults(folder: Path, files: Mapping[str, StoredFile]) -> Iterator[tuple[Path, str]]:
    """Each file that is missing or not what was written, with what is wrong with it."""
    for name, stored in files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != stored.size:
                yield path, f"has {size} bytes instead of {stored.size}"
            elif file_digest(path) != stored.sha256:
                yield path, "is corrupt: its SHA-256 differs from the one it was stored with"
        except FileNotFoundError:
            yield path, "is missing"
        except OSError as error:
            yield path, f"cannot be read: {error.strerror or error}"


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
