"""Pictures of handwritten digits for the claims.

The handwritten digits are the 1,797 pictures of 8 × 8 pixels in scikit-learn's wheel (Alpaydin and Kaynak,
1998, doi:10.24432/C50P49). Only their file is taken from the wheel, once, into the model store.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tieback.catalog.catalog import read_card
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_contract.arrays import Array

from benchmarks.progress import PullProgress

CARD = Path(__file__).with_name("digits.yaml")
FULL = 16.0  # the darkest pixel of the handwritten ones


class Digits(NamedTuple):
    """Pictures `[n, pixels]`, in float32, and which digit each shows."""

    pictures: Array
    shown: Array

    def split(self, *counts: int) -> list[Digits]:
        """So many each, in order; whatever is left comes last."""
        bounds = [0, *np.cumsum(counts), len(self.shown)]
        return [Digits(self.pictures[begin:end], self.shown[begin:end]) for begin, end in pairwise(bounds)]


def handwritten(say: Callable[[str], None], store: Store | None = None) -> Digits:
    """All that there are. StartupError where they are not in the store and cannot be fetched."""
    card, shelf = read_card(CARD), store or Store()
    if not shelf.is_ready(card):
        say(f"fetching {card.description}")
        pull([card], [], shelf, PullProgress())
    with gzip.open(shelf.media(card) / "digits.csv.gz", "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32)
    return Digits(rows[:, :-1] / FULL, rows[:, -1].astype(np.int64))
