"""Bytes to pixels, for bytes that nobody vouches for.

The header is read first and its size held against the limit, so that a bomb is refused before a pixel of it
is made. Only the formats that the contract names are tried: each decoder is a way in, and that of TIFF writes
to the process's standard error what it thinks of a file.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError
from tieback_contract.arrays import WHOLE, Array, Box
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.models.content import looks_like, read_bytes

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SHARPNESS = 2  # how many times finer than needed a JPEG is decoded before it is made small
BITS_TO_DROP = 8
BYTES_PER_PIXEL, BYTES_PER_WEBP_PIXEL = 10, 18
"""What a pixel takes at most while it is decoded: 9.0 and 16.5 were measured, over all modes."""

COEFFICIENT_BYTES = 6
"""What a pixel of a progressive JPEG takes besides, at its full size: all its coefficients are kept."""

BAND_PIXELS = 1 << 20
TEXT_BYTES = 4 << 20

# Pillow's own limit warns, which is an error or nothing depending on the process; ours is checked below.
Image.MAX_IMAGE_PIXELS = None
# Texts in a PNG are not used, and reading its header unpacks them: sixteen times less than by default.
PngImagePlugin.MAX_TEXT_MEMORY = TEXT_BYTES
# It warns of metadata that it passes over; what is wrong with a caller's picture is no matter for the log.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

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

    def squares(image: Image.Image) -> Array:
        return np.stack([square_of(image, window, field_of_view, side) for window in windows])

    finest = finest_of(windows, field_of_view=field_of_view, side=side)
    return made_of_picture(content, limits, squares, finest=finest)


def finest_of(windows: Sequence[Box], *, field_of_view: float, side: int) -> int:
    """Pixels of a picture's shorter side that are enough for `central_squares`."""
    smallest = min(min(width, height) for _, _, width, height in windows)
    return round(SHARPNESS * side / (field_of_view * smallest))


def made_of_picture(
    content: Content, limits: Limits, make: Callable[[Image.Image], Array], *, finest: int
) -> Array:
    """What `make` gives for the picture, which is RGB, upright, and on white where it is transparent.

    A shorter side of `finest` pixels is enough for it. InvalidInput as in `central_square`.
    """
    with _opened(content, limits, finest) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return make(_to_rgb(image))


def decoded_bytes(content: Content, limits: Limits, *, finest: int) -> int:
    """What `made_of_picture` takes at most, by the header alone. InvalidInput as there."""
    with _opened(content, limits, None) as image:
        full = image.width * image.height
        coefficients = COEFFICIENT_BYTES * full if image.info.get("progressive") else 0
        image.draft("RGB", (finest, finest))
        each = BYTES_PER_WEBP_PIXEL if image.format == "WEBP" else BYTES_PER_PIXEL
        return each * image.width * image.height + coefficients


def size_of(content: Content, limits: Limits) -> tuple[int, int]:
    """Width and height in pixels, by the header alone. InvalidInput as in `made_of_picture`."""
    with _opened(content, limits, None) as image:
        return image.size


@contextmanager
def _opened(content: Content, limits: Limits, finest: int | None) -> Iterator[Image.Image]:
    """The picture with its header read and its size checked; faults become InvalidInput.

    With `finest`, a JPEG will be decoded at an eighth, a quarter or half of its size where that is enough.
    """
    data = read_bytes(content, Modality.IMAGE)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image, limits)
            if finest is not None:
                image.draft("RGB", (finest, finest))
            yield image
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
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow's conversion would clip them at 255
        values = np.clip(np.asarray(image) >> BITS_TO_DROP, 0, 255)
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """The picture on white, band by band: the layers of a large one would take four times its size."""
    flat = Image.new("RGB", image.size)
    rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        flat.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
    return flat


def square_of(image: Image.Image, window: Box, field_of_view: float, side: int) -> Array:
    """The central square of a window of an RGB picture, uint8 `[side, side, 3]`, as `central_square`."""
    x, width = (share * image.width for share in window[::2])
    y, height = (share * image.height for share in window[1::2])
    edge = min(width, height) * field_of_view
    left, top = x + (width - edge) / 2, y + (height - edge) / 2
    small = image.resize(
        (side, side), Image.Resampling.BICUBIC, box=(left, top, left + edge, top + edge), reducing_gap=3.0
    )
    return np.asarray(small, np.uint8)


def _in_words(error: BaseException) -> str:
    """The decoder's own message, where it has one without memory addresses."""
    text = str(error).partition("\n")[0]
    return text if text and "<" not in text else "it cannot be decoded"
