"""The world of shades in a store, with texts and photos of theirs beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.models.store import Store
from tieback.recipes.pull import pull

from support.colours import png
from support.own_encoder import Silent
from support.shades import CLASSES, World, sentences, write_dual, write_eyes, write_words

PHOTOS = 48
CLIP = "clip"


def plain_world(folder: Path) -> World:
    """Two text spaces and a classifier, and photos of twelve shades that have no names."""
    return _world(folder, lambda _: [], lambda draw, _: (255 * draw.random((12, 3))).astype(int))


def world_with_towers(folder: Path) -> World:
    """With a dual encoder and an optional text space beside them, and a photo of each of the first shades."""
    return _world(
        folder,
        lambda colours: [
            *write_dual(folder, CLIP, colours),
            write_words(folder, "extra", colours, 3, optional=True),
        ],
        lambda _, colours: 255 * colours[:PHOTOS],
    )


def _world(
    folder: Path,
    more: Callable[[np.ndarray], list[EncoderCard]],
    photos: Callable[[np.random.Generator, np.ndarray], np.ndarray],
) -> World:
    draw = np.random.default_rng(5)
    colours = draw.random((CLASSES, 3))
    cards = [
        write_words(folder, "words", colours, 1),
        write_words(folder, "speech", colours, 2),
        write_eyes(folder, "eyes", colours),
        *more(colours),
    ]
    store = Store(folder / "store")
    assert pull(cards, cards, store, Silent()) == []
    data = folder / "data"
    data.mkdir()
    (data / "rain.txt").write_text(" ".join(sentences(draw)))
    for number, colour in enumerate(photos(draw, colours)):
        (data / f"{number:02}.png").write_bytes(png(*(int(one) for one in colour)))
    return World(cards, store, data, folder)
