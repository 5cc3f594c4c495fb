"""Photos to learn from, and views of them: what else shows the same thing.

A view of a photo is a part of it, as a crop or pasted into another photo, turned and compressed again. All
that is drawn comes from the caller's generator.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from tieback.core.types.content import Content
from tieback.models.pictures.decoding import made_of_picture
from tieback.training.data.texts import files_of
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

KNOWN = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")

PASTED, CROPPED = (0.15, 0.4), (0.15, 0.6)
"""Shares of a photo's area: of what is pasted into another, and of what is seen alone."""

TURN = 30.0  # degrees, either way
QUALITIES = (30, 70)  # of JPEG
LONGER = 0.2
"""The logarithm of how many times as long as the photo's own a crop's shape is, at most."""


def photo_files(places: Iterable[Path]) -> list[Path]:
    """The photos among the files and in the folders. StartupError where one is not there, or none is."""
    return files_of(places, KNOWN, "photos")


def read_photo(data: bytes, *, longest: int) -> Image.Image:
    """A photo of at most `longest` pixels a side, RGB and upright. InvalidInput where it cannot be read."""

    def small(image: Image.Image) -> Array:
        image.thumbnail((longest, longest), Image.Resampling.BICUBIC)
        return np.asarray(image, np.uint8)

    content = Content(Modality.IMAGE, data)
    return Image.fromarray(made_of_picture(content, Limits(), small, finest=longest))


def cropped(
    photo: Image.Image, draw: np.random.Generator, *, shares: tuple[float, float] = CROPPED
) -> Image.Image:
    """A part of the photo, of a share of its area between these, about in its shape."""
    share, shape = draw.uniform(*shares), math.exp(draw.uniform(-LONGER, LONGER))
    width, height = (
        max(1, min(side, round(side * math.sqrt(part))))
        for side, part in ((photo.width, share * shape), (photo.height, share / shape))
    )
    left, top = (
        int(draw.integers(whole - part + 1)) for whole, part in ((photo.width, width), (photo.height, height))
    )
    return photo.crop((left, top, left + width, top + height))


def pasted(
    photo: Image.Image,
    background: Image.Image,
    draw: np.random.Generator,
    *,
    shares: tuple[float, float] = PASTED,
) -> Image.Image:
    """A part of the photo, turned, pasted somewhere into the background, and all compressed again.

    The part keeps its size, unless it is larger than the background.
    """
    crop = cropped(photo, draw, shares=shares).convert("RGBA")
    turned = crop.rotate(draw.uniform(-TURN, TURN), Image.Resampling.BICUBIC, expand=True)
    turned.thumbnail(background.size, Image.Resampling.BICUBIC)
    scene = background.convert("RGB")
    left, top = (
        int(draw.integers(whole - part + 1)) for whole, part in zip(scene.size, turned.size, strict=True)
    )
    scene.paste(turned, (left, top), turned)
    return compressed(scene, draw)


def compressed(image: Image.Image, draw: np.random.Generator) -> Image.Image:
    """The picture after it was a JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(draw.integers(*QUALITIES, endpoint=True)))
    with Image.open(file) as found:
        return found.convert("RGB")
