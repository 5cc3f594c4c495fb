"""The manifest of a snapshot: what it is a snapshot of, and every file with its size and its SHA-256.

    {"format": 1, "sha256": of the content as JSON with sorted keys and without spaces, "content": {...}}

So no byte of a snapshot can change unnoticed: those of its files are hashed in the manifest, and the manifest
has its own hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tieback.core.errors import DamagedSnapshot, Unsupported
from tieback.core.tenant import NAME

FORMAT = 1
MANIFEST = "manifest.json"
TABLE = "table"
ORIGINALS = "originals"
SOURCES = "sources.json"

_MOST = 2**63
_LATEST = 1e11  # seconds since the epoch
_LONGEST_VERSION = 64

# A snapshot may have come from another server: its files stay within its folder.
_FILE = re.compile(rf"{TABLE}(?:/\w[\w.-]*)+|{ORIGINALS}/[0-9a-f]{{64}}|{re.escape(SOURCES)}", flags=re.ASCII)


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A file of a snapshot. `name` is its path in the snapshot's folder, with "/" between the parts."""

    name: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not _FILE.fullmatch(self.name) or self.bytes < 0:
            raise ValueError(f"{self.name!r} is no file of a snapshot")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds, and what wrote it.

    `collection` is the name that the collection had, `description` what the store keeps of it
    (`Description.to_json`), read as JSON. `created` is in seconds since the epoch.
    """

    tieback: str
    store_format: int
    created: float
    collection: str
    description: Mapping[str, Any]
    item_count: int
    section_count: int
    vector_count: int
    files: Sequence[SnapshotFile]

    def __post_init__(self) -> None:
        counts = (*self.counts, self.byte_count)
        if not all(0 <= count < _MOST for count in counts) or not 0 <= self.created < _LATEST:
            raise ValueError("a number is out of its range")
        if not NAME.fullmatch(self.collection) or len(self.tieback) > _LONGEST_VERSION:
            raise ValueError("a name is none")

    @property
    def counts(self) -> tuple[int, int, int]:
        """Of items, sections and vectors."""
        return self.item_count, self.section_count, self.vector_count

    @property
    def byte_count(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)

    def to_json(self) -> bytes:
        """As kept in the snapshot's folder."""
        content = asdict(self)
        known = {"format": FORMAT, "sha256": _digest(content), "content": content}
        return json.dumps(known, indent=1).encode()

    @classmethod
    def from_json(cls, snapshot: str, data: bytes) -> Manifest:
        """As `to_json` wrote it.

        DamagedSnapshot where it is not that, Unsupported where it is of another format.
        """
        try:
            known = json.loads(data)
            version = int(known["format"])
            if version == FORMAT:
                return cls._read(known)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedSnapshot(
                f"the manifest of the snapshot {snapshot!r} is damaged: delete it, and make another one or "
                "copy it here again from where it is whole"
            ) from error
        raise Unsupported(
            f"the snapshot {snapshot!r} is of format {version}, and this tieback reads format {FORMAT}: "
            "restore it with the version that wrote it"
        )

    @classmethod
    def _read(cls, known: Any) -> Manifest:
        content = known["content"]
        files = [
            SnapshotFile(str(file["name"]), int(file["bytes"]), str(file["sha256"]))
            for file in content["files"]
        ]
        if _digest(content) != known["sha256"]:
            raise ValueError("the content is not what was written")
        if len({file.name for file in files}) != len(files):
            raise ValueError("a file is listed twice")
        return cls(
            tieback=str(content["tieback"]),
            store_format=int(content["store_format"]),
            created=float(content["created"]),
            collection=str(content["collection"]),
            description=dict(content["description"]),
            item_count=int(content["item_count"]),
            section_count=int(content["section_count"]),
            vector_count=int(content["vector_count"]),
            files=files,
        )


def _digest(content: Any) -> str:
    written = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(written).hexdigest()
