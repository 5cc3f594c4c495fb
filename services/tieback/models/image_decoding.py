"""Bytes to pixels, for bytes that nobody vouches for.

The header is read first and its size held against the limit, so that a bomb is refused before a pixel of it
is made. Only widespread raster formats are tried: each decoder is a way in.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tieback.core.errors import InvalidInput
from tieback.core.types import Array, Content, Limits, Modality
from tieback.models.content import looks_like, read_bytes

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
SHARPNESS = 2  # how many times finer than needed a JPEG is decoded before it is made small
BITS_TO_DROP = 8

Box = tuple[float, float, float, float]
"""A window of a picture: x, y, width and height as shares of the picture's, from its upper left corner."""

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

# Pillow's own limit warns, which is an error or nothing depending on the process; ours is checked below.
Image.MAX_IMAGE_PIXELS = None

# What Pillow's decoders raise on bytes that are not what their header says.
Faults = (
    *(OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error),
    *(IndexError, KeyError, TypeError, OverflowError, MemoryError),
)


def central_square(content: Content, limits: Limits, *, field_of_view: float, side: int) -> Array:
    """The picture's central square as RGB uint8 `[side, side, 3]`, upright, on white where it is transparent.

    `field_of_view` is the square's share of the shorter side. Of a film the first frame counts. InvalidInput
    for what is no picture, is cut off, or has more pixels than the limit.
    """
    squares = central_squares(content, limits, (WHOLE,), field_of_view=field_of_view, side=side)
    return np.asarray(squares[0])


def central_squares(
    content: Content, limits: Limits, windows: Sequence[Box], *, field_of_view: float, side: int
) -> Array:
    """The central square of each window, `[windows, side, side, 3]`, as `central_square`; decoded once."""
    smallest = min(min(width, height) for _, _, width, height in windows)

    def squares(image: Image.Image) -> Array:
        return np.stack([_square(image, window, field_of_view, side) for window in windows])

    finest = round(SHARPNESS * side / (field_of_view * smallest))
    return made_of_picture(content, limits, squares, finest=finest)


def made_of_picture(
    content: Content, limits: Limits, make: Callable[[Image.Image], Array], *, finest: int
) -> Array:
    """What `make` gives for the picture, which is RGB, upright, and on white where it is transparent.

    A shorter side of `finest` pixels is enough for it. InvalidInput as in `central_square`.
    """
    data = read_bytes(content, Modality.IMAGE)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image, limits)
            # A JPEG can be decoded at an eighth, a quarter or half of its size for less time and memory.
            image.draft("RGB", (finest, finest))
            image.load()
            upright = ImageOps.exif_transpose(image)
            return make(_to_rgb(upright))
    except UnidentifiedImageError:
        raise InvalidInput(
            f"the bytes are not a picture in a format that is read ({', '.join(FORMATS)}){looks_like(data)}; "
            "convert it to one of them",
            field="image",
            reason="BAD_IMAGE",
        ) from None
    except InvalidInput:
        raise
    except Faults as error:
        raise InvalidInput(
            f"the picture is damaged or cut off: {_in_words(error)}; send the whole file",
            field="image",
            reason="BAD_IMAGE",
        ) from None


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if limits.image_pixels and width * height > limits.image_pixels:
        raise InvalidInput(
            f"the picture has {width} × {height} pixels, and this server takes at most {limits.image_pixels} "
            "of them; send a smaller one",
            field="image",
            reason="IMAGE_TOO_LARGE",
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise InvalidInput(
            "pictures of floating-point values have no agreed range; convert it to 8 bits a channel",
            field="image",
            reason="BAD_IMAGE",
        )
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow's conversion would clip them at 255
        values = np.clip(np.asarray(image, np.int64) >> BITS_TO_DROP, 0, 255)
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        white = Image.new("RGBA", layers.size, "white")
        return Image.alpha_composite(white, layers).convert("RGB")
    return image.convert("RGB")


def _square(image: Image.Image, window: Box, field_of_view: float, side: int) -> Array:
    x, width = (share * image.width for share in window[::2])
    y, height = (share * image.height for share in window[1::2])
    edge = min(width, height) * field_of_view
    left, top = x + (width - edge) / 2, y + (height - edge) / 2
    small = image.resize(
        (side, side), Image.Resampling.BICUBIC, box=(left, top, left + edge, top + edge), reducing_gap=3.0
    )
    return np.asarray(small, np.uint8)


def _in_words(error: BaseException) -> str:
    """The decoder's own words, where it has any that do not speak of memory addresses."""
    text = str(error).partition("\n")[0]
    return text if text and "<" not in text else "it cannot be decoded"
