"""A picture classifier made small: it knows three colours, by the mean of the pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.core.types import Content, Label, Limits, Modality, Truncation, VectorKind
from tieback.models.encoder_model import Prepared, RawEncoding

from support.bag_of_words import card as text_card

NAMES = ("red", "green", "blue")


def card(directory: Path, name: str = "colours") -> EncoderCard:
    kinds = {VectorKind.DENSE, VectorKind.LABELS}
    return text_card(
        directory, name, modality=Modality.IMAGE, width=3, widths=(), kinds=kinds, max_tokens=None
    )


def png(red: int, green: int, blue: int) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (red, green, blue)).save(file, "PNG")
    return file.getvalue()


class Colours:
    """The share of each colour in the picture is its probability."""

    pads = False

    def __init__(self, card: EncoderCard) -> None:
        self.card = card

    @property
    def sizes(self) -> Sequence[int]:
        return [1]

    def sample(self, tokens: int) -> Prepared:
        return Prepared(tokens, np.ones(3, np.float32))

    def prepare(self, content: Content, *, truncation: Truncation, limits: Limits) -> Prepared:
        assert isinstance(content.data, bytes)
        try:
            pixels = np.asarray(Image.open(io.BytesIO(content.data)).convert("RGB"), np.float32)
        except (UnidentifiedImageError, OSError) as error:
            raise InvalidInput("the picture cannot be read", field="image") from error
        return Prepared(1, pixels.mean(axis=(0, 1)) + 1e-3)

    def run(self, batch: Sequence[Prepared], kinds: frozenset[VectorKind]) -> list[RawEncoding]:
        return [_encode(prepared.payload, kinds) for prepared in batch]

    def warm_up(self) -> None:
        self.run([self.sample(1)], self.card.kinds)


def _encode(colour: np.ndarray, kinds: frozenset[VectorKind]) -> RawEncoding:
    shares = colour / colour.sum()
    labels = [Label(NAMES[place], int(place), float(shares[place])) for place in np.argsort(-shares)]
    dense = (colour / np.linalg.norm(colour)).astype(np.float32) if VectorKind.DENSE in kinds else None
    return RawEncoding(dense, None, labels=labels if VectorKind.LABELS in kinds else [])
