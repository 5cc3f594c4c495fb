"""An encoder of photos and their regions, trained for a moment on the photos of the model store."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome, train
from tieback_lab.recipes.train.photo_views import photo_files

from support.own_encoder import Silent

BASE = "efficientnet-lite0"
NAME = f"{BASE}-dolg"
WIDTH, SIDE = 64, 128
QUICK: dict[str, Any] = {
    "width": WIDTH, "side": SIDE, "views": 2, "steps": 20, "batch": 8, "learning_rate": 1e-3,
}  # fmt: skip


@dataclass(frozen=True)
class Photos:
    """A store with the network alone, and a folder to train in."""

    folder: Path
    base: EncoderCard
    store: Store
    photos: tuple[Path, ...]

    def train(
        self, output: str, *data: Path, say: Callable[[str], None] = lambda _: None, **parameters: Any
    ) -> TrainingOutcome:
        """The recipe's outcome, of all photos unless others are named."""
        return train(
            "dolg", QUICK | parameters, cards=[self.base], store=self.store, data=data or self.photos,
            output=self.folder / output, say=say,
        )  # fmt: skip

    def pulled(self, outcome: TrainingOutcome) -> EncoderCard:
        """The card that was written, with its model in the store."""
        assert outcome.card is not None
        card = read_card(outcome.card)
        assert isinstance(card, EncoderCard)
        assert pull([card], [card], self.store, Silent()) == []
        return card


def photos_in(folder: Path) -> Photos:
    """The network, out of the model store, in a store of its own."""
    catalog, known = Catalog.load(), Store()
    base = next(card for card in catalog.encoders() if card.name == BASE)
    store = Store(folder / "models")
    place = store.folder(base)
    place.parent.mkdir(parents=True)
    place.symlink_to(known.folder(base), target_is_directory=True)
    media = [known.media(catalog.get_media(name)) for name in ("scikit-image", "scikit-learn")]
    return Photos(folder, base, store, tuple(photo_files(media)))


@functools.cache
def middle(path: Path) -> bytes:
    """The inner half of a photo, a picture of its own."""
    with Image.open(path) as photo:
        width, height = photo.size
        box = (width // 4, height // 4, width - width // 4, height - height // 4)
        return written(photo.convert("RGB").crop(box))


def written(picture: Image.Image) -> bytes:
    """The picture as PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
