"""Which format a file has, by its name."""

from __future__ import annotations

from pathlib import PurePath

MARKDOWN, RESTRUCTURED_TEXT, HTML, PDF, TEXT = "markdown", "restructuredtext", "html", "pdf", "text"
_SUFFIXES = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd"), MARKDOWN),
    **dict.fromkeys((".rst", ".rest"), RESTRUCTURED_TEXT),
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    ".pdf": PDF,
    **dict.fromkeys((".txt", ".text", ".log", ".csv", ".tsv", ".json", ".jsonl", ".ndjson"), TEXT),
}
_DRAWINGS = {".svg": "an SVG drawing", ".eps": "an EPS drawing", ".ps": "a PostScript drawing"}


def format_of(name: str) -> str | None:
    """The format by the suffix of a name; None if only the bytes can show it."""
    return _SUFFIXES.get(PurePath(name).suffix.lower())


def drawing_of(name: str) -> str | None:
    """What a file is, for people, if its text only says how to draw a picture; None otherwise."""
    return _DRAWINGS.get(PurePath(name).suffix.lower())
