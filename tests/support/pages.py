"""Parts of the pages of docs/, for tests that hold them to the product."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """The text under a heading of the second level. ValueError where the page has no such heading."""
    _, found, after = f"\n{page(name)}".partition(f"\n## {title}\n")
    if not found:
        raise ValueError(f"docs/{name} has no heading {title!r}")
    return after.partition("\n## ")[0]


def blocks(text: str, language: str = "python") -> list[str]:
    """The blocks of code in a language; in none, with an empty name."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)
    return [code for named, code in fenced if named == language]
