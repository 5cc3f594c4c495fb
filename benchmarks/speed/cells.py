"""Questions to every side: a cell is a mix of inputs, the size of a request, the requests in flight."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, Literal

from benchmarks.corpus import Corpus
from benchmarks.load.target import Request

Mix = Literal["short", "mixed", "long", "photos"]
LONG_SHARE = 0.2
"""Of the mixed texts, how many are long."""


@dataclass(frozen=True)
class Cell:
    """`items` of the mix in each request, `in_flight` requests at any time."""

    mix: Mix
    items: int
    in_flight: int

    @property
    def key(self) -> str:
        """Its name on the command line and in results, for instance "mixed-32@8"."""
        return f"{self.mix}-{self.items}@{self.in_flight}"

    @property
    def one_at_a_time(self) -> bool:
        """Tell whether what counts is how long one item takes, and not how many there are a second."""
        return self.items == self.in_flight == 1

    def work(self, corpus: Corpus, items: float, turn: int, *, steady: bool = True) -> list[Request]:
        """Requests of about so many items, enough for all callers or a steady state; others each turn."""
        # Of a steady state's, a third fills the server, and a third drains it.
        fewest = 3 * self.in_flight if steady else self.in_flight
        requests = max(fewest, round(items / self.items))
        drawn = draw(corpus, self.mix, requests * self.items, turn)
        return [tuple(drawn[at : at + self.items]) for at in range(0, len(drawn), self.items)]


# The cells that claims are made of, measured in every round. Two requests of 32 long texts are seconds of
# work already, and keep a server as busy as eight would.
TABLE = (
    Cell("short", 1, 1),
    Cell("short", 1, 32),
    Cell("short", 32, 8),
    Cell("mixed", 1, 32),
    Cell("mixed", 32, 8),
    Cell("long", 1, 32),
    Cell("long", 32, 2),
)
# What the curves are drawn through besides, measured once.
CURVES = (
    Cell("short", 1, 8),
    Cell("short", 1, 128),
    Cell("mixed", 1, 1),
    Cell("mixed", 1, 8),
)
# Sizes that only tieback is asked for.
FURTHER = (
    Cell("mixed", 1, 128),
    Cell("short", 32, 1),
    Cell("short", 32, 32),
    Cell("mixed", 32, 1),
    Cell("long", 1, 1),
    Cell("long", 1, 8),
    Cell("photos", 1, 1),
    Cell("photos", 1, 8),
    Cell("photos", 1, 32),
    Cell("photos", 32, 1),
)
QUICK = (Cell("short", 1, 1), Cell("short", 1, 32), Cell("short", 32, 8), Cell("mixed", 1, 32))
ALL = (*TABLE, *CURVES, *FURTHER)


def chosen(cells: Sequence[Cell], patterns: Sequence[str] | None) -> tuple[Cell, ...]:
    """Those whose key one of the patterns ("mixed-*", "*@32") fits; all where there are none."""
    if not patterns:
        return tuple(cells)
    return tuple(cell for cell in cells if any(fnmatch(cell.key, pattern) for pattern in patterns))


def draw(corpus: Corpus, mix: Mix, count: int, turn: int) -> list[Any]:
    """So many inputs of the mix; those of the next turn follow them in the corpus."""
    if mix == "short":
        return _cyclic(corpus.short, count, turn)
    if mix == "long":
        return _cyclic(corpus.long, count, turn)
    if mix == "photos":
        return _cyclic(corpus.photos, count, turn)
    long = round(LONG_SHARE * count)
    texts = _cyclic(corpus.long, long, turn) + _cyclic(corpus.short, count - long, turn)
    random.Random(turn).shuffle(texts)
    return texts


def _cyclic(inputs: Sequence[Any], count: int, turn: int) -> list[Any]:
    return [inputs[(turn * count + number) % len(inputs)] for number in range(count)]
