"""Rows of tables among sentences: which table a row is of, and what it is about.

A row is about its first cell. Two rows with the same columns and another first cell are about two things: the
capacity of a hall on Monday and on Friday. Rows of one table never disagree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from tieback_contract.arrays import Span

from tieback.core.passage_units import in_bytes
from tieback.core.table_rows import cells
from tieback.methods.grounding import Passage

NAMED = re.compile(r"[-*+•]\s[^:;|\n]{1,80}:\s[^;\n]{1,300}(?:;\s[^:;|\n]{1,80}:\s[^;\n]{1,300})+\n?")
"""A row as those of delimited values and sheets are stored: "- day: Monday; capacity: 40"."""


class RowKey(NamedTuple):
    """The names of a row's columns, none where they are not known, and its first cell."""

    names: tuple[str, ...]
    first: str

    def is_of_two(self, other: RowKey) -> bool:
        """Tell whether both are rows with the same columns about two things."""
        return bool(self.names) and self.names == other.names and self.first != other.first


def row_key(passage: Passage, window: int, text: str) -> RowKey | None:
    """Key of what a sentence of a passage is about as a row; None where it is none."""
    if text.startswith("|"):
        begin, end = passage.windows[window]
        columns = _columns(passage.text).get((begin, end), ())
        return RowKey(columns, next(iter(cells(text)), ""))
    if NAMED.fullmatch(text):
        pairs = [part.partition(":") for part in text[1:].split(";")]
        return RowKey(tuple(name.strip() for name, _, _ in pairs), pairs[0][2].strip())
    return None


@lru_cache(64)
def _columns(text: str) -> Mapping[Span, tuple[str, ...]]:
    """The names of the columns of the rows of a text, by their bytes."""
    return {span: tuple(one.columns) for one, span in in_bytes(text) if one.columns}
