"""The titles that are encoded with a text: the item's title and the section's heading, before the text.

"We only allow TLS 1.3" does not mention cipher suites; the heading above it does. Titles are only for
encoders: they are not stored with the text or cited.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tieback.core.text.passage_units import BETWEEN
from tieback.core.types.content import Content, Item, Section

LONGEST_HEADING = 100
"""Characters of a heading that are read: it is no second text."""


def titles_of(item: Item, section: Section) -> tuple[str, ...]:
    """What a section's text stands under, outermost first."""
    return titles(item.title, section.title)


def titles(*given: str | None) -> tuple[str, ...]:
    """Titles as they are read: each in one line, once, and none that is empty; those above one, before it."""
    parts = (part for title in given for part in (title or "").split(BETWEEN))
    lines = (" ".join(part.split()) for part in parts)
    return tuple(dict.fromkeys(line for line in lines if line))


def heading_of(titles: Sequence[str]) -> str:
    """The titles in one line; empty where there are none. Of many the first and the last ones are read."""
    kept = list(titles)
    while len(kept) > 2 and len(". ".join(kept)) > LONGEST_HEADING:
        del kept[1]
    return f"{'. '.join(kept)[:LONGEST_HEADING].rstrip()}\n" if kept else ""


def headed(titles: Sequence[str], text: str) -> str:
    """The text below its titles, without those that it begins with. A text of nothing stays so."""
    if not text.strip():
        return text
    begins = text.lstrip()[: max(map(len, titles), default=0)].casefold()
    return heading_of([title for title in titles if not begins.startswith(title.casefold())]) + text


def with_heading(item: Item, section: Section) -> Content | None:
    """A section's content as the spaces read it."""
    content = section.content
    if content is None or not isinstance(content.data, str):
        return content
    return dataclasses.replace(content, data=headed(titles_of(item, section), content.data))
