"""Pictures of digits for the claims: handwritten digits, and digits drawn in fonts.

The handwritten digits are the 1,797 pictures of 8 × 8 pixels in scikit-learn's wheel (Alpaydin and Kaynak,
1998, doi:10.24432/C50P49). Only their file is taken from the wheel, once, into the model store. The drawn
digits use the fonts of matplotlib, and are rotated, slanted, shifted and noisy.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tieback.catalog.catalog import read_card
from tieback.catalog.source import PackageSource
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_contract.arrays import Array

CARD = Path(__file__).with_name("digits.yaml")
FULL = 16.0  # the darkest pixel of the handwritten ones
FAMILIES = ("DejaVu", "STIXGeneral", "cmr10", "cmss10", "cmtt10", "cmb10")
SIDE, LARGE = 20, 60
NOISE = 0.05  # with which one network does as well as on MNIST: 96 % on the digits it knows, 60 % on others


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
        pull([card], [], shelf, _Heard(say))
    with gzip.open(shelf.media(card) / "digits.csv.gz", "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32)
    return Digits(rows[:, :-1] / FULL, rows[:, -1].astype(np.int64))


class _Heard:
    """What a pull does, said in lines."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def fetching(self, source: PackageSource, there: int, size: int) -> None:
        if there >= size:
            self._say(f"{source.package} {source.version} is there")

    def said(self, name: str, message: str) -> None:
        self._say(f"{name}: {message}")


def drawn(draw: np.random.Generator, digits: range, count: int) -> Digits:
    """So many pictures of SIDE × SIDE, of these digits."""
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    fonts = [
        ImageFont.truetype(str(path), 44)
        for path in sorted(folder.glob("*.ttf"))
        if path.name.startswith(FAMILIES) and "Display" not in path.name
    ]
    shown = draw.integers(digits.start, digits.stop, size=count)
    return Digits(np.stack([_picture(draw, fonts, int(digit)) for digit in shown]).reshape(count, -1), shown)


def _picture(draw: np.random.Generator, fonts: Sequence[ImageFont.FreeTypeFont], digit: int) -> Array:
    picture = Image.new("L", (LARGE, LARGE))
    font = fonts[int(draw.integers(len(fonts)))]
    ImageDraw.Draw(picture).text((LARGE / 2, LARGE / 2), str(digit), 255, font, anchor="mm")
    turn, slant = draw.uniform(-0.3, 0.3), draw.uniform(-0.3, 0.3)
    # The inverse map, about the middle: output places to places in the drawn picture.
    map_ = np.array([[np.cos(turn), np.sin(turn) + slant], [-np.sin(turn), np.cos(turn)]])
    map_ /= draw.uniform(0.8, 1.15)
    shift = LARGE / 2 - map_ @ np.full(2, LARGE / 2) + draw.uniform(-4, 4, size=2)
    coefficients = (*map_[0], shift[0], *map_[1], shift[1])
    moved = picture.transform(picture.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    small = np.asarray(moved.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    return np.asarray(small + NOISE * draw.normal(size=small.shape), np.float32)
