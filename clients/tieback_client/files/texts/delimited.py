"""Tables of delimited values (CSV, TSV) by Python's own csv: each row with the names of its columns.

A row alone says nothing: "Hansen Import,3" is understood as "supplier: Hansen Import; delivery days: 3". Each
row stands on the line that it has in the file. A file whose first row names no columns, or of whose other
rows none has as many cells, is text as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from tieback_client.files.document import Parsed
from tieback_client.files.outline import LONGEST_HEADING, LinePlaces, sections_by_paragraphs
from tieback_client.files.texts.plain import read as read_plain

LONGEST = 4 << 20
"""Characters that are parsed."""
_DELIMITERS = ",;\t|"


def read(text: str) -> Parsed:
    """The rows of a table; the text as it is where it is none."""
    first = text.lstrip("\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines: list[str] = []
    is_table = False
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        names = next(rows, [])
        if not names_columns(names):
            return read_plain(text)
        lines.append(f"Rows of {', '.join(name.strip() for name in names)}.")
        done = rows.line_num
        for row in rows:
            lines += [""] * (done - len(lines))
            lines.append(_written(names, row))
            is_table = is_table or len(row) == len(names)
            done = rows.line_num
    except csv.Error:
        return read_plain(text)
    if not is_table:
        return read_plain(text)
    whole = "\n".join(lines)
    return Parsed(whole, sections_by_paragraphs(whole, LinePlaces(whole)), is_original=False)


def names_columns(row: Sequence[str]) -> bool:
    """Whether a first row has a name for each of several columns, and no values."""
    names = [cell.strip() for cell in row]
    words = all(any(map(str.isalpha, name)) and len(name) < LONGEST_HEADING for name in names)
    return len(names) > 1 and len(set(names)) == len(names) and words


def _written(names: Sequence[str], row: Sequence[str]) -> str:
    cells = [" ".join(cell.split()) for cell in row]
    if len(cells) == len(names):
        return row_of(zip((name.strip() for name in names), cells, strict=True))
    return row_of(("", cell) for cell in cells)


def row_of(cells: Iterable[tuple[str, str]]) -> str:
    """A row of cells, each with the name of its column, "" for none; "" where all cells are empty."""
    words = "; ".join(f"{name}: {cell}" if name else cell for name, cell in cells if cell)
    return f"- {words}" if words else ""
