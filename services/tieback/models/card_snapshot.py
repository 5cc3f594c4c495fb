"""The card that a folder of the store was made for, kept beside the model.

A card may change or go, and collections in its space remain. With the snapshot their space can be loaded as
long as its files are there.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from tieback.catalog.card import EncoderCard
from tieback.core.durable_files import write_durably

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
