"""Pictures that are what they say, and those that are not."""

from __future__ import annotations

import contextlib
import io
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.models.pictures.decoding import central_square, decoded_bytes
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality


def square(data: bytes, limits: Limits | None = None, side: int = 32) -> Array:
    return central_square(Content(Modality.IMAGE, data), limits or Limits(), field_of_view=1.0, side=side)


def written(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def a_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("picture.png", "none")
    return file.getvalue()


def png_claiming(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG whose header says one thing, whatever follows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_picture_of_200_megapixels_is_refused_by_its_header() -> None:
    with pytest.raises(InvalidInput, match="20000 × 10000 pixels") as caught:
        square(png_claiming(20_000, 10_000))

    assert str(caught.value.field) == "image"
    assert caught.value.reason == "IMAGE_TOO_LARGE"


def test_a_decompression_bomb_is_refused_before_it_takes_memory() -> None:
    bomb = png_claiming(30_000, 30_000, zlib.compress(bytes(100_000_000), 9))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(InvalidInput, match="pixels"):
        square(bomb)

    assert len(bomb) < 200_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_picture_that_ends_before_its_header_says_is_refused() -> None:
    with pytest.raises(InvalidInput, match="damaged or cut off"):
        square(png_claiming(100, 100, zlib.compress(bytes(1000))))


@each("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_picture_that_is_cut_off_is_refused(format: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    data = written(Image.fromarray(noise), format)

    with pytest.raises(InvalidInput, match=r"damaged or cut off|not a picture") as caught:
        square(data[: len(data) // 2])

    assert str(caught.value.field) == "image"


@each(
    "data, said",
    [
        (a_zip(), "look like a zip archive"),
        (b"%PDF-1.7 ...", "look like a PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture in a format that is read"),
        (b"RIFF\0\0\0\0WAVEfmt ", "look like a WAV"),
        (b"\xff\xd8\xff", "not a picture|damaged"),
        (b"hello", "not a picture"),
        (b"", "no bytes"),
    ],
)
def test_bytes_that_are_no_picture_are_refused_with_what_they_look_like(data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        square(data)

    assert str(caught.value.field) == "image"
    assert "0x" not in caught.value.message


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of tags that it goes on without
def test_any_damage_to_a_picture_is_an_invalid_input_or_a_picture() -> None:
    random = np.random.default_rng(7)
    noise = Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8))
    for format in ("PNG", "JPEG", "GIF", "WEBP", "BMP"):
        good = np.frombuffer(written(noise, format), np.uint8)
        for _ in range(60):
            bad = good.copy()
            bad[random.integers(0, len(bad), 4)] = random.integers(0, 256, 4)
            with contextlib.suppress(InvalidInput):
                assert square(bad.tobytes()).shape == (32, 32, 3)


def test_a_photo_is_turned_as_its_camera_was_held() -> None:
    left_red = np.zeros((64, 64, 3), np.uint8)
    left_red[:, :32, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter

    pixels = square(written(Image.fromarray(left_red), "JPEG", exif=exif, quality=95))

    assert pixels[2, 16, 0] > 200
    assert pixels[-3, 16, 0] < 50


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str) -> None:
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": clear.getpixel((0, 0))} if mode == "P" else {}

    pixels = square(written(clear, "PNG", **options))

    assert (pixels == 255).all()


def test_16_bits_a_pixel_keep_their_range() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)

    pixels = square(written(Image.fromarray(ramp)))

    assert pixels[0].mean() < 10
    assert 110 < pixels[16].mean() < 145
    assert pixels[-1].mean() > 245


def test_a_format_that_is_not_named_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput, match=r"JPEG, PNG, WEBP, GIF, BMP"):
        square(written(Image.new("RGB", (8, 8)), "TIFF", compression="tiff_lzw")[:100])

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16"])
def test_a_large_picture_takes_no_more_memory_than_its_header_said(mode: str) -> None:
    data = written(Image.new(mode, (4000, 3000)))
    said = decoded_bytes(Content(Modality.IMAGE, data), Limits(), finest=64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    square(data)

    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < said < 300_000_000


def test_a_line_of_pixels_is_still_a_picture() -> None:
    assert square(written(Image.new("RGB", (3000, 1), "red"))).shape == (32, 32, 3)


def test_a_large_photo_looks_like_itself_made_small(photo: Callable[[str], bytes]) -> None:
    with Image.open(io.BytesIO(photo("coffee.png"))) as image:
        large = written(image.convert("RGB").resize((2400, 1600)), "JPEG", quality=95)

    small, reference = square(large, side=224), square(photo("coffee.png"), side=224)

    assert np.abs(small.astype(int) - reference).mean() < 4
