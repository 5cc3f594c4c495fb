"""The table of docs/decisions/README.md, by the titles of its pages."""

from __future__ import annotations

from pathlib import Path

DECISIONS = Path(__file__).parent / "decisions"


def decisions_table() -> str:
    """A row for each page: its number, and what it is about."""
    rows = []
    for page in sorted(DECISIONS.glob("[0-9]*.md")):
        number, _, title = (
            page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(" · ")
        )
        rows.append(f"| [{number}]({page.name}) | {title} |")
    return "\n".join(["| | |", "|---|---|", *rows])
