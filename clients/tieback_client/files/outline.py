"""From headings and the text between them to numbered sections."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tieback_client.files.document import FileSection

LONGEST = 1 << 16
"""Characters of a section; a longer one is continued. At most 256 KiB, so that any server takes it."""
LONGEST_HEADING = 300
BETWEEN = " › "
"""Between the headings that a section stands under, the outermost first."""
MOST = 2000
"""Headings of a document that begin sections. A server takes 4,096 sections of an item."""
_NEWLINE = re.compile(r"\r\n?|\n")
_PARAGRAPH = re.compile(r"\n[ \t]*\r?\n")
_NUMBERED = re.compile(r"\d\.\d|\d{4}")
"""A version or a year in a heading."""
_NO_TITLE = re.compile(
    r"""\W*(untitled|anonymous|unspecified|unknown|no[ -]?name|document ?\d*|presentation ?\d*|book ?\d+)\W*$
    |\W*untitled\b|microsoft\ (word|excel|powerpoint)\ -\ |(powerpoint\ |word\ )?(presentation|document)$
    |slide\ \d+$|.*\.(docx?|odt|pdf|tex|dvi|indd|pptx?|xlsx?|qxd|rtf|ps)$|[\W\d_]*$""",
    re.IGNORECASE | re.VERBOSE,
)
"""Titles that programs give to what has none."""
_WORD_END = re.compile(r"[\r\n ]")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading in a text."""

    level: int
    """From 1, the outermost."""
    title: str
    begin: int
    """The first character of the heading with its marks."""
    end: int
    """The first character after them."""


class LinePlaces:
    """Which line of a text a character is in, and where a line begins."""

    def __init__(self, text: str) -> None:
        self.begins = [0, *(found.end() for found in _NEWLINE.finditer(text))]
        self._length = len(text)

    def begin(self, number: int) -> int:
        """The first character of a line, counted from 0; past the last line, the end of the text."""
        return self.begins[number] if number < len(self.begins) else self._length

    def locator(self, character: int) -> str:
        """The line of a character as a fragment of a URI."""
        return f"L{self.number(character)}"

    def number(self, character: int) -> int:
        """The line of a character, counted from 1."""
        return bisect.bisect_right(self.begins, character)


def sections_under(
    headings: Sequence[Heading], text: str, locate: Callable[[int], str], *, begin: int = 0
) -> list[FileSection]:
    """The sections of a text from `begin` on; `locate` returns where in the file a character is.

    What stands before the first heading has the number "0". A heading with nothing under it gives no section,
    unless no other heading is under it either: then its title is the text. Several of these in a row are one
    section under the heading above them, since they are a list. Each has the headings above its own one too,
    but for that of the whole document.
    """
    ends = [*(one.begin for one in headings), len(text)]
    levels = [*(one.level for one in headings), 0][1:]
    sections = [*pieces(text, begin, ends[0], "0", "", locate)]
    numbers: list[int] = []
    alone: list[_Alone] = []
    paths = _paths(headings)
    for one, end, following, title in zip(headings, ends[1:], levels, paths, strict=True):
        number = _next(numbers, one.level)
        found = list(pieces(text, one.end, end, number, title, locate))
        if not found and following <= one.level:
            alone.append(_Alone(one, number, title))
        if alone and (found or following != alone[0].heading.level):
            sections += _of_list(alone, text, locate)
            alone = []
        sections += found
    return sections


@dataclass(frozen=True, slots=True)
class _Alone:
    """A heading with nothing under it."""

    heading: Heading
    number: str
    path: str


def _of_list(alone: Sequence[_Alone], text: str, locate: Callable[[int], str]) -> Iterator[FileSection]:
    """The section of headings in a row that have nothing under them; of a single one, its title."""
    first, last = alone[0].heading, alone[-1].heading
    if len(alone) > 1:
        above = alone[0].path.rpartition(BETWEEN)[0]
        return pieces(text, first.begin, last.end, alone[0].number, above, locate)
    words = text.find(first.title, first.begin, first.end)
    begin, end = (words, words + len(first.title)) if words >= 0 else (first.begin, first.end)
    return pieces(text, begin, end, alone[0].number, alone[0].path, locate)


def _paths(headings: Sequence[Heading]) -> Iterator[str]:
    """The titles that each heading stands under with its own, as far as they are not too long: outer ones are
    left out first, and that of the whole document, which all others are under, always.
    """
    least = min((one.level for one in headings), default=0)
    whole = headings[0] if [one.level for one in headings].count(least) == 1 else None
    above: list[Heading] = []
    for one in headings:
        while above and above[-1].level >= one.level:
            above.pop()
        path = shortened(one.title)
        for outer in reversed(above):
            longer = f"{shortened(outer.title)}{BETWEEN}{path}"
            if outer is whole or len(longer) > LONGEST_HEADING:
                break
            path = longer
        yield path
        above.append(one)


