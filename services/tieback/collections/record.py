"""Records: items as they are kept, with their vectors, places, and what they were encoded from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment, SegmentKind

from tieback.collections.metadata import scalars
from tieback.core.types.content import CategoricalFeatures, Content, Item

_NUMBER = " " * 8  # a number, a truth value or a date counts eight bytes
_POINT = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of a picture: `vectors` float16 `[regions, width]`, and where they are, `boxes` `[n, 4]`.

    Half precision moves a similarity by at most 2⁻¹¹ of the sum of its products' magnitudes.
    """

    vectors: Array
    boxes: Array


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes that a section was encoded from, kept outside the table: their name and their number."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Record:
    """An item fit to be written: only text is left of its contents; `vectors` float32 `[sections, width]`.

    `regions`, `originals` and `tokens`, the stored rows of tokens (`index/vectors/token_rows.py`), are by the
    ordinals of sections that have some. `contents` are the bytes of originals that are yet to be kept, by
    their names.
    """

    item: Item
    texts: Sequence[str]
    modalities: Sequence[Modality]
    vectors: Array
    regions: Mapping[int, Regions] = field(default_factory=dict)
    originals: Mapping[int, Original] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    tokens: Mapping[int, Array] = field(default_factory=dict, repr=False)

    @property
    def bytes(self) -> int:
        """Bytes of its vectors, words, names, metadata and originals: what a quota counts."""
        arrays = sum(one.vectors.nbytes + one.boxes.nbytes for one in self.regions.values())
        arrays += sum(rows.nbytes for rows in self.tokens.values())
        arrays += SEGMENT_BYTES * sum(len(section.segments) for section in self.item.sections)
        words = [self.item.id, self.item.title, *self.texts]
        for section, text in zip(self.item.sections, self.texts, strict=True):
            content = section.content.data if section.content is not None else None
            words += [section.id, section.title, section.uri]
            if isinstance(content, str) and content != text:
                words.append(content)
        for key, value in self.item.metadata.items():
            words.append(key)
            words += [one if isinstance(one, str) else _NUMBER for one in scalars(value)]
        kept = sum(one.bytes for one in self.originals.values())
        return int(self.vectors.nbytes) + arrays + kept + sum(map(_size, words))


_SAID = tuple(SegmentKind)
_PLACES = {LocatorKind.BOX: 4, LocatorKind.TIME_RANGE: 2}
_KINDS = tuple(_PLACES)
_FORM = np.dtype(
    [
        *(("begin", "<u4"), ("end", "<u4"), ("said", "<u2"), ("kind", "<u2")),
        *(("score", "<f4"), ("place", "<f4", (4,))),
    ]
)
SEGMENT_BYTES = _FORM.itemsize


def packed(segments: Sequence[Segment]) -> bytes:
    """The bytes of segments. The numbers of places are rounded to float32."""
    rows = np.zeros(len(segments), _FORM)
    for row, one in zip(rows, segments, strict=True):
        row["begin"], row["end"] = one.span
        row["said"], row["kind"] = _SAID.index(one.kind), _KINDS.index(one.place.kind)
        row["score"] = one.score
        row["place"][: len(one.place.place)] = one.place.place
    return rows.tobytes()


def unpacked(data: bytes) -> tuple[Segment, ...]:
    """The segments that `packed` wrote."""
    found = []
    for begin, end, said, number, score, place in np.frombuffer(data, _FORM).tolist():
        kind = _KINDS[number]
        found.append(Segment((begin, end), Locator(kind, tuple(place[: _PLACES[kind]])), score, _SAID[said]))
    return tuple(found)


def original_of(content: Content | None) -> tuple[Original, bytes] | None:
    """The part of a content to keep; None of texts, which their rows hold, and of vectors."""
    if content is None or isinstance(content.data, str):
        return None
    if isinstance(content.data, bytes):
        data = content.data
    elif isinstance(content.data, CategoricalFeatures):
        data = json.dumps(dict(content.data.values)).encode()
    elif content.modality is Modality.POINTS:
        data = np.ascontiguousarray(content.data, _POINT).tobytes()
    else:
        return None
    return Original(hashlib.sha256(data).hexdigest(), len(data)), data


def content_of(modality: Modality, data: bytes) -> Content:
    """The content that was kept."""
    if modality is Modality.FEATURES:
        return Content(modality, CategoricalFeatures.of(json.loads(data)))
    if modality is not Modality.POINTS:
        return Content(modality, data)
    points: Array = np.frombuffer(data, _POINT).reshape(-1, 3)
    return Content(modality, points)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
