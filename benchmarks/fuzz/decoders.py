"""Every decoder of what callers send: pictures, sounds, point clouds; and files of points in the client.

Each begins with a small file of each format, also of formats that are refused, and spoils it. What may come
of it is a result or an error for the caller; nothing may be written to the process's standard error, where
the libraries behind the decoders would write without anybody's asking.
"""

from __future__ import annotations

import io
import os
import random
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import soundfile
from PIL import Image
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.point_cloud import PointCloud
from tieback.core.errors import TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.pictures.decoding import central_square, decoded_bytes
from tieback.models.point_cloud import PointCloudModel
from tieback.models.sounds.decoding import samples_of, weight_of
from tieback_client.values.clouds import cloud_of
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

LIMITS = Limits(image_pixels=1_000_000, audio_seconds=10.0, points=2_000)
SIDE, RATE = 32, 16_000
STANDARD_ERROR = 2
EXTREMES = (0.0, -0.0, 1.0, 1e-45, 1e-30, 3e38, -3e38, float("nan"), float("inf"))


class Decoders:
    """The target."""

    name = "decoders"

    def __init__(self) -> None:
        self._pictures = pictures()
        self._sounds = sounds()
        self._files = files_of_points()
        card = next(one for one in Catalog.load(None).encoders() if isinstance(one.options, PointCloud))
        self._clouds = PointCloudModel(card, None)  # type: ignore[arg-type]  # it has no files
        self._kinds: list[Callable[[random.Random], str]] = [
            self._picture,
            self._picture,
            self._sound,
            self._sound,
            self._file,
            self._cloud,
        ]

    def run(self, source: random.Random) -> str:
        """One input of one decoder."""
        with silence():
            return source.choice(self._kinds)(source)

    def _picture(self, source: random.Random) -> str:
        content = Content(Modality.IMAGE, spoilt(source.choice(self._pictures), source))

        def read() -> None:
            decoded_bytes(content, LIMITS, finest=2 * SIDE)
            pixels = central_square(content, LIMITS, field_of_view=0.9, side=SIDE)
            assert pixels.shape == (SIDE, SIDE, 3)

        return outcome("picture", read)

    def _sound(self, source: random.Random) -> str:
        content = Content(Modality.AUDIO, spoilt(source.choice(self._sounds), source))

        def read() -> None:
            weight_of(content, LIMITS, rate=RATE)
            samples = samples_of(content, LIMITS, rate=RATE)
            assert np.isfinite(samples).all()

        return outcome("sound", read)

    def _cloud(self, source: random.Random) -> str:
        content = Content(Modality.POINTS, points(source))
        plan = EncodePlan()

        def read() -> None:
            self._clouds.weigh(content, plan, LIMITS)
            prepared = self._clouds.prepare(content, plan, LIMITS)
            (raw,) = self._clouds.run([prepared], plan)
            assert raw.dense is not None
            assert np.isfinite(raw.dense).all()

        return outcome("cloud", read)

    def _file(self, source: random.Random) -> str:
        suffix, data = source.choice(self._files)

        def read() -> None:
            found = cloud_of(spoilt(data, source), suffix)
            assert np.isfinite(found).all()

        return outcome("file of points", read)


def outcome(what: str, read: Callable[[], None]) -> str:
    """The outcome: read, or refused with an error for the caller."""
    try:
        read()
    except TiebackError as error:
        return f"{what}: {error.reason}"
    except ValueError as error:
        if what != "file of points" or type(error) is not ValueError:  # the client's own error
            raise
        return f"{what}: refused"
    return f"{what}: read"


@contextmanager
def silence() -> Iterator[None]:
    """Raises where something was written to the standard error, by whatever library."""
    kept = os.dup(STANDARD_ERROR)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(kept, STANDARD_ERROR)
            os.close(kept)
        file.seek(0)
        written = file.read(200)
    if written:
        raise AssertionError(f"written to the standard error: {written!r}")


