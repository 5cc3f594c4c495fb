"""Learned state as a folder whose name is a hash over its content.

    artifact.json       kind, schema version, the spaces it was made for, facts, a hash for each further file
    state.safetensors   every array (`packed_arrays.py`)
    NAME                further files, for instance a graph
    provenance.json     how it was made, with a hash of its own

The name (the revision) covers all but the provenance: what is equal has one revision, however long it took
and wherever it was made. A folder is written under another name and renamed when it is whole, so a process
that is killed leaves nothing that could be read. Reading holds every byte against the hashes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback.artifacts.packed_arrays import Packed, pack
from tieback.core.durable_files import sync_path, write_durably, write_through
from tieback.core.errors import (
    AlteredArtifact,
    ArtifactError,
    MissingArtifact,
    OtherKind,
    OtherSchema,
    OtherWeights,
)

HEADER = "artifact.json"
"""The file that describes what a folder holds."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of artifact: its `name` in files, what it is `called` in messages, the version of its content.

    `schema` rises with each change of what arrays and facts mean. `remedy` is how to make one again.
    """

    name: str
    called: str
    schema: int
    remedy: str

    def check(self, folder: Path, said: Mapping[str, Any]) -> None:
        """OtherKind or OtherSchema where the header is not what this release reads by this kind."""
        if said["kind"] != self.name:
            raise OtherKind(f"{folder} is no {self.called}: its kind is {said['kind']!r}; {self.remedy}")
        if said["schema"] > self.schema:
            raise OtherSchema(
                f"the {self.called} {folder} has the schema version {said['schema']}, and this release reads "
                f"{self.schema}: install the release that wrote it, or {self.remedy}"
            )
        if said["schema"] < self.schema:
            raise OtherSchema(
                f"the {self.called} {folder} has the schema version {said['schema']} of an earlier release, "
                f"and this one reads {self.schema}; {self.remedy}"
            )

    def read(self, folder: Path, name: str) -> bytes:
        """A file of the artifact; MissingArtifact where it is not there."""
        try:
            return (folder / name).read_bytes()
        except OSError as error:
            raise MissingArtifact(
                f"there is no {self.called} at {folder}: {name}: {error.strerror}; {self.remedy}"
            ) from error

    def altered(self, folder: Path, fault: str) -> AlteredArtifact:
        """The error for a file that is not what was written."""
        return AlteredArtifact(f"the {self.called} {folder} is corrupt: {fault}; {self.remedy}")

    def unreadable(self, folder: Path, error: Exception) -> ArtifactError:
        """The error for a header that is whole but lacks what the kind needs."""
        return ArtifactError(f"the {self.called} {folder} cannot be read: {error}; {self.remedy}")


def signed(name: str, content: Mapping[str, Any]) -> bytes:
    """JSON with the content by that name, and a hash over it."""
    return json.dumps({"sha256": sha256(json.dumps(content).encode()), name: content}, indent=1).encode()


def unsigned(folder: Path, file: str, name: str, kind: Kind) -> dict[str, Any]:
    """The content of a signed file. AlteredArtifact where it is not what was written, to the byte."""
    data = kind.read(folder, file)
    try:
        found: dict[str, Any] = json.loads(data)[name]
        whole = signed(name, found) == data
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        raise kind.altered(folder, f"{file} is not what was written")
    return found


def sha256(data: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


STATE, PROVENANCE, MADE = "state.safetensors", "provenance.json", "provenance"
OWN = frozenset({HEADER, STATE, PROVENANCE})


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """What was learned: `arrays` by name, `facts` that JSON knows, whole `files` by their names.

    `made_for` are the spaces whose weights it belongs to. `provenance` records how it was made (resolved
    configuration, seeds, digests of data and code, versions, seconds) and is no part of the revision.
    """

    kind: Kind
    arrays: Mapping[str, Array]
    facts: Mapping[str, Any] = field(default_factory=dict)
    made_for: tuple[SpaceRef, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """Names the artifact by its content: 12 hexadecimal digits."""
        return _revision(*self._content())

    def save(self, root: Path) -> Path:
        """Writes the artifact into a folder of its revision's name under `root`, and returns that.

        One that is there already and whole stays as it is, with the provenance of whoever made it first.
        """
        header, state = self._content()
        folder = root / _revision(header, state)
        if folder.is_dir() and _is_whole(folder, self.kind):
            return folder
        root.mkdir(parents=True, exist_ok=True)
        partial = root / f".{folder.name}-{uuid.uuid4().hex[:8]}"
        partial.mkdir()
        try:
            for name, data in self.files.items():
                write_through(partial / name, data)
            write_through(partial / STATE, state)
            write_through(partial / PROVENANCE, signed(MADE, dict(self.provenance)))
            write_through(partial / HEADER, header)
            sync_path(partial)
            if folder.exists():  # damaged: moved away first, as a folder with files is not renamed over
                folder.rename(partial / "damaged")
            partial.rename(folder)
            sync_path(root)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(folder / "damaged", ignore_errors=True)
        return folder

    @classmethod
    def load(cls, folder: Path, kind: Kind) -> Artifact:
        """Reads an artifact of that kind.

        MissingArtifact where a file is not there, AlteredArtifact where one is not what was written,
        OtherKind and OtherSchema where it is not what this release reads by that kind.
        """
        header, state = (kind.read(folder, name) for name in (HEADER, STATE))
        if _revision(header, state) != folder.name:
            raise kind.altered(folder, "its content is not what its name says")
        try:
            said = json.loads(header)
            kind.check(folder, said)
            packed = Packed(load(state), said.get("same", {}), tuple(said.get("halved", ())))
            return cls(
                kind,
                packed.unpacked(),
                said["facts"],
                tuple(SpaceRef(**space) for space in said["made_for"]),
                {name: _further(folder, name, digest, kind) for name, digest in said["files"].items()},
                unsigned(folder, PROVENANCE, MADE, kind),
            )
        except (ValueError, TypeError, KeyError, SafetensorError) as error:
            raise kind.unreadable(folder, error) from error

    def check_weights(self, served: Iterable[SpaceRef]) -> None:
        """OtherWeights where a space that it was made for is not served, or has other weights."""
        called = f"the {self.kind.called} {self.revision}"
        check_weights(called, self.made_for, {space.name: space for space in served}, self.kind.remedy)

    def _content(self) -> tuple[bytes, bytes]:
        """The header and the arrays as they are written."""
        for name in self.files:
            if name in OWN or Path(name).name != name or name.startswith("."):
                raise ValueError(f"an artifact has no room for a file named {name!r}")
        packed = pack({name: np.asarray(array) for name, array in self.arrays.items()})
        header = {
            "kind": self.kind.name,
            "schema": self.kind.schema,
            "made_for": [asdict(space) for space in self.made_for],
            "facts": dict(self.facts),
            "files": {name: sha256(data) for name, data in self.files.items()},
        }
        return json.dumps(header | packed.header(), indent=1).encode(), save(dict(packed.arrays))


def stored(root: Path) -> list[Path]:
    """The folders of artifacts under `root`, of whatever kind, the oldest first; unchecked."""
    headers = [header for header in root.glob(f"*/{HEADER}") if not header.parent.name.startswith(".")]
    return [header.parent for header in sorted(headers, key=lambda path: path.stat().st_mtime)]


def check_weights(
    called: str, made_for: Iterable[SpaceRef], served: Mapping[str, SpaceRef], remedy: str
) -> None:
    """OtherWeights where one of the spaces is not `served`, by its name, or is served with other weights."""
    for space in made_for:
        if space.name not in served:
            raise OtherWeights(
                f"{called} was made for the space {space.name!r}, which is not served; "
                f"serve it, or leave it out and {remedy}"
            )
        if (there := served[space.name]) != space:
            raise OtherWeights(
                f"{called} was made with {space} (fingerprint {space.fingerprint}), and {there} (fingerprint "
                f"{there.fingerprint}) is served: its vectors are others; {remedy}"
            )


def _is_whole(folder: Path, kind: Kind) -> bool:
    try:
        Artifact.load(folder, kind)
    except ArtifactError:
        return False
    return True


def _further(folder: Path, name: str, digest: str, kind: Kind) -> bytes:
    """A further file, held against the header, which is held against the folder's name."""
    if Path(name).name != name:
        raise ValueError(f"{name!r} is no name of a file")
    data = kind.read(folder, name)
    if sha256(data) != digest:
        raise kind.altered(folder, f"{name} is not what was written")
    return data


def _revision(header: bytes, state: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(header).digest() + hashlib.sha256(state).digest()).hexdigest()[:12]


# Files that are too large to be read into memory: a folder whose header lists them, each with its hash.
#
# artifact.json   kind, schema version, facts, size and hash of each file, provenance; and a hash over these
#     NAME            the files, by their paths in the folder
#
# Whoever keeps the folder names it, so the header has a hash of its own in place of a name. It is written
# last: a folder without a header holds nothing. Files are held against their hashes by `faults`.
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
