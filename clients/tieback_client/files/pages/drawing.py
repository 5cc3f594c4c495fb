"""Drawings (.svg): their titles, descriptions and words, by defusedxml."""

from __future__ import annotations

from typing import Any

from tieback_client.errors import InvalidArgument
from tieback_client.files.decoding import storable
from tieback_client.files.document import Parsed
from tieback_client.files.outline import LinePlaces, sections_by_paragraphs, shortened
from tieback_client.files.packages import load

LONGEST = 16 << 20
"""Bytes of a drawing that is read."""
_WORDS = frozenset(("title", "desc", "text", "foreignObject"))
_UNSEEN = frozenset(("style", "script", "metadata"))
_BREAKS = ("x", "y", "dy")
"""A part of a text with one of these begins at another place, as a line or a word does."""


def read(data: bytes) -> Parsed:
    """The words of a drawing, a line for each text of it; of one without words no section.

    `InvalidArgument` where it is damaged, too large, or its XML defines entities.
    """
    if len(data) > LONGEST:
        raise InvalidArgument(f"it has {len(data):,} bytes; drawings of up to {LONGEST:,} are read")
    trees = load("defusedxml.ElementTree", "drawings")
    try:
        root = trees.fromstring(data)
    except Exception as error:  # noqa: BLE001 - errors of XML and of defusedxml, which have no common type
        reason = shortened(storable(str(error))) or type(error).__name__
        raise InvalidArgument(f"it is no drawing that can be read: {reason}") from None
    lines: list[str] = []
    title = ""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        name = _name(element)
        if name in _UNSEEN:
            continue
        if name not in _WORDS:
            waiting += reversed(element)
            continue
        words = " ".join(storable("".join(_parts(element))).split())
        if name == "title" and not title:
            title = shortened(words)
        if words and words not in lines[-1:]:
            lines.append(words)
    text = "\n".join(lines)
    if not text:
        return Parsed("", (), notes=("it is a drawing without words",), is_original=False)
    sections = [
        # Its lines are not those of the file.
        type(one)(one.begin, one.end, one.text, one.number, one.heading)
        for one in sections_by_paragraphs(text, LinePlaces(text))
    ]
    return Parsed(text, sections, title, is_original=False)


def _parts(element: Any) -> list[str]:
    """The words of a text and of what it holds, in order; a blank before what stands at another place."""
    parts: list[str] = []
    waiting: list[Any] = [element]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            parts.append(one)
            continue
        if _name(one) in _UNSEEN:
            continue
        if _name(one) != "tspan" or any(key in one.attrib for key in _BREAKS):
            parts.append(" ")
        for child in reversed(one):
            waiting += [child.tail or "", child]
        waiting.append(one.text or "")
    return parts


def _name(element: Any) -> str:
    """The name of a tag without its namespace; "" of a comment."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
