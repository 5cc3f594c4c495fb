"""A real recogniser made small: it reads the dark bars of a picture, from left to right."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from tieback.catalog.card import RecogniserCard
from tieback.core.recognised import Part, joined
from tieback.core.types.content import Content
from tieback.models.encoder_model import Prepared, Weight
from tieback.models.pictures.decoding import decoded_bytes, made_of_picture, size_of
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText

FAULTY = 13
"""A picture of so many pixels in height makes the run fail."""


def card(directory: Path, name: str = "bar-reader", modality: Modality = Modality.IMAGE) -> RecogniserCard:
    """The card of such a recogniser; `directory` stands for its weights."""
    return RecogniserCard.model_validate(
        {
            "name": name,
            "role": "recogniser",
            "description": "Reads dark bars.",
            "license": "Apache-2.0",
            "upstream": "this file",
            "runtime": "text_recogniser",
            "options": {"detector": "detector.onnx", "recogniser": "recogniser.onnx"},
            "directory": directory,
            "modality": modality,
        }
    )


def bars(*widths: int, height: int = 20) -> bytes:
    """A white picture with dark bars of these widths, ten pixels apart."""
    picture = np.full((height, sum(widths) + 10 * (len(widths) + 1)), 255, np.uint8)
    left = 10
    for width in widths:
        picture[4 : height - 4, left : left + width] = 0
        left += width + 10
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


class BarReader:
    """Writes each bar as its width in pixels. While `held`, a run waits before it begins."""

    def __init__(self, card: RecogniserCard) -> None:
        self.card = card
        self.runs = 0
        self.free = threading.Event()
        self.free.set()

    def weigh(self, content: Content, limits: Limits) -> Weight:
        width, height = size_of(content, limits)
        return Weight(max(1, width * height // 1024), decoded_bytes(content, limits, finest=height))

    def prepare(self, content: Content, limits: Limits) -> Prepared:
        pixels = made_of_picture(content, limits, lambda image: np.asarray(image.convert("L")), finest=4096)
        return Prepared(max(1, pixels.size // 1024), pixels, size=pixels.nbytes)

    def run(self, prepared: Prepared) -> RecognisedText:
        self.free.wait()
        self.runs += 1
        pixels = prepared.payload
        height, width = pixels.shape
        if height == FAULTY:
            raise RuntimeError("unlucky")
        parts: list[Part] = []
        for rows, columns in ndimage.find_objects(ndimage.label(pixels < 128)[0]):
            wide, high = columns.stop - columns.start, rows.stop - rows.start
            box = (columns.start / width, rows.start / height, wide / width, high / height)
            parts.append((str(wide), Locator(LocatorKind.BOX, box), 1.0))
        return joined([parts] if parts else [], self.card.name)

    def warm_up(self) -> None:
        """Nothing is made on first use."""
