"""Places in texts, photos and sounds, as a person reads them."""

from __future__ import annotations

import re

from tieback_contract.arrays import Box
from tieback_contract.hits import Hit
from tieback_contract.locators import Locator, LocatorKind

MODALITIES = {"text": "text", "image": "photo", "audio": "sound", "points": "points", "features": "features"}
OFF_CENTRE = 0.1

_ENTRY = re.compile(
    r"(?:\A|\n[ \t]*\n)[ \t]*(--?[^\W_][\w-]*(?:,[ \t]+--?[^\W_][\w-]*)*)(?=[^\n]{0,80}(?:\n|\Z))"
)
"""The names of an option that begins a paragraph."""
_LINE = re.compile(r"(?:#L|&row=)(\d+)$")


def cited_uri(uri: str, text: str, span: tuple[int, int] | None) -> str:
    """The URI of a passage, with the line of what is cited where it has that of the passage ("keys.md#L12"),
    and the row of a sheet alike ("prices.xlsx#sheet=Prices&row=12"). Under a heading of many options, as
    pages of the manual have it, with the option ("curl.1.gz#ALL_OPTIONS --location").

    `span` has the bytes of `text`. Files that are read by lines keep their lines in the text.
    """
    if span is None:
        return uri
    before = text.encode()[: span[0]].decode(errors="replace")
    if found := _LINE.search(uri):
        return f"{uri[: found.start(1)]}{int(found[1]) + before.count(chr(10))}"
    return entry_uri(uri, text, len(before))


def entry_uri(uri: str, text: str, character: int) -> str:
    """The URI of a passage with the option that a character is under, where a heading locates the passage."""
    heading = uri.partition("#")[2]
    if not heading or "=" in heading or _LINE.search(uri):
        return uri
    names = [found[1] for found in _ENTRY.finditer(text) if found.start(1) <= character]
    return f"{uri} {names[-1]}" if names else uri


def media_place(region: Box | None, time: tuple[float, float] | None) -> str:
    """Place of something in a photo or a sound; empty for a text."""
    if time is not None:
        return time_shown(time)
    return "" if region is None else box_shown(region)


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


def mark_of(one: Hit) -> str:
    """The modality of a hit, and in a picture the place of the best region."""
    kind = MODALITIES.get(one.modality or "", "")
    return kind if one.region is None else f"{kind}, {place_of(one.region)}"


def place_of(box: Box) -> str:
    """Place of a region in a picture, by its middle: "upper left", "right", "centre"."""
    across, down = box.x + box.width / 2, box.y + box.height / 2
    rows = "upper" if down < 0.5 - OFF_CENTRE else "lower" if down > 0.5 + OFF_CENTRE else ""
    columns = "left" if across < 0.5 - OFF_CENTRE else "right" if across > 0.5 + OFF_CENTRE else ""
    return " ".join(part for part in (rows, columns or ("middle" if rows else "")) if part) or "centre"


def section_of(one: Hit) -> str:
    """The section's id and heading; nothing where they add nothing to the title."""
    named = " ".join(part for part in (one.section_id, one.section_title) if part)
    return f"§ {named}" if named and one.section_title != one.item_title else ""
