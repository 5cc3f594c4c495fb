"""Encoders of a picture and its regions in one run of a network: its maps are pooled as a whole and in parts.

`tieback train dolg` makes such a network (DOLG, arXiv:2108.02927). The regions are windows of the picture's
central square, as many as those of `image_classifier`, and cost nothing beside the picture: there each of ten
views is a run of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tieback_contract.arrays import WHOLE, Array, Box
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.image_regions import ImageRegions
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding, Weight, unit_rows
from tieback.models.pictures.classifier import CELL, PIXELS, REGIONS
from tieback.models.pictures.decoding import decoded_bytes, finest_of, made_of_picture, square_of
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.store import ServedModel

GRAPH = "model.onnx"
VECTOR, PARTS = "vector", "regions"


@dataclass(frozen=True, slots=True)
class View:
    """What the network sees of a picture: its central square, the share `view` of the shorter side.

    It is `side` × `side` pixels, which enter as (x - mean) / scale. The picture keeps its proportions: where
    they are lost, a part of it pasted into a picture of another shape looks like something else.
    """

    side: int
    view: float
    mean: float
    scale: float

    def pixels(self, image: Image.Image) -> Array:
        """Of an RGB picture, uint8 `[side, side, 3]`."""
        return square_of(image, WHOLE, self.view, self.side)

    def scaled(self, pixels: Array) -> Array:
        """`[batch, side, side, 3]` uint8 as the network's float32 `[batch, 3, side, side]`."""
        values = (pixels.astype(np.float32) - self.mean) / self.scale
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))

    def boxes(self, width: int, height: int) -> list[Box]:
        """Where the rows of a multi-vector are in a picture of that size; the first stands for the whole."""
        across, down = (self.view * min(width, height) / side for side in (width, height))
        left, top = (1 - across) / 2, (1 - down) / 2
        windows = [Box(left + x * across, top + y * down, w * across, h * down) for x, y, w, h in REGIONS[1:]]
        return [WHOLE, *windows]

    @property
    def finest(self) -> int:
        """Pixels of a picture's shorter side that are enough for it."""
        return finest_of((WHOLE,), field_of_view=self.view, side=self.side)


class ImageRegionsModel:
    """Runs `GRAPH`: `PIXELS` `[batch, 3, side, side]` to `VECTOR` `[batch, width]` and `PARTS`.

    `PARTS` `[batch, 9, width]` are those of `REGIONS` but the first, which is the whole.
    """

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        options = card.options_for(ImageRegions)
        self._view = View(options.side, options.view, options.mean, options.scale)
        self._session = open_graph(served, GRAPH, hardware)
        self._cells = max(1, (options.side // CELL) ** 2)

    @property
    def sizes(self) -> Sequence[int]:
        """One: every picture is made the same size."""
        return [self._cells]

    def sample(self, tokens: int) -> Prepared:
        """A black picture."""
        side = self._view.side
        return Prepared(tokens, (np.zeros((side, side, 3), np.uint8), self._view.boxes(side, side)))

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:  # noqa: ARG002 - regions cost no more
        """By the picture's header."""
        return Weight(self._cells, decoded_bytes(content, limits, finest=self._view.finest))

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:  # noqa: ARG002 - regions are no pictures of their own
        """Decodes a picture and makes it fit; its pixels wait as uint8, a quarter of what runs."""
        boxes: list[Box] = []

        def seen(image: Image.Image) -> Array:
            boxes.extend(self._view.boxes(*image.size))
            return self._view.pixels(image)

        pixels = made_of_picture(content, limits, seen, finest=self._view.finest)
        return Prepared(self._cells, (pixels, boxes), size=pixels.nbytes)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes a batch; the first row of a multi-vector is the picture's own vector."""
        pixels = self._view.scaled(np.stack([prepared.payload[0] for prepared in batch]))
        vectors, parts = self._session.run([VECTOR, PARTS], {PIXELS: pixels})
        rows = unit_rows(np.concatenate((vectors[:, None], parts), axis=1))
        return [_encoding(row, one.payload[1], plan) for row, one in zip(rows, batch, strict=True)]

    def warm_up(self) -> None:
        """Encodes a black picture."""
        self.run([self.sample(self._cells)], EncodePlan(kinds=self.card.kinds))


def _encoding(rows: Array, boxes: Sequence[Box], plan: EncodePlan) -> RawEncoding:
    regions = VectorKind.MULTI_VECTOR in plan.kinds
    return RawEncoding(
        rows[0] if VectorKind.DENSE in plan.kinds else None,
        rows if regions else None,
        Locators.of(LocatorKind.BOX, boxes) if regions else None,
    )
