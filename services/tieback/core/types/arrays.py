"""Arrays, and places in a text, a picture or a sound."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Box = tuple[float, float, float, float]
"""A rectangle in a picture: x, y, width and height in 0..1 of the picture's, from its upper left corner."""
Span = tuple[int, int]
"""Bytes of a UTF-8 text: the first, and the first after it."""
TimeRange = tuple[float, float]
"""A part of a sound: when it begins and ends, in seconds."""
