"""Rows of Markdown tables as they are read alone."""

from __future__ import annotations

from tieback.core.sentences import sentences
from tieback.core.table_rows import read_alone

TABLE = """Settings of the server.

| Variable | Default | Meaning |
|:---|---:|---|
| `PORT` | `50051` | The port. 0: a free one. |
| `PIPE` | `a \\| b` | |

Afterwards | a bar is no row.
"""


def read(text: str) -> list[str]:
    return [sentence for _, sentence in read_alone(text, sentences(text))]


def test_a_row_has_the_names_of_its_columns() -> None:
    assert read(TABLE) == [
        "Settings of the server.",
        "Variable; Default; Meaning",
        "Variable: `PORT`; Default: `50051`; Meaning: The port.",
        "0: a free one.",
        "Variable: `PIPE`; Default: `a \\| b`",
        "Afterwards | a bar is no row.",
    ]


def test_the_spans_are_those_of_the_rows_as_they_are_written() -> None:
    spans = [TABLE[begin:end] for (begin, end), _ in read_alone(TABLE, sentences(TABLE))]

    assert spans[2] == "| `PORT` | `50051` | The port."
    assert spans[4] == "| `PIPE` | `a \\| b` | |"


def test_rows_whose_head_is_cut_off_have_their_cells_alone() -> None:
    assert read("51` | The end of a row. |\n| `HOST` | `127.0.0.1` | The address. |\n| `A` |") == [
        "51` | The end of a row.",
        "`HOST`; `127.0.0.1`; The address.",
        "`A`",
    ]


def test_names_end_with_their_table() -> None:
    assert read("| A | B |\n|---|---|\n| 1 | 2 |\n\nText.\n\n| 3 | 4 |")[-2:] == ["Text.", "3; 4"]


def test_a_row_of_another_width_has_no_names() -> None:
    assert read("| A | B |\n|---|---|\n| 1 | 2 | 3 |")[-1] == "1; 2; 3"
