"""A small server of one space of three words, with nothing beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings

from support.own_encoder import Silent
from support.small_spaces import write_words


def words_server(folder: Path) -> Settings:
    """Its settings, once its model is in the folder. It knows "owl", "wren" and "night"."""
    draw = np.random.default_rng(1)
    space = write_words(folder, "words", {word: draw.normal(size=8) for word in ("owl", "wren", "night")})
    pull([space], [space], Store(folder / "models"), Silent())
    return Settings(
        models=folder / "models", store=folder / "store", cards=folder, port=0, metrics_port=None,
        spaces=("words",), rerankers=("none",), binding="none", generator="none", drain_seconds=1,
        extensions=(),
    )  # fmt: skip
