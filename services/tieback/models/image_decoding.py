"""Bytes to pixels, for bytes that nobody vouches for.

The header is read first and its size held against the limit, so that a bomb is refused before a pixel of it
is made. Only widespread raster formats are tried: each decoder is a way in.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tieback.core.errors import InvalidInput
from tieback.core.types import Array, Content, Limits, Modality
from tieback.models.content import looks_like, read_bytes

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
SHARPNESS = 2  # how many times finer than needed a JPEG is decoded before it is made small
BITS_TO_DROP = 8

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
    data = read_bytes(content, Modality.IMAGE)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image, limits)
            # A JPEG can be decoded at an eighth, a quarter or half of its size for less time and memory.
            finest = round(SHARPNESS * side / field_of_view)
            image.draft("RGB", (finest, finest))
            image.load()
            upright = ImageOps.exif_transpose(image)
            return _square(_to_rgb(upright), field_of_view, side)
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


def _square(image: Image.Image, field_of_view: float, side: int) -> Array:
    width, height = image.size
    edge = min(width, height) * field_of_view
    left, top = (width - edge) / 2, (height - edge) / 2
    small = image.resize(
        (side, side), Image.Resampling.BICUBIC, box=(left, top, left + edge, top + edge), reducing_gap=3.0
    )
    return np.asarray(small, np.uint8)


def _in_words(error: BaseException) -> str:
    """The decoder's own words, where it has any that do not speak of memory addresses."""
    text = str(error).partition("\n")[0]
    return text if text and "<" not in text else "it cannot be decoded"
