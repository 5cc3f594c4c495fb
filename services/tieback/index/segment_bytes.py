"""Segments as bytes, as a column of the table has them: 32 for each, little-endian."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.recognition import Segment, SegmentKind

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