def title_of(headings: Sequence[Heading], before: str = "") -> str:
    """The title of the whole document: its first heading, where that is not one of a series of versions.

    Nor is it one of several of the outermost level, where anything stands `before` it.
    """
    first = headings[0]
    if before.strip() and [one.level for one in headings].count(first.level) > 1:
        return ""
    following = next((one.title for one in headings[1:] if one.level == first.level), "")
    return "" if _NUMBERED.search(first.title) and _NUMBERED.search(following) else first.title


def without_bare_titles(sections: Sequence[FileSection], title: str) -> Sequence[FileSection]:
    """Without those whose text is their own heading (without one, the title of the whole), unless all are."""
    kept = [one for one in sections if not _is_bare(one, title)]
    return kept or sections


def _is_bare(section: FileSection, title: str) -> bool:
    if len(section.text) > 2 * LONGEST_HEADING:
        return False
    text = shortened(section.text)
    heading = section.heading or title
    return text in (heading, heading.rpartition(BETWEEN)[2])


def few_enough(headings: Sequence[Heading]) -> tuple[list[Heading], tuple[str, ...]]:
    """Without the innermost levels where there are too many, with a note; what they head stays text."""
    kept = list(headings)
    while len(kept) > MOST and len({one.level for one in kept}) > 1:
        deepest = max(one.level for one in kept)
        kept = [one for one in kept if one.level < deepest]
    kept = kept[:: -(-len(kept) // MOST)] if kept else kept
    if len(kept) == len(headings):
        return kept, ()
    return kept, (f"{len(kept)} of its {len(headings)} headings begin a section",)


def sections_by_paragraphs(text: str, lines: LinePlaces, *, begin: int = 0) -> list[FileSection]:
    """A text without headings: whole if it is not long, else in pieces that are named by their lines."""
    bounds = list(_bounds(text, begin, len(text)))
    if len(bounds) == 1:
        ((first, last),) = bounds
        return [FileSection(first, last, text[first:last], "1", "", lines.locator(first))]
    return [
        FileSection(
            first,
            last,
            text[first:last],
            str(number),
            _lines_shown(lines.number(first), lines.number(last - 1)),
            lines.locator(first),
        )
        for number, (first, last) in enumerate(bounds, 1)
    ]


def _lines_shown(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}–{last}"


def shortened(title: str) -> str:
    """A title on one line, and not longer than titles are."""
    title = " ".join(title[: 10 * LONGEST_HEADING].split())
    return title if len(title) <= LONGEST_HEADING else f"{title[: LONGEST_HEADING - 1]}…"


def property_title(words: str) -> str:
    """A title among the properties of a file; "" where a program made it up."""
    title = shortened(words)
    return "" if _NO_TITLE.match(title) else title


def _next(numbers: list[int], level: int) -> str:
    """Counts the heading up in its level; a level that was passed over counts as its first."""
    del numbers[level:]
    while len(numbers) < level - 1:
        numbers.append(1)
    if len(numbers) < level:
        numbers.append(0)
    numbers[-1] += 1
    return ".".join(map(str, numbers))


def pieces(
    text: str, begin: int, end: int, number: str, heading: str, locate: Callable[[int], str]
) -> Iterator[FileSection]:
    """The sections of a stretch under one heading: one, or several where it is long."""
    for piece, (first, last) in enumerate(_bounds(text, begin, end), 1):
        name = number if piece == 1 else f"{number}-{piece}"
        yield FileSection(first, last, text[first:last], name, heading, locate(first))


def _bounds(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Stretches of at most `LONGEST` without blank ends: cut between paragraphs, else lines, else words."""
    begin, end = _stripped(text, begin, end)
    while end - begin > LONGEST:
        cut = _last_of(_PARAGRAPH, text, begin) or _last_of(_WORD_END, text, begin) or begin + LONGEST
        first, last = _stripped(text, begin, cut)
        if first < last:
            yield first, last
        begin, _ = _stripped(text, cut, end)
    if begin < end:
        yield begin, end


def _last_of(pattern: re.Pattern[str], text: str, begin: int) -> int:
    """The end of the last match in the second half of what may be one piece; 0 for none."""
    found = 0
    for match in pattern.finditer(text, begin + LONGEST // 2, begin + LONGEST):
        found = match.end()
    return found


def _stripped(text: str, begin: int, end: int) -> tuple[int, int]:
    """Without blank lines before and blanks behind; the indent of the first line stays."""
    first = begin
    while first < end and text[first].isspace():
        first += 1
    if first == end:
        return first, first
    begin = max(begin, text.rfind("\n", begin, first) + 1, text.rfind("\r", begin, first) + 1)
    while text[end - 1].isspace():
        end -= 1
    return begin, end
