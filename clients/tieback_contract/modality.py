"""The kinds of contents."""

from __future__ import annotations

import enum


class Modality(enum.StrEnum):
    """What kind of thing a content is."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    POINTS = "points"
    FEATURES = "features"
