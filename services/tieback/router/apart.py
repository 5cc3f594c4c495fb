"""The parts of a picture, each as an input of its own, so that each gets a joint vector of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tieback.core.types import Array, Box, FusePart
from tieback.router.contents import Contents, Spoken
from tieback.router.paths import WHOLE, whole_of


def apart(contents: Contents, given: Sequence[FusePart]) -> dict[Box, Contents]:
    """What was said of the whole, by `WHOLE`, and then of each part, by its box.

    A space that gave no vector of a part stands in with what it says of the whole. The whole alone, of inputs
    without regions, and of those of several contents.
    """
    rows = [_rows(spoken, given) for spoken in contents.spoken]
    boxes: list[Box] = [WHOLE]
    if len(contents.modalities) == 1:
        boxes += dict.fromkeys(box for one in rows for box in one)
    return {box: _of(contents, [one.get(box) for one in rows]) for box in boxes}


def _of(contents: Contents, rows: Sequence[Array | None]) -> Contents:
    spoken = [
        Spoken(one.content, one.entrance, _whole(one.reading) if row is None else row)
        for one, row in zip(contents.spoken, rows, strict=True)
    ]
    return dataclasses.replace(contents, spoken=spoken)


def _rows(spoken: Spoken, given: Sequence[FusePart]) -> dict[Box, Array]:
    """The vectors of parts that were read, by their boxes: they follow the whole's, in the regions' order."""
    if not _in_views(spoken.reading):
        return {}
    (regions,) = (
        part.encoding.regions
        for part in given
        if part.content == spoken.content and part.encoding.space.name == spoken.entrance.source.name
    )
    boxes = [] if regions is None else map(tuple, np.asarray(regions.boxes, np.float32).tolist())
    return dict(zip((box for box in boxes if box != WHOLE), spoken.reading[1:], strict=True))


def _whole(reading: object) -> object:
    return whole_of(reading) if isinstance(reading, np.ndarray) else reading


def _in_views(reading: object) -> bool:
    return isinstance(reading, np.ndarray) and reading.ndim == 2
