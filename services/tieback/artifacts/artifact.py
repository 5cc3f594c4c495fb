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
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tieback.artifacts.packed_arrays import Packed, pack
from tieback.core.errors import (
    AlteredArtifact,
    ArtifactError,
    MissingArtifact,
    OtherKind,
    OtherSchema,
    OtherWeights,
)
from tieback.core.types.arrays import Array
from tieback.core.types.vectors import SpaceRef

HEADER, STATE, PROVENANCE = "artifact.json", "state.safetensors", "provenance.json"
OWN = frozenset({HEADER, STATE, PROVENANCE})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of artifact: its `name` in files, what it is `called` in messages, the version of its content.

    `schema` rises with each change of what arrays and facts mean. `remedy` says how to make one again.
    """

    name: str
    called: str
    schema: int
    remedy: str


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """What was learned: `arrays` by name, `facts` that JSON knows, whole `files` by their names.

    `made_for` are the spaces whose weights it belongs to. `provenance` says how it was made (resolved
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
                _write(partial / name, data)
            _write(partial / STATE, state)
            _write(partial / PROVENANCE, _signed(dict(self.provenance)))
            _write(partial / HEADER, header)
            _sync(partial)
            if folder.exists():  # damaged: moved away first, as a folder with files is not renamed over
                folder.rename(partial / "damaged")
            partial.rename(folder)
            _sync(root)
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
        header, state, provenance = (_read(folder, name, kind) for name in (HEADER, STATE, PROVENANCE))
        if _revision(header, state) != folder.name:
            raise _altered(folder, kind, "its content is not what its name says")
        try:
            said = json.loads(header)
            _check_kind(folder, kind, said)
            packed = Packed(load(state), said.get("same", {}), tuple(said.get("halved", ())))
            return cls(
                kind,
                packed.unpacked(),
                said["facts"],
                tuple(SpaceRef(**space) for space in said["made_for"]),
                {name: _further(folder, name, digest, kind) for name, digest in said["files"].items()},
                _unsigned(folder, provenance, kind),
            )
        except (ValueError, TypeError, KeyError, SafetensorError) as error:
            raise ArtifactError(
                f"the {kind.called} {folder} cannot be read: {error}; {kind.remedy}"
            ) from error

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
            "files": {name: _hash(data) for name, data in self.files.items()},
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


def _check_kind(folder: Path, kind: Kind, said: Mapping[str, Any]) -> None:
    if said["kind"] != kind.name:
        raise OtherKind(f"{folder} is no {kind.called}: its kind is {said['kind']!r}; {kind.remedy}")
    if said["schema"] > kind.schema:
        raise OtherSchema(
            f"the {kind.called} {folder} has the schema version {said['schema']}, and this release reads "
            f"{kind.schema}: install the release that wrote it, or {kind.remedy}"
        )
    if said["schema"] < kind.schema:
        raise OtherSchema(
            f"the {kind.called} {folder} has the schema version {said['schema']} of an earlier release, and "
            f"this one reads {kind.schema}; {kind.remedy}"
        )


def _is_whole(folder: Path, kind: Kind) -> bool:
    try:
        Artifact.load(folder, kind)
    except ArtifactError:
        return False
    return True


def _read(folder: Path, name: str, kind: Kind) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise MissingArtifact(
            f"there is no {kind.called} at {folder}: {name}: {error.strerror}; {kind.remedy}"
        ) from error


def _further(folder: Path, name: str, digest: str, kind: Kind) -> bytes:
    """A further file, held against the header, which is held against the folder's name."""
    if Path(name).name != name:
        raise ValueError(f"{name!r} is no name of a file")
    data = _read(folder, name, kind)
    if _hash(data) != digest:
        raise _altered(folder, kind, f"{name} is not what was written")
    return data


def _altered(folder: Path, kind: Kind, fault: str) -> AlteredArtifact:
    return AlteredArtifact(f"the {kind.called} {folder} is corrupt: {fault}; {kind.remedy}")


def _signed(provenance: Mapping[str, Any]) -> bytes:
    """With a hash over itself: it is no part of the content that the folder's name covers."""
    digest = _hash(json.dumps(provenance).encode())
    return json.dumps({"sha256": digest, "provenance": provenance}, indent=1).encode()


def _unsigned(folder: Path, data: bytes, kind: Kind) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(data)["provenance"]
        whole = _signed(found) == data
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        raise _altered(folder, kind, f"{PROVENANCE} is not what was written")
    return found


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _revision(header: bytes, state: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(header).digest() + hashlib.sha256(state).digest()).hexdigest()[:12]


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Forces the folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
