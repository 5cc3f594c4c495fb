"""A picture classifier made small: it knows three colours, by the mean of the pixels."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback_contract.encodings import Label
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from support.bag_of_words import card as text_card

NAMES = ("red", "green", "blue")


def card(directory: Path, name: str = "colours", *, halves: bool = False) -> EncoderCard:
    kinds = {VectorKind.DENSE, VectorKind.LABELS, *([VectorKind.MULTI_VECTOR] if halves else [])}
    return text_card(
        directory, name, modality=Modality.IMAGE, width=3, widths=(), kinds=kinds, max_tokens=None
    )


def png(red: int, green: int, blue: int) -> bytes:
    """A picture of one colour."""
    return halves((red, green, blue), (red, green, blue))


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> bytes:
    """A picture of one colour on the left and another on the right."""
    file = io.BytesIO()
    picture = Image.new("RGB", (8, 8), left)
    picture.paste(right, (4, 0, 8, 8))
    picture.save(file, "PNG")
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

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        return Prepared(1, _mean(_pixels(content)))

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        return [_encode(prepared.payload, plan.kinds) for prepared in batch]

    def warm_up(self) -> None:
        self.run([self.sample(1)], EncodePlan(kinds=self.card.kinds))


class Halves(Colours):
    """Sees the left and the right half of a picture too."""

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        if VectorKind.MULTI_VECTOR not in plan.kinds:
            return super().prepare(content, plan, limits)
        pixels = _pixels(content)
        middle = pixels.shape[1] // 2
        return Prepared(3, np.stack([_mean(one) for one in (pixels, pixels[:, :middle], pixels[:, middle:])]))

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        return [self._seen(np.atleast_2d(prepared.payload), plan.kinds) for prepared in batch]

    def _seen(self, views: np.ndarray, kinds: frozenset[VectorKind]) -> RawEncoding:
        whole = _encode(views[0], kinds)
        if VectorKind.MULTI_VECTOR not in kinds:
            return whole
        rows = np.stack([one / np.linalg.norm(one) for one in views]).astype(np.float32)
        boxes = [(0, 0, 1, 1), (0, 0, 0.5, 1), (0.5, 0, 0.5, 1)][: len(views)]
        return dataclasses.replace(whole, rows=rows, locators=Locators.of(LocatorKind.BOX, boxes))


def _pixels(content: Content) -> np.ndarray:
    assert isinstance(content.data, bytes)
    try:
        return np.asarray(Image.open(io.BytesIO(content.data)).convert("RGB"), np.float32)
    except (UnidentifiedImageError, OSError) as error:
        raise InvalidInput("the picture cannot be read", field="image") from error


def _mean(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(pixels.mean(axis=(0, 1)) + 1e-3)


def _encode(colour: np.ndarray, kinds: frozenset[VectorKind]) -> RawEncoding:
    shares = colour / colour.sum()
    labels = [Label(NAMES[place], int(place), float(shares[place])) for place in np.argsort(-shares)]
    dense = (colour / np.linalg.norm(colour)).astype(np.float32) if VectorKind.DENSE in kinds else None
    return RawEncoding(dense, None, labels=labels if VectorKind.LABELS in kinds else [])
