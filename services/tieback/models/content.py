"""What arrives, before anything is decoded: is it the right modality, is it small enough, can it be read."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from tieback.core.errors import WRONG_MODALITY, InvalidInput
from tieback.core.types.content import CategoricalFeatures, Content

# What the first bytes of a file give away, for messages that help: (offset, signature, name).
SIGNATURES = (
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (8, b"WAVE", "a WAV sound"),
    (0, b"fLaC", "a FLAC sound"),
    (0, b"OggS", "an Ogg sound"),
    (0, b"ID3", "an MP3 sound"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF document"),
    (4, b"ftyp", "an MP4 or HEIF file"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "an XML document"),
)


def read_text(content: Content, limits: Limits) -> str:
    """The text, if it is one that every part of the platform can carry.

    InvalidInput for too many bytes, a NUL (which ends a string for half of the world's software) and a lone
    surrogate (which has no UTF-8).
    """
    text = content.data
    if content.modality is not Modality.TEXT or not isinstance(text, str):
        raise wrong_modality(content, Modality.TEXT)
    if limits.text_bytes and len(text) > limits.text_bytes:
        raise _text_too_long(limits)
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"the text has a lone surrogate (U+{ord(text[error.start]):04X}) at character {error.start}, "
            "which is no character; decode the text with errors='replace' before sending it",
            field="text",
            reason="BAD_TEXT",
        ) from None
    if limits.text_bytes and size > limits.text_bytes:
        raise _text_too_long(limits)
    nul = text.find("\0")
    if nul >= 0:
        raise InvalidInput(
            f"the text has a NUL at character {nul}; remove it, or send binary data as what it is",
            field="text",
            reason="BAD_TEXT",
        )
    if not text.strip():
        raise InvalidInput("the text is empty; send some", field="text", reason="EMPTY_TEXT")
    return text


def read_bytes(content: Content, modality: Modality) -> bytes:
    """The encoded bytes of a picture or a sound, which are some."""
    data = content.data
    if content.modality is not modality or not isinstance(data, bytes):
        raise wrong_modality(content, modality)
    if not data:
        raise InvalidInput(f"the {modality} has no bytes; send the whole file", field=modality)
    return data


def read_points(content: Content, limits: Limits) -> Array:
    """The coordinates `[points, 3]` of a point cloud, finite and some."""
    points = content.data
    if content.modality is not Modality.POINTS or not isinstance(points, np.ndarray):
        raise wrong_modality(content, Modality.POINTS)
    if limits.points and len(points) > limits.points:
        raise InvalidInput(
            f"the cloud has {len(points)} points and this server takes {limits.points} at most; sample it",
            field="points",
            reason="TOO_MANY_POINTS",
        )
    if not len(points) or not np.isfinite(points).all():
        raise InvalidInput("a cloud has points, all of them finite", field="points", reason="BAD_POINTS")
    return points


def read_features(content: Content, limits: Limits) -> CategoricalFeatures:
    """The features, which have some values and not too many, in names and values that are no longer than ids.

    The limits are those on entries, for all values together, and on names.
    """
    features = content.data
    if content.modality is not Modality.FEATURES or not isinstance(features, CategoricalFeatures):
        raise wrong_modality(content, Modality.FEATURES)
    count = sum(len(values) for _, values in features.values)
    if not count:
        raise InvalidInput("there are no features; give one value at least", field="features")
    if limits.entries and count > limits.entries:
        raise InvalidInput(
            f"the features have {count} values and this server takes {limits.entries} at most",
            field="features",
            reason="TOO_MANY_FEATURES",
        )
    for name, values in features.values:
        field = at("features", "values").key(name)
        for one, called in ((name, "name"), *((value, "value") for value in values)):
            if not _is_name(one, limits):
                raise InvalidInput(
                    f"a feature's {called} has 1 to {limits.name_bytes} bytes and no NUL",
                    field=field,
                    reason="BAD_FEATURE",
                )
    return features


def wrong_modality(content: Content, expected: Modality) -> InvalidInput:
    """The error for a content that the model is not for."""
    given = content.modality or "precomputed vector"
    return InvalidInput(
        f"the model reads {expected} and was given {given}; ask a space of that modality",
        field=str(content.modality or "vector"),
        reason=WRONG_MODALITY,
    )


def looks_like(data: bytes) -> str:
    """What the bytes seem to be, to end a message with; empty if they give nothing away."""
    for offset, signature, name in SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return f" (they look like {name})"
    return ""


def _is_name(text: str, limits: Limits) -> bool:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return bool(text) and "\0" not in text and not (limits.name_bytes and size > limits.name_bytes)


def _text_too_long(limits: Limits) -> InvalidInput:
    return InvalidInput(
        f"the text is longer than {limits.text_bytes} bytes, the most this server takes; send it in parts",
        field="text",
        reason="TEXT_TOO_LARGE",
    )
