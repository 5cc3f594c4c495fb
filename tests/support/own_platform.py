"""Settings of a platform of a user's own models, beside a small space of words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import Card
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings

from support.own_encoder import WORDS, Silent
from support.small_spaces import write_words


def own_settings(folder: Path, *cards: Card, words: Iterable[str] = WORDS[4:], **changes: Any) -> Settings:
    """Pulls the cards, which lie in `cards` of a folder, and a space of words, whose card is written."""
    draw = np.random.default_rng(3)
    space = write_words(folder / "cards", "words", {word: draw.normal(size=8) for word in words})
    pull([space, *cards], [space], Store(folder / "models"), Silent())
    fields: dict[str, Any] = {
        "models": folder / "models", "store": folder / "store", "cards": folder / "cards", "port": 0,
        "metrics_port": None, "spaces": ("words",), "binding": "none", "generator": "none",
        "drain_seconds": 1,
    }  # fmt: skip
    return Settings(**fields | changes)
