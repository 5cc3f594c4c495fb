"""Rows of Markdown tables as they are read alone."""

from __future__ import annotations

from tieback.core.text.table_rows import rows

TABLE = """| Variable | Default | Meaning |
|:---|---:|---|
| `PORT` | `50051` | The port. 0: a free one. |
| `PIPE` | `a \\| b` | |
"""


def read(table: str) -> list[str]:
    return [row.read for row in rows(table)]


def test_a_row_has_the_names_of_its_columns() -> None:
    assert read(TABLE) == [
        "Variable: `PORT`; Default: `50051`; Meaning: The port. 0: a free one.",
        "Variable: `PIPE`; Default: `a | b`",
    ]


def test_the_spans_are_those_of_the_rows_as_they_are_written() -> None:
    spans = [TABLE[slice(*row.span)] for row in rows(TABLE)]

    assert spans == ["| `PORT` | `50051` | The port. 0: a free one. |", "| `PIPE` | `a \\| b` | |"]


def test_rows_without_a_head_have_their_cells_alone() -> None:
    assert read("| `HOST` | `127.0.0.1` | The address. |\n| `A` |") == [
        "`HOST`; `127.0.0.1`; The address.",
        "`A`",
    ]


def test_a_row_of_another_width_has_no_names() -> None:
    assert read("| A | B |\n|---|---|\n| 1 | 2 | 3 |") == ["1; 2; 3"]


def test_names_without_rows_are_a_row() -> None:
    assert read("| A | B |\n|---|---|") == ["A; B"]
