"""Rows of Markdown tables, each so that it is understood without the table: "Variable: PORT; Default: 80".

A claim such as "the default port is 80" is stated by a row and its column names together; a cell alone says
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MARGIN = re.compile(r"^\s*\||\|\s*$")
BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
RULE = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?\s*")
"""The line of dashes between the names of the columns and the rows."""


def read_alone(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], str]]:
    """The sentences at `spans` of a text (`core.sentences`) as they are read alone, each with its span.

    Rows have the names of their columns where the text has them; lines of dashes are left out. Other
    sentences, and what follows a full stop within a row, are as they are written.
    """
    names: list[str] = []
    done = 0
    for place, (begin, end) in enumerate(spans):
        sentence = text[begin:end]
        if "\n" in text[done:begin] and not sentence.startswith("|"):
            names = []
        done = end
        if not sentence.startswith("|"):
            yield (begin, end), sentence
        elif not RULE.fullmatch(sentence):
            if row := _row(names, _cells(sentence)):
                yield (begin, end), row
        elif place and text[spans[place - 1][0]] == "|":
            names = _cells(text[slice(*spans[place - 1])])


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in BETWEEN_CELLS.split(MARGIN.sub("", row))]


def _row(names: list[str], cells: list[str]) -> str:
    if len(names) != len(cells):
        names = [""] * len(cells)
    return "; ".join(
        f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=True) if cell
    )
