"""Encoders of pictures: one network from pixels to a vector, of the folder's own fitting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.limits import Limits

from tieback.catalog.card import EncoderCard
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding, Weight
from tieback.models.pictures.decoding import SHARPNESS, decoded_bytes, made_of_picture
from tieback.models.pictures.fitting import PictureFitting
from tieback.models.reference import DENSE
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.store import ServedModel

GRAPH, PREPROCESSOR = "model.onnx", "preprocessor_config.json"
PIXELS = "pixels"
CELL = 32  # pixels a side, the unit of cost


class ImageEncoderModel:
    """Runs `GRAPH`: `PIXELS` `[batch, 3, height, width]` to `DENSE` `[batch, width]`, of length 1."""

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._fitting = PictureFitting.read(served.path(PREPROCESSOR))
        self._session = open_graph(served, GRAPH, hardware)
        self._finest = SHARPNESS * self._fitting.finest
        self._cells = max(1, self._fitting.height * self._fitting.width // CELL**2)

    @property
    def sizes(self) -> Sequence[int]:
        """One: every picture is made the same size."""
        return [self._cells]

    def sample(self, tokens: int) -> Prepared:
        """A black picture."""
        return Prepared(tokens, np.zeros((self._fitting.height, self._fitting.width, 3), np.uint8))

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:  # noqa: ARG002 - there is one kind
        """By the picture's header."""
        return Weight(self._cells, decoded_bytes(content, limits, finest=self._finest))

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:  # noqa: ARG002 - a picture has no end to cut off
        """Decodes a picture and makes it fit; most pixels wait as uint8, a quarter of what runs."""
        pixels = made_of_picture(content, limits, self._fitting.pixels, finest=self._finest)
        return Prepared(self._cells, pixels, size=pixels.nbytes)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:  # noqa: ARG002 - there is one kind
        """Encodes a batch."""
        pixels = self._fitting.scaled(np.stack([prepared.payload for prepared in batch]))
        (dense,) = self._session.run([DENSE], {PIXELS: pixels})
        return [RawEncoding(row, None) for row in dense]

    def warm_up(self) -> None:
        """Encodes a black picture."""
        self.run([self.sample(self._cells)], EncodePlan(kinds=self.card.kinds))
