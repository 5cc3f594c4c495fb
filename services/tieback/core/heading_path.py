"""The headings above a text in one line, as "Releases › Version 2 › Fixes"."""

from __future__ import annotations

BETWEEN = " › "
"""Between a heading and the one under it, as the titles of sections have it."""


def last_of(path: str) -> str:
    """The heading that is nearest to the text."""
    return path.rpartition(BETWEEN)[2]