def spoilt(data: bytes, source: random.Random) -> bytes:
    """The bytes with some changed, taken out, put in, cut off or set to extremes; most in the beginning."""
    out = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        if not out:
            break
        place = source.randrange(min(len(out), source.choice((64, len(out)))))
        match source.randrange(6):
            case 0:
                out[place] = source.randrange(256)
            case 1:
                out[place] ^= 1 << source.randrange(8)
            case 2:
                del out[place : place + source.randrange(1, 9)]
            case 3:
                out[place:place] = source.randbytes(source.randrange(1, 9))
            case 4:
                del out[place:]
            case _:
                value = source.choice((0, 0x7F, 0x80, 0xFF))
                end = min(len(out), place + source.randrange(1, 5))
                out[place:end] = bytes([value]) * (end - place)
    return bytes(out)


def pictures() -> list[bytes]:
    """One small picture of each format and mode that is read, and of some that are not."""
    noise = np.random.default_rng(0).integers(0, 255, (40, 33, 4), np.uint8)
    clear, solid = Image.fromarray(noise), Image.fromarray(noise[..., :3])
    turned = Image.Exif()
    turned[0x0112] = 6
    kinds: list[tuple[Image.Image, str, dict[str, object]]] = [
        (solid, "JPEG", {"exif": turned}),
        (solid, "JPEG", {"progressive": True}),
        (solid.convert("CMYK"), "JPEG", {}),
        (solid, "PNG", {"exif": turned}),
        (clear, "PNG", {}),
        (solid.convert("P"), "PNG", {"transparency": 3}),
        (Image.fromarray(noise[..., 0].astype(np.uint16) << 8), "PNG", {}),
        (solid, "WEBP", {}),
        (clear, "WEBP", {"lossless": True, "exif": turned}),
        (solid, "GIF", {"save_all": True, "append_images": [solid.rotate(90)]}),
        (solid, "BMP", {}),
        (solid, "TIFF", {"compression": "tiff_lzw"}),
        (solid, "PPM", {}),
    ]
    return [_saved(image, form, options) for image, form, options in kinds]


def _saved(image: Image.Image, form: str, options: dict[str, object]) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def sounds() -> list[bytes]:
    """One short sound of each format that is read, and of some that are not."""
    samples = (np.random.default_rng(0).normal(size=(3000, 2)) * 0.1).astype(np.float32)
    kinds = [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("WAVEX", "PCM_16"),
        ("WAV", "IMA_ADPCM"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
        ("AIFF", "PCM_16"),
    ]
    found = []
    for form, subtype in kinds:
        file = io.BytesIO()
        soundfile.write(file, samples, RATE, format=form, subtype=subtype)
        found.append(file.getvalue())
    return found


def files_of_points() -> list[tuple[str, bytes]]:
    """One file of each kind that the client reads, with the suffix of its name."""
    cloud = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    file = io.BytesIO()
    np.save(file, cloud)
    lines = "".join(f"{x} {y} {z}\n" for x, y, z in cloud.tolist()).encode()
    head = "ply\nformat {} 1.0\nelement vertex 20\nproperty float x\nproperty float y\nproperty float z\n"
    rows = b"".join(struct.pack("<fff", *row) for row in cloud.tolist())
    return [
        (".npy", file.getvalue()),
        (".ply", (head.format("ascii") + "end_header\n").encode() + lines),
        (".ply", (head.format("binary_little_endian") + "end_header\n").encode() + rows),
        (".xyz", lines),
        (".csv", b"x,y,z\n" + lines.replace(b" ", b",")),
    ]


def points(source: random.Random) -> Array:
    """An array that might be a cloud: of any shape, with equal and extreme coordinates."""
    count, axes = source.choice((0, 1, 2, 5, 50, 400, 2001)), source.choice((3, 3, 3, 3, 2, 4))
    cloud = np.random.default_rng(source.randrange(1 << 32)).normal(size=(count, axes)).astype(np.float32)
    for _ in range(source.choice((0, 0, 1, 5))):
        if cloud.size:
            row, axis = source.randrange(count), source.randrange(axes)
            cloud[row, axis] = source.choice(EXTREMES)
    with np.errstate(all="ignore"):
        return np.asarray(cloud * np.float32(source.choice((1.0, 1.0, 1e-30, 1e30, 0.0))))


TARGET = Decoders()
