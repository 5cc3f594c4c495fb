"""What can be encoded, indexed and asked for, and how plain Python values become it.

A `str` is text, a `pathlib.Path` is read by its suffix, a picture of PIL is encoded as PNG, and
`Image`, `Audio`, `Points`, `Features`, `TokenIds` and `Vector` are explicit. Everything is checked here,
before it is sent.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePath
from typing import Any, TypeAlias

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT, FieldPath
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector

from tieback_client.errors import InvalidArgument
from tieback_client.values.clouds import CLOUD_SUFFIXES, read_cloud

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga"})
TEXT_SUFFIXES = frozenset({".txt", ".md", ".markdown", ".rst", ".text"})


def text(value: str, field: FieldPath | str = ROOT) -> str:
    """The text, if it can travel as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument.at(
            field,
            f"character {error.start} is {value[error.start]!a}, half of a surrogate pair, which is no text; "
            "decode the input as UTF-8, or drop such characters with errors='replace'",
        ) from None
    if "\0" in value:
        raise InvalidArgument.at(field, f"character {value.index(chr(0))} is NUL; remove it")
    return value


@dataclass(frozen=True, slots=True)
class Text:
    """Written language. A plain `str` does as well."""

    text: str
    """The words."""

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Text:
        """A UTF-8 file. `InvalidArgument` where it cannot be read or is not UTF-8."""
        try:
            return cls(_read(path, "text").decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise InvalidArgument.at(
                "text", f"{path} is not UTF-8 text: {error.reason}; Item.from_file reads any encoding"
            ) from None


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture."""

    data: bytes
    """JPEG, PNG, WebP, BMP or GIF (first frame)."""

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Image:
        """A picture file. `InvalidArgument` where it cannot be read or does not begin as one."""
        return cls(_begun(path, _read(path, "image"), "image", fault_of_picture))

    @classmethod
    def from_pil(cls, picture: Any) -> Image:
        """A picture of PIL, encoded without loss as PNG."""
        buffer = io.BytesIO()
        if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
            picture = picture.convert("RGB")
        picture.save(buffer, format="PNG")
        return cls(buffer.getvalue())


@dataclass(frozen=True, slots=True)
class Audio:
    """An encoded sound."""

    data: bytes
    """WAV (PCM or float), FLAC or Ogg Vorbis."""

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Audio:
        """A sound file. `InvalidArgument` where it cannot be read or does not begin as one."""
        return cls(_begun(path, _read(path, "audio"), "audio", fault_of_sound))


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A point cloud."""

    coordinates: Array
    """`[points, 3]`; sent as float32."""

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Points:
        """A file of points: .npy `[points, 3]`, .ply (ascii, binary_little_endian), or numbers line by line.

        The last have the suffix .xyz, .txt or .csv. `InvalidArgument` where it cannot be read.
        """
        try:
            return cls(read_cloud(Path(path)))
        except OSError as error:
            raise InvalidArgument.at("points", f"cannot read {path}: {error.strerror or error}") from None
        except ValueError as error:
            raise InvalidArgument.at("points", f"{path} is no point cloud: {error}") from None


@dataclass(frozen=True, slots=True)
class Features:
    """Categorical features: which user, which genre, which colours."""

    values: Mapping[str, str | Sequence[str]]
    """By the name of a feature, its value, or several. Values compare as a whole."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenIds:
    """A text that is tokenised already, with the space's own tokenizer."""

    ids: Sequence[int] | Array
    """The model's numbers, special tokens included."""


_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")
_SOUNDS = (b"fLaC", b"OggS")


def fault_of_picture(data: bytes) -> str:
    """Why bytes are no picture; "" where they begin as one."""
    if data.startswith(_PICTURES) or _is_riff(data, b"WEBP"):
        return ""
    return "it is no picture that is read (JPEG, PNG, WebP, BMP, GIF)" if data else "it is empty"


def fault_of_sound(data: bytes) -> str:
    """Why bytes are no sound; "" where they begin as one."""
    if data.startswith(_SOUNDS) or _is_riff(data, b"WAVE"):
        return ""
    return "it is no sound that is read (WAV, FLAC, Ogg Vorbis)" if data else "it is empty"


def _is_riff(data: bytes, form: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == form


Content: TypeAlias = Text | Image | Audio | Points | Features | TokenIds | Vector
"""One piece of input."""
ContentLike: TypeAlias = str | Path | Text | Image | Audio | Points | Features | TokenIds | Vector | Any
"""What `content_of` understands; `Any` stands for a picture of PIL."""


def content_of(value: ContentLike, field: FieldPath | str = "content") -> Content:
    """The content that a plain value means. `InvalidArgument` names `field` where it means none."""
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, Text | Image | Audio | Points | Features | TokenIds | Vector):
        return value
    if isinstance(value, Path):
        return _from_path(value, field)
    if _is_pil(value):
        return Image.from_pil(value)
    if isinstance(value, np.ndarray):
        message = (
            "a bare array has no space: pass Vector(array, space); Points(array) for a point cloud, "
            "TokenIds(array) for a tokenised text"
        )
    elif isinstance(value, bytes | bytearray | memoryview):
        message = "bytes can be many things: pass Image(bytes) or Audio(bytes)"
    elif isinstance(value, dict):
        message = "a mapping can be many things: pass Features(mapping) for categorical features"
    else:
        known = "str, Path, Image, Audio, Points, Features, TokenIds or Vector"
        message = f"a {type(value).__name__} is no content: pass {known}"
    raise InvalidArgument.at(field, message)


def modality_of(content: Content) -> Modality | None:
    """The modality of a content; None for a vector, which has that of its space."""
    kinds = {
        Text: Modality.TEXT,
        TokenIds: Modality.TEXT,
        Image: Modality.IMAGE,
        Audio: Modality.AUDIO,
        Points: Modality.POINTS,
        Features: Modality.FEATURES,
    }
    return kinds.get(type(content))


def modality_of_path(path: PurePath) -> Modality | None:
    """The modality of a file by its suffix; None for an unknown suffix."""
    suffix = path.suffix.lower()
    known = (
        (IMAGE_SUFFIXES, Modality.IMAGE),
        (AUDIO_SUFFIXES, Modality.AUDIO),
        (CLOUD_SUFFIXES, Modality.POINTS),
        (TEXT_SUFFIXES, Modality.TEXT),
    )
    return next((modality for suffixes, modality in known if suffix in suffixes), None)


def _from_path(path: Path, field: FieldPath | str) -> Content:
    modality = modality_of_path(path)
    if modality is None:
        known = ", ".join(sorted(IMAGE_SUFFIXES | AUDIO_SUFFIXES | CLOUD_SUFFIXES | TEXT_SUFFIXES))
        raise InvalidArgument.at(
            field,
            f"cannot tell what {path} holds by its suffix {path.suffix!r}; known are {known}; "
            "or say it with Image.from_file, Audio.from_file, Points.from_file or Text.from_file",
        )
    readers: dict[Modality, Callable[[Path], Content]] = {
        Modality.IMAGE: Image.from_file,
        Modality.AUDIO: Audio.from_file,
        Modality.POINTS: Points.from_file,
        Modality.TEXT: Text.from_file,
    }
    try:
        return readers[modality](path)
    except InvalidArgument as error:
        raise InvalidArgument.at(field, error.message) from None


def _read(path: str | PathLike[str], field: FieldPath | str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument.at(field, f"cannot read {path}: {error.strerror or error}") from None


def _begun(
    path: str | PathLike[str], data: bytes, field: FieldPath | str, fault_of: Callable[[bytes], str]
) -> bytes:
    fault = fault_of(data)
    if fault:
        raise InvalidArgument.at(field, f"{path}: {fault}")
    return data


def _is_pil(value: Any) -> bool:
    # Where PIL was never imported, nothing can be a picture of it; so it need not be installed here.
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)
