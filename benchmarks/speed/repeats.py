"""Savings by the cache where texts come again: the same requests with it and without it, in turns."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.corpus import Corpus
from benchmarks.load.generator import generating
from benchmarks.load.tieback import StubTarget
from benchmarks.speed.cells import Cell, draw

REPEATED = 0.3
FILLINGS = 4
"""What is in flight is so often replaced at least: of fewer, the emptying end would be most of it."""

CELLS = (Cell("short", 1, 32), Cell("short", 32, 8), Cell("mixed", 32, 8))


@dataclass(frozen=True)
class Repeats:
    """One round: items a second with and without the cache."""

    cell: Cell
    cached: float
    computed: float

    @property
    def ratio(self) -> float:
        """Speed with the cache over that without."""
        return self.cached / self.computed


def repeats(target: StubTarget, corpus: Corpus, *, items: Mapping[Cell, float], rounds: int) -> list[Repeats]:
    """`rounds` of each cell, with about so many items each."""
    found = []
    with (
        generating(dataclasses.replace(target, cache="use")) as cached,
        generating(dataclasses.replace(target, cache="bypass")) as computed,
    ):
        for number in range(rounds):
            for place, cell in enumerate(items):
                count = max(int(items[cell]), FILLINGS * cell.items * cell.in_flight)
                texts = stream(corpus, cell, count, number * len(items) + place)
                work = [tuple(texts[at : at + cell.items]) for at in range(0, len(texts), cell.items)]
                sides = [cached, computed] if number % 2 else [computed, cached]
                rates = {side: side.closed(work, in_flight=cell.in_flight).rate for side in sides}
                found.append(Repeats(cell, rates[cached], rates[computed]))
    return found


def stream(corpus: Corpus, cell: Cell, count: int, turn: int) -> list[str]:
    """So many texts of the cell's mix, of which REPEATED were there before, at any distance.

    The others are new to the server whatever it has seen: each begins with a number of its own.
    """
    chance = random.Random(turn)
    fresh = (f"{turn}.{number} {text}" for number, text in enumerate(draw(corpus, cell.mix, count, turn)))
    texts: list[str] = []
    for _ in range(count):
        texts.append(chance.choice(texts) if texts and chance.random() < REPEATED else next(fresh))
    return texts
