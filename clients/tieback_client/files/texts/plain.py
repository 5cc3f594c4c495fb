"""Texts without marks, code and tables: by their headings, else between paragraphs where they are long."""

from __future__ import annotations

import re
from dataclasses import replace

from tieback_client.files.document import Parsed
from tieback_client.files.outline import (
    LinePlaces,
    few_enough,
    sections_by_paragraphs,
    sections_under,
    title_of,
)
from tieback_client.files.texts import plain_headings

STYLES = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
"""Sequences that terminals take for colours and the like."""
_TYPED_OVER = re.compile(r"[^\n]\x08")
"""A character that another is typed over: bold and underlined text, as nroff writes it."""


def read(text: str, begin: int = 0) -> Parsed:
    """The sections of a text from `begin` on, without marks of terminals (colours) and printers (bold)."""
    shown = text[:begin] + _TYPED_OVER.sub("", STYLES.sub("", text[begin:]))
    return replace(_read(shown, begin), is_original=shown == text)


def _read(text: str, begin: int) -> Parsed:
    lines = LinePlaces(text)
    headings = plain_headings.headings(text, lines, begin)
    if not headings:
        return Parsed(text, sections_by_paragraphs(text, lines, begin=begin))
    kept, notes = few_enough(headings)
    is_first = not text[begin : headings[0].begin].strip() and not headings[0].title.endswith("?")
    title = title_of(kept) if is_first else plain_headings.title_of(text, headings[0], begin)
    return Parsed(text, sections_under(kept, text, lines.locator, begin=begin), title, notes)
