"""A platform in another process, whose encoder and reranker are an endpoint of the one that is tested."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tieback.catalog.own_directory import directory_hashes
from tieback.models.endpoints.canary import TEXTS
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_contract.arrays import Array

from support.own_encoder import WORDS, Silent
from support.own_reranker import reranker_card, save_cross_encoder
from support.ports import free_port
from support.running_platform import Platform
from support.small_spaces import write_words

WIDTH = 16
VOCABULARY = sorted({*WORDS[4:], *(one for text in TEXTS for one in re.findall(r"\w+|[^\w\s]+", text))})


def table(seed: int = 1) -> dict[str, Array]:
    """A vector of each word; another seed is another model of the same width."""
    return dict(
        zip(VOCABULARY, np.random.default_rng(seed).normal(size=(len(VOCABULARY), WIDTH)), strict=True)
    )


class FarPlatform:
    """Serves the space "words" and the reranker "own-judge" at one port over HTTP, for as long as it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "cards").mkdir(parents=True)
        self.judge = save_cross_encoder(folder / "cards/own")
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.platform: Platform | None = None
        self.change(1)

    def change(self, seed: int) -> None:
        """Puts another model of the same width and name in place; it is served from the next start on."""
        cards = self.folder / "cards"
        for one in cards.glob("words/*"):
            one.unlink()
        if (cards / "words").is_dir():
            (cards / "words").rmdir()
        directory_hashes.cache_clear()
        space = write_words(cards, "words", table(seed))
        made = [space, reranker_card(cards / "own")]
        assert pull(made, [space], Store(self.folder / "models"), Silent()) == []

    def start(self) -> Platform:
        """Ready when it returns."""
        variables = {
            "TIEBACK_CARDS": str(self.folder / "cards"),
            "TIEBACK_MODELS": str(self.folder / "models"),
        }
        options = {
            "spaces": "words", "generator": "none", "binding": "none", "recognisers": "none",
            "checkers": "none", "http-port": str(self.port), "drain-seconds": "1",
        }  # fmt: skip
        self.platform = Platform(
            self.folder,
            "--local",
            *(word for name, value in options.items() for word in (f"--{name}", value)),
            before=f"import os; os.environ.update({variables!r})",
        ).ready()
        return self.platform

    def kill(self) -> None:
        """Ends it by SIGKILL."""
        if self.platform is not None:
            self.platform.kill()


def write_endpoint(folder: Path, runtime: str, base_url: str, *, name: str = "far", **fields: Any) -> Path:
    """The card of an encoder or another model by endpoint; `options` beside the address."""
    options = {"base_url": base_url} | fields.pop("options", {})
    shared = {"name": name, "description": "far", "license": "unstated", "upstream": "me", "runtime": runtime}
    own = {"max_tokens": 64} if "role" in fields else {
        "role": "encoder", "modality": "text", "width": WIDTH, "kinds": ["dense"],
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(shared | own | fields | {"options": options}))
    return path
