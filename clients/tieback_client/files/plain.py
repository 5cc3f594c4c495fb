"""Texts without marks, code and tables: cut between paragraphs, and only where they are very long."""

from __future__ import annotations

from tieback_client.files.outline import Lines, sections_by_paragraphs
from tieback_client.files.parsed import Parsed


def read(text: str, begin: int = 0) -> Parsed:
    """The sections of a text from `begin` on."""
    return Parsed(text, sections_by_paragraphs(text, Lines(text), begin=begin))
