"""What a folder of the store holds: the weights of a model as they came and what is served, or media.

An artifact (`tieback.artifacts.FileSet`), whose header is written last: no header, no model.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieback.artifacts import FileSet, Kind, StoredFile
from tieback.catalog.card import Card
from tieback.catalog.source import Sourced

WEIGHTS = "weights"
"""The folder in a model's where its weights lie."""


def model(name: str) -> Kind:
    """The kind of a model's folder."""
    return Kind("model", "model", 1, f"run: tieback models pull {name}")


def kind_of(card: Sourced) -> Kind:
    """The kind of what the card declares."""
    if isinstance(card, Card):
        return model(card.name)
    return Kind("media", "media", 1, f"run: tieback models pull --media {card.name}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """`weights` as they came, `served` as they are loaded, made for the card of that `fingerprint`.

    Media are served as they came. `provenance` is how what is served was made, with the `metrics` of that.
    """

    kind: Kind
    name: str
    revision: str
    fingerprint: str
    weights: Mapping[str, StoredFile] = field(default_factory=dict)
    served: Mapping[str, StoredFile] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, kind: Kind) -> Manifest:
        """The folder's manifest. ArtifactError where there is none, or not one that can be used."""
        kept = FileSet.read(folder, kind)
        split: dict[bool, dict[str, StoredFile]] = {True: {}, False: {}}
        for path, file in kept.files.items():
            split[path.startswith(f"{WEIGHTS}/")][path.removeprefix(f"{WEIGHTS}/")] = file
        try:
            named = {key: kept.facts[key] for key in ("name", "revision", "fingerprint")}
        except KeyError as error:
            raise kind.unreadable(folder, error) from error
        return cls(kind, **named, weights=split[True], served=split[False], provenance=kept.provenance)

    def write(self, folder: Path) -> None:
        """Puts the manifest into the folder in one step."""
        facts = {"name": self.name, "revision": self.revision, "fingerprint": self.fingerprint}
        FileSet(self.kind, self.files, facts, self.provenance).write(folder)

    @property
    def files(self) -> dict[str, StoredFile]:
        """All files by their paths in the folder."""
        return {f"{WEIGHTS}/{name}": file for name, file in self.weights.items()} | dict(self.served)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """What was measured of what is served when it was made."""
        found: Mapping[str, Any] = self.provenance.get("metrics", {})
        return found

    def graph_hashes(self, name: str) -> tuple[str, ...]:
        """The hashes of a served graph and of its `NAME.data`, where weights past 2 GB lie."""
        names = (name, f"{name}.data")
        return tuple(self.served[one].sha256 for one in names if one in self.served)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a second name, without a second copy of its bytes where the file system can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
