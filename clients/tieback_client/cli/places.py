"""Places in texts, photos and sounds, as a person reads them."""

from __future__ import annotations

import re

from tieback_client.events import Citation
from tieback_client.vectors import Box, Locator, LocatorKind

_LINE = re.compile(r"(?:#L|&row=)(\d+)$")


def cited_uri(uri: str, text: str, span: tuple[int, int] | None) -> str:
    """The URI of a passage, with the line of what is cited where it has that of the passage ("keys.md#L12"),
    and the row of a sheet alike ("prices.xlsx#sheet=Prices&row=12").

    `span` has the bytes of `text`. Files that are read by lines keep their lines in the text.
    """
    found = _LINE.search(uri)
    if found is None or span is None:
        return uri
    before = text.encode()[: span[0]].count(b"\n")
    return f"{uri[: found.start(1)]}{int(found[1]) + before}"


def cited_place(citation: Citation) -> str:
    """Where in a photo or a sound a citation is; empty for a text."""
    if citation.time is not None:
        return time_shown(citation.time)
    return "" if citation.region is None else box_shown(citation.region)


def place_shown(place: Locator) -> str:
    """A box or a time in a few characters."""
    if place.kind is LocatorKind.TIME_RANGE:
        return time_shown((place.place[0], place.place[1]))
    return box_shown(Box(*place.place))


def box_shown(box: Box) -> str:
    """x, y, width and height, in percent of the photo's."""
    return f"[{box.x:.0%} {box.y:.0%} {box.width:.0%}×{box.height:.0%}]"


def time_shown(time: tuple[float, float]) -> str:
    """Begin and end, in seconds of the sound."""
    return f"[{time[0]:.1f}–{time[1]:.1f} s]"
