"""Kinds of artifacts, and the errors for an artifact that cannot be used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.core.errors import AlteredArtifact, ArtifactError, MissingArtifact, OtherKind, OtherSchema

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
