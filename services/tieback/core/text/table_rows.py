"""Rows of tables of Markdown and HTML, each so that it is understood without the table: "Variable: PORT;
Default: 80".

A claim such as "the default port is 80" is stated by a row and its column names together; a cell alone says
nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tieback.core.text.visible import untagged

MARGIN = re.compile(r"^\s*\||\|\s*$")
BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
RULE = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*(?:\|\s*)?")
"""The line of dashes between the names of the columns and the rows."""
HTML_ROW = re.compile(r"<tr\b[^<>]*>(?:[^<]|<(?!/?t(?:r|able)\b))*(?:</tr\s*>)?", re.IGNORECASE)
HTML_CELL = re.compile(r"<t(?P<kind>[hd])\b[^<>]*>(?P<text>(?:[^<]|<(?!/?t[hdr]\b))*)", re.IGNORECASE)
TAG = re.compile(r"<[^<>]*>")
MOST_CELL = 1000
"""Characters of a cell; in a longer one is a part of a page."""


class Row(NamedTuple):
    """A row of a table: its range of characters, the names of its columns, its cells."""

    span: tuple[int, int]
    names: Sequence[str]
    cells: Sequence[str]

    @property
    def read(self) -> str:
        """As it is read alone."""
        names = self.names or [""] * len(self.cells)
        return "; ".join(
            f"{name}: {cell}" if name else cell for name, cell in zip(names, self.cells, strict=True) if cell
        )


def rows(table: str) -> Iterator[Row]:
    """The rows of a table, without the white space around.

    They have the names of their columns where the table has them. Lines of dashes are left out, and so are
    the names themselves where rows follow.
    """
    given = _of_html(table) if table.lstrip().startswith("<") else _of_markdown(table)
    for row in given:
        if any(row.cells):
            yield row if len(row.names) == len(row.cells) else row._replace(names=())


def _of_markdown(table: str) -> Iterator[Row]:
    lines = [(found.span(), found[0]) for found in re.finditer(r"[^\s][^\n]*(?<=\S)", table)]
    names: list[str] = []
    for number, (span, line) in enumerate(lines):
        if RULE.fullmatch(line):
            continue
        if number + 2 < len(lines) and RULE.fullmatch(lines[number + 1][1]):
            names = cells(line)
        else:
            yield Row(span, names, cells(line))


def _of_html(table: str) -> Iterator[Row]:
    """None where the table lays out a page: its cells are no cells then."""
    if any(len(cell[0]) > MOST_CELL for cell in HTML_CELL.finditer(table)):
        return
    names: list[str] = []
    for number, found in enumerate(HTML_ROW.finditer(table)):
        own = list(HTML_CELL.finditer(found[0]))
        texts = [_shown(cell["text"]) for cell in own]
        if number == 0 and all(cell["kind"] in "hH" for cell in own):
            names = texts
        elif len(texts) > 1:
            yield Row((found.start(), found.start() + len(found[0].rstrip())), names, texts)


def _shown(cell: str) -> str:
    return " ".join(html.unescape(TAG.sub(" ", cell)).split())


def cells(row: str) -> list[str]:
    """The cells of a row."""
    return [untagged(cell.replace("\\|", "|")).strip() for cell in BETWEEN_CELLS.split(MARGIN.sub("", row))]
