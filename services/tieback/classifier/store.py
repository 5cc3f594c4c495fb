"""Heads on the disk, beside the collections, in the process that has the index's store.

    heads/TENANT/NAME/head.json     the versions that are kept, in order; "_" stands for no tenant
    heads/TENANT/NAME/REVISION/     what a version learned, as an artifact
    heads/TENANT/NAME/drafts/       vectors that are to be fitted on, by their digest

A version is there once head.json names it, which is replaced in one step. Its methods block.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tieback_contract.arrays import Array
from tieback_contract.heads import Head
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact, Kind
from tieback.core.durable_files import storing, sync_path, write_durably
from tieback.core.errors import InvalidInput
from tieback.core.types.operation import Json
from tieback.training.digests import digest

HEAD = Kind("head", "head", 1, "fit the head again: tieback heads fit")
KEPT = 10
"""Versions of a head that are kept; older ones are removed."""
_MANIFEST, _DRAFTS, _NOBODY = "head.json", "drafts", "_"

_log = logging.getLogger(__name__)


class HeadKey(NamedTuple):
    """Names a head among those of all tenants."""

    owner: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """What a head is to be fitted on: `facts` that JSON knows, and the arrays of `methods/heads`."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, Array]

    @property
    def name(self) -> str:
        """Names it by its content."""
        return digest(self.facts, self.arrays)


class HeadStore:
    """The heads of all tenants. What changes them is done by one caller at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[HeadKey, tuple[Head, ...]] = {}
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in root.glob("*/.removed-*"):
            shutil.rmtree(left, ignore_errors=True)
        for path in sorted(root.glob(f"*/*/{_MANIFEST}")):
            owner = path.parent.parent.name
            key = HeadKey("" if owner == _NOBODY else owner, path.parent.name)
            try:
                records = json.loads(path.read_bytes())
                if not isinstance(records, list) or not records:
                    raise ValueError("it lists no version")
                self._known[key] = tuple(head_of(record) for record in records)
            except (OSError, ValueError, KeyError, TypeError) as error:
                _log.warning("the head %s cannot be read: %s", "/".join(key), error)

    def versions(self, key: HeadKey) -> Sequence[Head]:
        """Those that are kept, in order; empty where there is no such head."""
        return self._known.get(key, ())

    def names(self, owner: str) -> list[str]:
        """The heads of a tenant, sorted."""
        return sorted(key.name for key in self._known if key.owner == owner)

    def load(self, key: HeadKey, artifact: str) -> Artifact:
        """What a version learned. ArtifactError where its files are not what was written."""
        return Artifact.load(self._folder(key) / artifact, HEAD)

    def publish(self, key: HeadKey, learned: Artifact, head: Head) -> Head:
        """Keeps what was learned as the next version, described by `head`; returns that with its number.

        What equals the last version is that version.
        """
        known = self._known.get(key, ())
        number = known[-1].version + 1 if known else 1
        made = dataclasses.replace(head, version=number, artifact=learned.revision)
        kept = (*known, made)[-KEPT:]
        folder = self._folder(key)
        with storing():
            learned.save(folder)  # which repairs one that is damaged
            if known and known[-1].artifact == made.artifact:
                return known[-1]
            write_durably(folder / _MANIFEST, json.dumps([record_of(one) for one in kept]).encode())
        self._known[key] = kept
        for gone in {one.artifact for one in known} - {one.artifact for one in kept}:
            shutil.rmtree(folder / gone, ignore_errors=True)
        return made

    def remove(self, key: HeadKey) -> None:
        """Removes a head with all its versions and drafts."""
        folder = self._folder(key)
        left = folder.with_name(f".removed-{uuid.uuid4().hex[:8]}")
        with storing():
            folder.rename(left)
            sync_path(left.parent)
        self._known.pop(key, None)
        shutil.rmtree(left, ignore_errors=True)

    def write_draft(self, key: HeadKey, draft: Draft) -> None:
        """Keeps a draft, durably."""
        path = self._draft(key, draft.name)
        with storing():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(path, save(dict(draft.arrays), {"facts": json.dumps(dict(draft.facts))}))

    def read_draft(self, key: HeadKey, name: str) -> Draft:
        """A draft that was kept. InvalidInput where it is gone, or not what was written."""
        found: Draft | None = None
        try:
            with safe_open(self._draft(key, name), "np") as file:
                arrays = {one: file.get_tensor(one) for one in file.keys()}  # noqa: SIM118 - no mapping
                found = Draft(json.loads(file.metadata()["facts"]), arrays)
        except (OSError, SafetensorError, ValueError) as error:
            _log.warning("a draft of the head %s cannot be read: %s", key.name, error)
        if found is None or found.name != name:
            raise InvalidInput(
                f"the examples of the head {key.name!r} are not there any more; fit it again",
                field="examples",
            )
        return found

    def remove_draft(self, key: HeadKey, name: str) -> None:
        """Removes a draft; nothing where there is none."""
        self._draft(key, name).unlink(missing_ok=True)

    def _draft(self, key: HeadKey, name: str) -> Path:
        return self._folder(key) / _DRAFTS / f"{name}.safetensors"

    def _folder(self, key: HeadKey) -> Path:
        return self._root / (key.owner or _NOBODY) / key.name


def record_of(head: Head) -> dict[str, Any]:
    """A version, without what depends on the others and on what is served."""
    space = head.space
    return {
        "name": head.name,
        "version": head.version,
        "created": head.created.timestamp() if head.created else None,
        "space": [space.name, space.revision, space.fingerprint],
        "method": head.method,
        "parameters": dict(head.parameters),
        "classes": dict(head.classes),
        "memory": head.memory_count,
        "accuracy": head.accuracy,
        "artifact": head.artifact,
    }


def head_of(record: Json) -> Head:
    """As `record_of` wrote it, with the `versions` that are kept where they were added.

    KeyError or TypeError where it did not.
    """
    return Head(
        name=record["name"],
        version=record["version"],
        created=datetime.fromtimestamp(record["created"], UTC),
        space=SpaceRef(*record["space"]),
        method=record["method"],
        parameters=record["parameters"],
        classes=record["classes"],
        class_count=len(record["classes"]),
        example_count=sum(record["classes"].values()),
        memory_count=record["memory"],
        accuracy=record["accuracy"],
        artifact=record["artifact"],
        versions=record.get("versions", ()),
    )
