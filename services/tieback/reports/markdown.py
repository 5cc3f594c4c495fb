"""Tables of Markdown, for pages of docs and for the reports of recipes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

VERDICTS = {True: "met", False: "**not met**", None: "not measured"}
"""Whether a claim was met."""


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A line for the header and for each row; nothing for None."""
    lines = [[_cell(cell) for cell in line] for line in (header, ["---"] * len(header), *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def records(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows under the keys of the first."""
    return table(list(rows[0]), [list(row.values()) for row in rows]) if rows else "(nothing)\n"


def _cell(value: Any) -> str:
    """As in a cell: on one line, and without a bar that would end it."""
    return "" if value is None else " ".join(str(value).split()).replace("|", "\\|")
