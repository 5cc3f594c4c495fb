"""Encoders of a picture and its regions in one run of a network: its maps are pooled as a whole and in parts.

`tieback train dolg` makes such a network (DOLG, arXiv:2108.02927). The regions are those of
`image_classifier`, and cost nothing beside the picture: there each of ten views is a run of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from tieback.catalog.card import EncoderCard
from tieback.catalog.options import ImageRegions
from tieback.core.types.arrays import Array
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.core.types.limits import Limits
from tieback.core.types.locators import LocatorKind, Locators
from tieback.core.types.vectors import VectorKind
from tieback.models.encoder_model import Prepared, RawEncoding, Weight
from tieback.models.image_classifier import CELL, PIXELS, REGIONS
from tieback.models.image_decoding import SHARPNESS, decoded_bytes, made_of_picture
from tieback.models.normalization import unit_rows
from tieback.models.picture_fitting import CHANNELS, PictureFitting
from tieback.models.session import PROCESSOR, Hardware, Session
from tieback.models.store import ServedModel

GRAPH = "model.onnx"
VECTOR, PARTS = "vector", "regions"


class ImageRegionsModel:
    """Runs `GRAPH`: `PIXELS` `[batch, 3, side, side]` to `VECTOR` `[batch, width]` and `PARTS`.

    `PARTS` `[batch, 9, width]` are those of `REGIONS` but the first, which is the whole picture.
    """

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        options = card.options_for(ImageRegions)
        self._side = options.side
        self._fitting = fitting_of(options.side, options.mean, options.scale)
        self._session = Session(served.path(GRAPH), hardware)
        self._cells = max(1, (options.side // CELL) ** 2)

    @property
    def sizes(self) -> Sequence[int]:
        """One: every picture is made the same size."""
        return [self._cells]

    def sample(self, tokens: int) -> Prepared:
        """A black picture."""
        return Prepared(tokens, np.zeros((self._side, self._side, CHANNELS), np.uint8))

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:  # noqa: ARG002 - regions cost no more
        """By the picture's header."""
        return Weight(self._cells, decoded_bytes(content, limits, finest=SHARPNESS * self._side))

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:  # noqa: ARG002 - regions are no pictures of their own
        """Decodes a picture and makes it fit; its pixels wait as uint8, a quarter of what runs."""
        finest = SHARPNESS * self._side
        pixels = made_of_picture(content, limits, self._fitting.pixels, finest=finest)
        return Prepared(self._cells, pixels, size=pixels.nbytes)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes a batch; the first row of a multi-vector is the picture's own vector."""
        pixels = self._fitting.scaled(np.stack([prepared.payload for prepared in batch]))
        vectors, parts = self._session.run([VECTOR, PARTS], {PIXELS: pixels})
        rows = unit_rows(np.concatenate((vectors[:, None], parts), axis=1))
        return [_encoding(views, plan) for views in rows]

    def warm_up(self) -> None:
        """Encodes a black picture."""
        self.run([self.sample(self._cells)], EncodePlan(kinds=self.card.kinds))


def fitting_of(side: int, mean: float, scale: float) -> PictureFitting:
    """How a picture is made to fit: resized to a square, whatever its shape; no part of it is cut off."""
    means, scales = (mean,) * CHANNELS, (scale,) * CHANNELS
    return PictureFitting(side, side, None, Image.Resampling.BICUBIC, 1.0, means, scales)


def _encoding(views: Array, plan: EncodePlan) -> RawEncoding:
    regions = VectorKind.MULTI_VECTOR in plan.kinds
    return RawEncoding(
        views[0] if VectorKind.DENSE in plan.kinds else None,
        views if regions else None,
        Locators.of(LocatorKind.BOX, REGIONS) if regions else None,
    )
