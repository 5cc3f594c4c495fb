"""Splits a text file into citable sections: by its headings, and by paragraphs where those are long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tieback_client.documents import Section

# About what small text encoders read at once (128 tokens), so that little is cut off.
SIZE = 600
_ATX = re.compile(r"(#{1,6})\s+(?=\S)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_UNDERLINE = re.compile(r"^([=\-~^\"'*+#])\1{2,}\s*$")
_NOT_SPACE = re.compile(r"\S")
_WITH_HEADINGS = {".md", ".markdown", ".rst"}


@dataclass(slots=True)
class _Part:
    """A stretch of a file under one heading."""

    level: int
    title: str
    first_line: int
    lines: list[str] = field(default_factory=list)


def split(path: Path, text: str, *, uri: str) -> tuple[str, list[Section]]:
    """The file's title and its sections, each with `uri` and its line.

    Under headings a section is numbered as in a book ("2", "2.1") and has the heading as its title; a long
    one goes on as "2.1-2". Without headings sections are numbered, and titled by their lines.
    """
    with_headings = path.suffix.lower() in _WITH_HEADINGS
    parts = list(_parts(text)) if with_headings else [_Part(0, "", 1, text.splitlines())]
    title = next((one.title for one in parts if one.title), path.stem)
    sections: list[Section] = []
    numbers: list[int] = []
    for part in parts:
        number = _next_number(numbers, part.level) if part.level else ""
        for piece, (first, last, content) in enumerate(_pieces(part), 1):
            if part.level:
                name = number if piece == 1 else f"{number}-{piece}"
                heading = part.title
            else:
                name = str(piece) if not with_headings else f"0-{piece}"
                heading = title if with_headings else f"lines {first}–{last}"
            sections.append(Section(content, id=name, title=heading, uri=f"{uri}#L{first}"))
    return title, sections


def _parts(text: str) -> Iterator[_Part]:
    lines = text.splitlines()
    underlines: list[str] = []
    part = _Part(0, "", 1)
    fenced = False
    at = 0
    while at < len(lines):
        line = lines[at]
        fenced ^= bool(_FENCE.match(line))
        heading, consumed = (None, 1) if fenced else _heading(lines, at, underlines)
        if heading is None:
            part.lines.append(line)
        else:
            yield part
            part = _Part(heading[0], heading[1], at + 1 + consumed)
        at += consumed
    yield part


def _heading(lines: list[str], at: int, underlines: list[str]) -> tuple[tuple[int, str] | None, int]:
    """The heading that begins at a line, and how many lines it takes."""
    match = _ATX.match(lines[at])
    if match:
        title = lines[at][match.end() :].rstrip()
        return (len(match[1]), title.rstrip("#").rstrip() or title[0]), 1
    below = lines[at + 1] if at + 1 < len(lines) else ""
    title = lines[at].strip()
    is_title = (
        bool(title) and title[0].isalnum() and len(title) <= 100 and (at == 0 or not lines[at - 1].strip())
    )
    underline = _UNDERLINE.match(below)
    if is_title and underline and len(below.strip()) >= min(len(title), 3):
        if underline[1] not in underlines:
            underlines.append(underline[1])
        return (underlines.index(underline[1]) + 1, title), 2
    return None, 1


def _next_number(numbers: list[int], level: int) -> str:
    """Counts the heading up in its level; a level that was passed over counts as its first."""
    del numbers[level:]
    while len(numbers) < level - 1:
        numbers.append(1)
    if len(numbers) < level:
        numbers.append(0)
    numbers[-1] += 1
    return ".".join(map(str, numbers))


def _pieces(part: _Part) -> Iterator[tuple[int, int, str]]:
    """Paragraphs together up to `SIZE` characters: first line, last line, text."""
    held: list[str] = []
    first = last = 0
    for begin, end, paragraph in _paragraphs(part):
        if held and sum(map(len, held)) + len(paragraph) > SIZE:
            yield first, last, "\n\n".join(held)
            held = []
        if not held:
            first = begin
        held.append(paragraph)
        last = end
    if held:
        yield first, last, "\n\n".join(held)


def _paragraphs(part: _Part) -> Iterator[tuple[int, int, str]]:
    held: list[str] = []
    begin = part.first_line
    for number, line in enumerate([*part.lines, ""], part.first_line):
        full = held and sum(map(len, held)) + len(line) > SIZE
        if held and (not line.strip() or full):
            yield begin, number - 1, "\n".join(held)
            held = []
        for piece in _cut(line) if line.strip() else ():
            if held and len(piece) == SIZE:
                yield begin, number, "\n".join(held)
                held = []
            if not held:
                begin = number
            held.append(piece)


def _cut(line: str) -> Iterator[str]:
    """A line in pieces of at most `SIZE`, at spaces where it has some; most lines are one piece."""
    line = line.rstrip()
    begin = 0
    while len(line) - begin > SIZE:
        end = line.rfind(". ", begin, begin + SIZE) + 1 or line.rfind(" ", begin, begin + SIZE)
        end = end if end > begin else begin + SIZE
        yield line[begin:end]
        found = _NOT_SPACE.search(line, end)
        begin = found.start() if found else len(line)
    if begin < len(line):
        yield line[begin:]
