"""Rows of Markdown tables, each so that it is understood without the table: "Variable: PORT; Default: 80".

A claim such as "the default port is 80" is stated by a row and its column names together; a cell alone says
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MARGIN = re.compile(r"^\s*\||\|\s*$")
BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
RULE = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?\s*")
"""The line of dashes between the names of the columns and the rows."""


def rows(table: str) -> Iterator[tuple[tuple[int, int], str]]:
    """The rows of a table, as ranges of characters without the white space around, each as it is read alone.

    They have the names of their columns where the table has them. Lines of dashes are left out, and so are
    the names themselves where rows follow.
    """
    lines = [(found.span(), found[0]) for found in re.finditer(r"[^\s][^\n]*(?<=\S)", table)]
    names: list[str] = []
    for number, (span, line) in enumerate(lines):
        if RULE.fullmatch(line):
            continue
        if number + 2 < len(lines) and RULE.fullmatch(lines[number + 1][1]):
            names = cells(line)
        elif row := _row(names, cells(line)):
            yield span, row


def cells(row: str) -> list[str]:
    """The cells of a row."""
    return [cell.replace("\\|", "|").strip() for cell in BETWEEN_CELLS.split(MARGIN.sub("", row))]


def _row(names: list[str], cells: list[str]) -> str:
    if len(names) != len(cells):
        names = [""] * len(cells)
    return "; ".join(
        f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=True) if cell
    )
