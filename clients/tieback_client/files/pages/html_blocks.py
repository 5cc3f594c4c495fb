"""Lists, tables and code of a page as Markdown writes them, so that their parts can be told apart.

A table is written again when it ends: only then it is known whether it has rows, or lays out a page.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

FENCE = "```"
MOST_CODE = 20_000
"""Characters of what is marked as code; longer, it is a text that is shown as it was typed."""
MOST_CELL = 1000
"""Characters of a cell; in a longer one is a part of a page."""
DEEPEST = 8
"""Levels of a list by which its items are indented."""
LIST_TAGS = ("ul", "ol", "menu")


class WrittenBlock:
    """The text that was written so far, in parts, and the line of the source that each is from."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self._begins: list[int] = []
        self._lines: list[int] = []

    def append(self, text: str, line: int = 0) -> None:
        """Writes a part, of a line of the source where it is of one."""
        if line:
            self._begins.append(self.length)
            self._lines.append(line)
        self.parts.append(text)
        self.length += len(text)

    def line(self, character: int) -> int:
        """The line of the source that a character comes from."""
        at = bisect.bisect_right(self._begins, character) - 1
        return self._lines[max(at, 0)] if self._lines else 1

    def since(self, part: int) -> str:
        """The text from a part on."""
        return "".join(self.parts[part:])

    def taken(self, part: int) -> list[tuple[str, int]]:
        """Takes away what was written from a part on: the texts, each with its line, 0 where it has none."""
        taken = self.parts[part:]
        self.length -= sum(map(len, taken))
        kept = bisect.bisect_left(self._begins, self.length)
        lines = dict(zip(self._begins[kept:], self._lines[kept:], strict=True))
        del self.parts[part:], self._begins[kept:], self._lines[kept:]
        found, at = [], self.length
        for text in taken:
            found.append((text, lines.get(at, 0)))
            at += len(text)
        return found


@dataclass(slots=True)
class _Cell:
    begin: int
    """Its first part."""
    end: int = -1
    is_header: bool = False


@dataclass(slots=True)
class _Table:
    """A table that is being read: the cells of its rows, by their parts."""

    begin: int
    rows: list[tuple[int, list[_Cell]]] = field(default_factory=list)
    """Each with its line."""
    is_layout: bool = False


class HtmlBlocks:
    """The lists, tables and code that are open at a place of a page."""

    def __init__(self, written: WrittenBlock) -> None:
        self._written = written
        self._lists: list[int] = []
        """Of each open list the number of its last item; -1 where they have none."""
        self._tables: list[_Table] = []
        self._code = -1

    @property
    def in_list(self) -> bool:
        """True if a list is open."""
        return bool(self._lists)

    def open_list(self, tag: str, start: str | None) -> None:
        """A list begins, of numbered items from `start` on where it is one of these."""
        first = int(start) if start and start.isdecimal() and len(start) < 4 else 1
        self._lists.append(first - 1 if tag == "ol" else -1)

    def close_list(self) -> None:
        """The innermost list ends."""
        if self._lists:
            self._lists.pop()

    def item(self) -> str:
        """The mark of an item that begins."""
        if not self._lists:
            return "- "
        indent = "  " * min(len(self._lists) - 1, DEEPEST)
        if self._lists[-1] < 0:
            return f"{indent}- "
        self._lists[-1] += 1
        return f"{indent}{self._lists[-1]}. "

    def open_code(self) -> None:
        """What is marked as typed begins; it is no more within a list."""
        self._code = len(self._written.parts)

    def close_code(self) -> None:
        """It ends: it stands in fences where it is not too long."""
        begin, self._code = self._code, -1
        code = "" if begin < 0 else self._written.since(begin)
        if not code.strip() or len(code) > MOST_CODE or FENCE in code or self._tables:
            return
        parts = self._written.taken(begin)
        self._written.append(f"{FENCE}\n")
        for text, line in parts:
            self._written.append(text, line)
        self._written.append(FENCE if code.endswith("\n") else f"\n{FENCE}")

    def open_table(self) -> None:
        """A table begins."""
        self.note_part()
        self._tables.append(_Table(len(self._written.parts)))

    def row(self, line: int) -> None:
        """A row of the innermost table begins."""
        if self._tables:
            self._end_cell()
            self._tables[-1].rows.append((line, []))

    def cell(self, line: int, *, is_header: bool) -> None:
        """A cell begins."""
        if not self._tables:
            return
        self._end_cell()
        if not self._tables[-1].rows:
            self._tables[-1].rows.append((line, []))
        self._tables[-1].rows[-1][1].append(_Cell(len(self._written.parts), is_header=is_header))

    def note_part(self) -> None:
        """A heading, another table or the main part begins: the table around it is a layout, as are
        those around it.
        """
        if self._tables:
            self._tables[-1].is_layout = True

    def close_table(self) -> None:
        """The innermost table ends, and is written again if it has rows."""
        if not self._tables:
            return
        self._end_cell()
        table = self._tables.pop()
        rows = [] if table.is_layout else [row for row in table.rows if row[1]]
        texts = [[self._words(cell) for cell in cells] for _, cells in rows]
        columns = max(map(len, texts), default=0)
        if len(rows) < 2 or columns < 2 or any(len(words) > MOST_CELL for row in texts for words in row):
            return
        (lead, _), *_ = self._written.taken(table.begin)
        if not lead.strip():
            self._written.append(lead)
        for number, ((line, cells), words) in enumerate(zip(rows, texts, strict=True)):
            end = "" if number + 1 == len(rows) else "\n"
            if number == 0 and all(cell.is_header for cell in cells):
                end = f"\n|{' --- |' * len(cells)}{end}"
            self._written.append(f"| {' | '.join(words)} |{end}", line)

    def _end_cell(self) -> None:
        if self._tables and self._tables[-1].rows and self._tables[-1].rows[-1][1]:
            cell = self._tables[-1].rows[-1][1][-1]
            if cell.end < 0:
                cell.end = len(self._written.parts)

    def _words(self, cell: _Cell) -> str:
        words = " ".join("".join(self._written.parts[cell.begin : cell.end]).split())
        return words.replace("|", "\\|")
