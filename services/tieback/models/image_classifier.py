"""Image encoders: features and classes from one network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.catalog.options import ImageClassifier
from tieback.core.types import Array, Content, Limits, Truncation, VectorKind
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback.models.image_decoding import central_square
from tieback.models.labels import likeliest, read_class_names
from tieback.models.normalization import unit_rows
from tieback.models.session import PROCESSOR, Hardware, Session
from tieback.models.store import ServedModel

GRAPH = "model.onnx"
PIXELS, FEATURES, PROBABILITIES = "pixels", "features", "probabilities"
CELL = 32  # pixels a side of one cell of the last feature map, the unit of cost


class ImageClassifierModel:
    """Runs `GRAPH`: `PIXELS` `[batch, 3, crop, crop]` to `FEATURES` `[batch, width]` and `PROBABILITIES`."""

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._options = card.options_for(ImageClassifier)
        self._names = read_class_names(served.path(self._options.class_names))
        self._session = Session(served.path(GRAPH), hardware)
        self._cells = (self._options.crop // CELL) ** 2

    @property
    def sizes(self) -> Sequence[int]:
        """One: every picture is made the same size."""
        return [self._cells]

    def sample(self, tokens: int) -> Prepared:
        """A black picture."""
        return Prepared(tokens, np.zeros((self._options.crop, self._options.crop, 3), np.uint8))

    def prepare(self, content: Content, *, truncation: Truncation, limits: Limits) -> Prepared:  # noqa: ARG002 - a picture has no end to cut off
        """Decodes a picture and makes it small; its pixels wait as uint8, a quarter of what runs."""
        options = self._options
        pixels = central_square(content, limits, field_of_view=options.crop / options.size, side=options.crop)
        return Prepared(self._cells, pixels)

    def run(self, batch: Sequence[Prepared], kinds: frozenset[VectorKind]) -> list[RawEncoding]:
        """Encodes a batch."""
        pixels = np.stack([prepared.payload for prepared in batch]).transpose(0, 3, 1, 2)
        scaled = (pixels.astype(np.float32) - self._options.mean) / self._options.scale
        features, probabilities = self._session.run([FEATURES, PROBABILITIES], {PIXELS: scaled})
        return [
            self._encoding(feature, probability, kinds)
            for feature, probability in zip(unit_rows(features), probabilities, strict=True)
        ]

    def warm_up(self) -> None:
        """Encodes a black picture."""
        self.run([self.sample(self._cells)], self.card.kinds)

    def _encoding(self, feature: Array, probability: Array, kinds: frozenset[VectorKind]) -> RawEncoding:
        labels = VectorKind.LABELS in kinds
        return RawEncoding(
            feature if VectorKind.DENSE in kinds else None,
            None,
            labels=likeliest(probability, self._names, self._options.top) if labels else (),
        )
