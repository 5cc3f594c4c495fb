"""Triplets made small: photos of one colour, words such as "more red", and the photo of that colour."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome, train

from support.colours import png
from support.own_encoder import Silent
from support.small_spaces import write_colours, write_words

ENTITIES = ("fox", "lion", "zebra", "rain", "street")
"""Further words: names of entities, and the classes of the encoder of photos."""
SHADES, BLUE = (0, 40, 80, 120, 160, 200, 240), 120
COLOURS = ("red", "green")
QUICK: dict[str, Any] = {
    "name": "shades", "space": "eyes", "texts": "words", "prompts": 4, "inner": 16, "steps": 300,
    "batch": 32, "learning_rate": 0.005, "temperature": 0.01, "patience": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Shades:
    """A folder with photos, triplets, and the cards of two small encoders in `cards`."""

    folder: Path
    cards: Sequence[EncoderCard]
    store: Store

    def photo(self, levels: Sequence[int]) -> Path:
        return self.folder / ("-".join(map(str, levels)) + ".png")

    def train(self, output: str, **parameters: Any) -> TrainingOutcome:
        return train(
            "composed_query", QUICK | parameters, cards=self.cards, store=self.store,
            data=[self.folder / "triplets.jsonl"], output=self.folder / output, say=lambda _: None,
        )  # fmt: skip


def shades_in(folder: Path) -> Shades:
    """All pairs of seven shades of red and green, and every step from one to its neighbour."""
    (folder / "cards").mkdir()
    draw = np.random.default_rng(5)
    words = write_words(
        folder / "cards",
        "words",
        {word: draw.normal(size=8) for word in ("more", "less", *COLOURS, *ENTITIES)},
    )
    eyes = write_colours(folder / "cards", "eyes", ("rain", "street", "lion", "zebra"))
    store = Store(folder / "models")
    assert pull([words, eyes], [words, eyes], store, Silent()) == []
    world = Shades(folder, (words, eyes), store)
    lines = []
    for levels in itertools.product(range(len(SHADES)), repeat=2):
        world.photo(levels).write_bytes(png(SHADES[levels[0]], SHADES[levels[1]], BLUE))
        for place, colour in enumerate(COLOURS):
            for step, more in ((1, "more"), (-1, "less")):
                meant = list(levels)
                meant[place] += step
                if 0 <= meant[place] < len(SHADES):
                    names = {"photo": world.photo(levels).name, "target": world.photo(meant).name}
                    lines.append(json.dumps(names | {"text": f"{more} {colour}"}))
    (folder / "triplets.jsonl").write_text("\n".join(lines))
    return world
