"""Items that hold one text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SameText:
    """Another item that holds the text of a hit."""

    item_id: str
    """The item."""
    item_title: str
    """The item's title."""
    section_id: str
    """The section that has the text, or the first piece of it."""
    uri: str
    """The place where the original can be found."""
