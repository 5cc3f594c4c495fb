"""A folder of models of which one changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.own_directory import directory_hashes
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import Client

from support.local_platform import Running, served_locally
from support.own_encoder import Silent
from support.small_spaces import write_colours, write_words

WORDS = ["owl", "wren", "night", "day", "rain", "street"]


class Place:
    """A folder with cards, models and a store; `change` gives the word space another revision."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tokens: Path | None = None
        self._revision = 0
        self._eyes = write_colours(folder, "eyes", joint="class_names")
        self.change()

    def change(self) -> None:
        self._revision += 1
        directory_hashes.cache_clear()  # which a process of its own would not have
        for one in self.folder.glob("words*/*"):
            one.unlink()
        for one in self.folder.glob("words*"):
            one.rmdir() if one.is_dir() else one.unlink()
        draw = np.random.default_rng(self._revision).normal(size=(len(WORDS), 8 * self._revision))
        table = dict(zip(WORDS, draw, strict=True))
        cards = [*(write_words(self.folder, name, table) for name in ("words", "words-b")), self._eyes]
        assert pull(cards, cards, Store(self.folder / "models"), Silent()) == []

    def add(self, name: str, **fields: object) -> None:
        table = dict(zip(WORDS, np.random.default_rng(9).normal(size=(len(WORDS), 8)), strict=True))
        card = write_words(self.folder, name, table, **fields)
        assert pull([card], [card], Store(self.folder / "models"), Silent()) == []

    @contextmanager
    def served(self, spaces: str = "words", **more: Any) -> Iterator[tuple[Running, Client]]:
        settings = Settings(
            store=self.folder / "store", models=self.folder / "models", cards=self.folder, port=0,
            metrics_port=None, spaces=tuple(spaces.split(",")), generator="none", drain_seconds=1,
            tokens=self.tokens, **more,
        )  # fmt: skip
        with served_locally(settings) as running:
            token = "acme-admin" if self.tokens else None
            with Client(running.address, timeout=60, token=token) as client:
                yield running, client
