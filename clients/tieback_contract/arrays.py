"""Arrays, and places in a text, a picture or a sound."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]
Span = tuple[int, int]
"""Bytes of a UTF-8 text: the first, and the first after it."""
TimeRange = tuple[float, float]
"""A part of a sound: when it begins and ends, in seconds."""


class Box(NamedTuple):
    """A rectangle in a picture, in 0..1 of the picture's width and height."""

    x: float
    """Its left edge, from the picture's left."""
    y: float
    """Its upper edge, from the picture's top."""
    width: float
    """Width."""
    height: float
    """Height."""
