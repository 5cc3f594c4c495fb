"""The kinds of contents."""

from __future__ import annotations

import enum


class Modality(enum.StrEnum):
    """Kind of a content."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    POINTS = "points"
    FEATURES = "features"
