"""Image encoders: features and classes from one network, of a picture and of its regions.

The regions are the picture and nine windows of half its width and height, three by three at steps of a
quarter, each encoded as a picture of its own would be. On COCO128 (text → image, class names as the bridge,
three text spaces, view of the whole plus best window) they raised mAP from 0.524 to 0.582; stretching each
window to a square in the place of cutting one out of it gave 0.576.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import WHOLE, Array, Box
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding, Weight, likeliest, read_class_names, unit_rows
from tieback.models.pictures.decoding import central_squares, decoded_bytes, finest_of
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.store import ServedModel

GRAPH = "model.onnx"
PIXELS, FEATURES, PROBABILITIES = "pixels", "features", "probabilities"
CELL = 32  # pixels a side of one cell of the last feature map, the unit of cost
STEPS = (0.0, 0.25, 0.5)
REGIONS: tuple[Box, ...] = (WHOLE, *(Box(x, y, 0.5, 0.5) for y in STEPS for x in STEPS))


class ImageClassifierModel:
    """Runs `GRAPH`: `PIXELS` `[batch, 3, crop, crop]` to `FEATURES` `[batch, width]` and `PROBABILITIES`."""

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._options = card.options_for(ImageClassifier)
        self._names = read_class_names(served.path(self._options.class_names))
        self._session = open_graph(served, GRAPH, hardware)
        self._cells = (self._options.crop // CELL) ** 2

    @property
    def sizes(self) -> Sequence[int]:
        """One: every picture is made the same size."""
        return [self._cells]

    def sample(self, tokens: int) -> Prepared:
        """A black picture, without regions."""
        return Prepared(tokens, np.zeros((1, self._options.crop, self._options.crop, 3), np.uint8))

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:
        """By the picture's header."""
        windows = _windows(plan)
        view = self._options.crop / self._options.size
        finest = finest_of(windows, field_of_view=view, side=self._options.crop)
        return Weight(self._cells * len(windows), decoded_bytes(content, limits, finest=finest))

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        """Decodes a picture and makes it small; its pixels wait as uint8, a quarter of what runs.

        For a MULTI_VECTOR there are ten views of the picture, which cost ten times as much. A large JPEG is
        decoded finer for them, so its view of the whole is not to the bit what it is without (cosine 0.9994
        and more).
        """
        options, windows = self._options, _windows(plan)
        pixels = central_squares(
            content, limits, windows, field_of_view=options.crop / options.size, side=options.crop
        )
        return Prepared(self._cells * len(windows), pixels, size=pixels.nbytes)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes a batch, all views of all pictures together; the first view of each is the whole picture.

        A picture that was prepared without regions gives itself as the only one.
        """
        pixels = np.concatenate([prepared.payload for prepared in batch]).transpose(0, 3, 1, 2)
        scaled = (pixels.astype(np.float32) - self._options.mean) / self._options.scale
        features, probabilities = self._session.run([FEATURES, PROBABILITIES], {PIXELS: scaled})
        ends = np.cumsum([len(prepared.payload) for prepared in batch])[:-1]
        views = np.split(unit_rows(features), ends)
        firsts = probabilities[[0, *ends]]
        return [self._encoding(rows, first, plan) for rows, first in zip(views, firsts, strict=True)]

    def warm_up(self) -> None:
        """Encodes a black picture."""
        self.run([self.sample(self._cells)], EncodePlan(kinds=self.card.kinds))

    def _encoding(self, views: Array, probability: Array, plan: EncodePlan) -> RawEncoding:
        labels, regions = VectorKind.LABELS in plan.kinds, VectorKind.MULTI_VECTOR in plan.kinds
        return RawEncoding(
            views[0] if VectorKind.DENSE in plan.kinds else None,
            views if regions else None,
            Locators.of(LocatorKind.BOX, REGIONS[: len(views)]) if regions else None,
            labels=likeliest(probability, self._names, self._options.top) if labels else (),
        )


def _windows(plan: EncodePlan) -> Sequence[Box]:
    return REGIONS if VectorKind.MULTI_VECTOR in plan.kinds else (WHOLE,)
