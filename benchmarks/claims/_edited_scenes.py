"""Scenes of things with a shape, a colour and a count, words that change one, and two small frozen encoders.

A scene has up to three kinds of things, and each thing stands in a cell of its own on a grid. The encoder of
photos is a random layer: every cell becomes what its thing is, times how well that cell is seen, with noise,
and 32 heads add up the cells after a random layer each. The encoder of words has a random vector for each
word and each place. Neither is ever trained, and nothing in either knows of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array

SHAPES = ("circle", "square", "star")
COLOURS = ("red", "green", "blue", "black")
KINDS = len(SHAPES) * len(COLOURS)
MOST_KINDS, MOST_OF_ONE, CELLS = 3, 3, 16
HEADS, SEEN, WIDTH, WORD = 32, 48, 64, 32
NOISE, UNEVEN = 0.1, 0.15
LONGEST = 12
ADD, REMOVE, RECOLOUR, MORE = EDITS = ("add", "remove", "recolour", "one more")
NUMBERS = ("", "a", "two", "three")

Scene = tuple[tuple[int, int], ...]
"""Kinds with their counts, ascending."""


def drawn_scene(draw: np.random.Generator, fewest: int = 2) -> Scene:
    """Up to three kinds of things, and at least so many, one or two of each."""
    kinds = draw.choice(KINDS, int(draw.integers(fewest, MOST_KINDS + 1)), replace=False)
    return scene_of({int(kind): int(draw.integers(1, MOST_OF_ONE)) for kind in kinds})


def scene_of(counts: Mapping[int, int]) -> Scene:
    return tuple(sorted((kind, count) for kind, count in counts.items() if count))


def edited(scene: Scene, edit: str, draw: np.random.Generator) -> tuple[Scene, str, str]:
    """The scene after an edit of that kind, the words for it, and the name of the thing that it is about."""
    counts = dict(scene)
    kind = int(draw.choice(list(counts)))
    if edit == REMOVE:
        del counts[kind]
        return scene_of(counts), f"remove the {name(kind)}", f"a {name(kind)}"
    if edit == MORE:
        counts[kind] += 1
        return scene_of(counts), f"one more {name(kind)}", f"a {name(kind)}"
    if edit == ADD:
        new = int(draw.choice([one for one in range(KINDS) if one not in counts]))
        counts[new] = 1
        return scene_of(counts), f"add a {name(new)}", f"a {name(new)}"
    shape = kind // len(COLOURS)
    others = [one for one in range(KINDS) if one // len(COLOURS) == shape and one not in counts]
    new = int(draw.choice(others))
    counts[new] = counts.pop(kind)
    return scene_of(counts), f"make the {name(kind)} {COLOURS[new % len(COLOURS)]}", f"a {name(new)}"


def name(kind: int) -> str:
    return f"{COLOURS[kind % len(COLOURS)]} {SHAPES[kind // len(COLOURS)]}"


def caption(scene: Scene) -> str:
    return " and ".join(f"{NUMBERS[count]} {name(kind)}" for kind, count in scene)


class Encoders:
    """Two frozen random encoders."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        shapes, colours = (draw.normal(size=(n, SEEN)) for n in (len(SHAPES), len(COLOURS)))
        self._kinds = (shapes[:, None] + colours + shapes[:, None] * colours).reshape(KINDS, SEEN)
        self._gains = 1 + UNEVEN * draw.normal(size=CELLS)
        self._heads = draw.normal(size=(HEADS, SEEN, WIDTH)) / np.sqrt(SEEN)
        self._words: dict[str, Array] = {}
        self._draw = draw
        self._places = draw.normal(size=(LONGEST, WORD)) / 2

    def photo(self, scene: Scene, draw: np.random.Generator) -> Array:
        """Unit rows `[HEADS, WIDTH]` of a picture of the scene, of which no two are alike."""
        things = np.array([kind for kind, count in scene for _ in range(count)])
        cells = draw.permutation(CELLS)[: len(things)]
        seen = self._kinds[things] * self._gains[cells, None] + NOISE * draw.normal(size=(len(things), SEEN))
        return unit_rows(np.tanh(np.einsum("cs,hsw->hcw", seen, self._heads)).sum(axis=1))

    def text(self, words: str) -> tuple[Array, Array]:
        """Rows `[LONGEST, WORD]` and their mask."""
        rows = np.zeros((LONGEST, WORD), np.float32)
        split = words.split()
        for place, word in enumerate(split):
            if word not in self._words:
                self._words[word] = self._draw.normal(size=WORD)
            rows[place] = self._words[word] + self._places[place]
        return rows, np.arange(LONGEST) < len(split)

    def texts(self, all_words: Sequence[str]) -> tuple[Array, Array]:
        rows, masks = zip(*(self.text(words) for words in all_words), strict=True)
        return np.stack(rows), np.stack(masks)
