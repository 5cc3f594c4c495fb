"""The setting of how regions of pictures are stored."""

from __future__ import annotations

import enum


class Regions(enum.StrEnum):
    """How the regions of pictures are stored."""

    OFF = "off"
    """Not at all: a picture is its whole."""
    TOGETHER = "together"
    """In the one vector of the picture, where they count as much as the whole."""
    EACH = "each"
    """In vectors of their own, beside the whole's."""


# What the setting was before it had three values: a switch.
_SWITCH = dict.fromkeys(("true", "1", "yes", "on", "y", "t"), Regions.TOGETHER) | dict.fromkeys(
    ("false", "0", "no", "n", "f"), Regions.OFF
)


def regions_named(value: str) -> str:
    """The value of `Regions` that a variable means; a name that is none is returned, to be refused."""
    name = value.lower()
    return _SWITCH.get(name, name or Regions.OFF)
