"""One scale of colours for every heat map: even to the eye, and the same for people who are colour-blind.

Cividis (Nuñez, Anderton and Renslow, 2018, arXiv:1712.01662) grows lighter in even steps and differs in blue
and yellow alone. What is written on a cell is black or white, whichever stands out more: never less than 4.5
to 1, the least that WCAG 2 asks of text.
"""

from __future__ import annotations

import math

STEPS = (
    *("#00224e", "#083370", "#35456c", "#4f576c", "#666970", "#7d7c78"),
    *("#948e77", "#aea371", "#c8b866", "#e5cf52", "#fee838"),
)
"""The scale in eleven even steps, from least to most."""

BLACK, WHITE = "#000000", "#ffffff"


def shade(share: float) -> str:
    """The colour at `share` of the scale, 0 to 1; what lies outside is drawn as its end."""
    place = min(max(share, 0.0), 1.0) * (len(STEPS) - 1)
    below = min(math.floor(place), len(STEPS) - 2)
    part = place - below
    mixed = [
        round(low + part * (high - low))
        for low, high in zip(_channels(STEPS[below]), _channels(STEPS[below + 1]), strict=True)
    ]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def ink_on(colour: str) -> str:
    """Black or white, whichever stands out more on the colour."""
    return max((BLACK, WHITE), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminances, 1 to 21, as WCAG 2 defines it."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = [
        channel / 255 / 12.92 if channel / 255 <= 0.03928 else ((channel / 255 + 0.055) / 1.055) ** 2.4
        for channel in _channels(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
