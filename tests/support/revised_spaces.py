"""Spaces of words as revisions of each other, texts for them, and the settings of a server that has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import Item

from support.own_encoder import Silent
from support.small_spaces import write_colours, write_shapes, write_words

WORDS = [f"word{n:02}" for n in range(40)]
SPACES = ("words-a", "words-b", "words-0", "colours", "shapes")


def texts(count: int) -> Iterator[Item]:
    """Texts of sixteen words whose halves have six words in common; every other one is odd."""
    draw = np.random.default_rng(3)
    for number in range(count):
        kind, own = "even" if number % 2 == 0 else "odd", draw.choice(WORDS, 5, replace=False)
        halves = [[kind, *own, *draw.choice(WORDS, 2)] for _ in range(2)]
        yield Item(f"{number:04}", " ".join([*halves[0], *halves[1]]), metadata={"kind": kind})


def write_spaces(folder: Path) -> None:
    """Spaces of words: the new one sees what the old one sees, turned, and more, and the first one sees less.

    And two of no words.
    """
    draw = np.random.default_rng(1)
    old = draw.normal(size=(len(WORDS) + 2, 8))
    turn = np.linalg.qr(draw.normal(size=(12, 12)))[0]
    new = np.concatenate([old, draw.normal(size=(len(WORDS) + 2, 4))], axis=1) @ turn
    names = [*WORDS, "even", "odd"]
    cards = [
        write_words(folder, "words-a", dict(zip(names, old, strict=True))),
        write_words(folder, "words-b", dict(zip(names, new, strict=True))),
        write_words(folder, "words-0", dict(zip(names, old[:, :6], strict=True))),
        write_colours(folder, "colours"),
        write_shapes(folder, "shapes"),
    ]
    assert pull(cards, cards, Store(folder / "models"), Silent()) == []


def settings_of(folder: Path, **more: Any) -> Settings:
    return Settings(
        store=folder / "store", models=folder / "models", cards=folder, port=0, metrics_port=None,
        spaces=SPACES, generator="none", drain_seconds=1, binding="none", **more,
    )  # fmt: skip
