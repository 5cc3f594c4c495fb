"""Headings of plain texts: underlined and marked lines, releases of a changelog, and questions.

A changelog of Debian has the date of a release, and who made it, below its changes. Both are part of its
heading here ("apt 2.9.19 (23 Dec 2024, Julian Andres Klode)"), so each change is read and told with them.

What is looked for is decided line by line, in a time that is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tieback_client.files.outline import Heading, LinePlaces

LONGEST = 200
"""Characters of a line that is a heading, and of a question."""
COVERED = 0.75
"""The share of a title that its line of marks is as long as."""
FEWEST_RELEASES, FEWEST_QUESTIONS, FEWEST_MARKED = 2, 3, 2
"""From so many on they are headings; a single one may be part of a sentence."""
QUESTIONS = 0.25
"""The share of the paragraphs that begin with a question, in a text of questions and answers."""
QUESTION_LINES = 3

_MARKS = re.compile(r"([=~^*#+-])\1{2,}\s*")
_WIKI = re.compile(r"(={2,6}) ?([^\W_][^=]*)\1")
_ASCII_DOC = re.compile(r"(={1,6}) ([^\W_].*)")
_OUTLINE = re.compile(r"(\*{1,6}) (\S.*)")
_STATED = re.compile(r"[.;:,]\s*\Z")
_DEBIAN = re.compile(r"([a-z\d][a-z\d.+-]*) \(([^()\s]{1,100})\) [^;]{1,100};\s?[a-z-]+=\S.*", re.IGNORECASE)
_SIGNED = re.compile(r" -- ([^<]{0,100})<[^<>]{0,200}>,?\s+(.{1,60})")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = re.compile(
    rf"\b(?:\d{{4}}-\d\d-\d\d|\d\d[-./]\d\d[-./]\d{{4}}|\d{{1,2}} {_MONTH} \d{{4}}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}})\b",
    re.IGNORECASE,
)
_VERSION = re.compile(r"(?<![\w.-])v?\d{1,6}\.\d{1,6}[\w.+~-]{0,40}(?![\w./])", re.IGNORECASE)
_WRITTEN_BY = re.compile(r"\d{4}-\d\d-\d\d\s+\S[^<>]{0,100}<[^<>\s]{1,100}@[^<>\s]{1,100}>\s*")
"""The line of a ChangeLog of GNU: a date, and who changed something."""
_QUESTION = re.compile(r"(?:\d{1,3}[.)]|[QF]\d{0,3}[:.)])?\s*[^\W\d_].*[?]\s*", re.IGNORECASE | re.DOTALL)
_NUMBERED = re.compile(r"(\d{1,3})[.)]\s+\S")
_NUMBER = re.compile(r"(?:\d{1,3}[.)]|[QF]\d{0,3}[:.)])\s*", re.IGNORECASE)


def headings(text: str, lines: LinePlaces, begin: int = 0) -> list[Heading]:
    """The headings of a text from `begin` on, in their order; none where it has nothing like it."""
    numbered = _lines(text, lines, begin)
    if found := list(_debian(numbered, lines)):
        return found
    found = list(_underlined(numbered, lines)) or list(_marked(numbered, lines))
    inner = max((one.level for one in found), default=0) + 1
    taken = {one.begin for one in found}
    releases = [one for one in _releases(numbered, lines, inner) if one.begin not in taken]
    if len(releases) >= FEWEST_RELEASES:
        found += releases
    elif not found:
        found = _questions(numbered, lines)
    return sorted(found, key=lambda one: one.begin)


def title_of(text: str, first: Heading, begin: int = 0) -> str:
    """The title above the first heading: a short line that is a paragraph; "" if there is none."""
    before = text[begin : first.begin].strip("\r\n")
    line, _, rest = before.partition("\n")
    is_alone = not rest or not rest.partition("\n")[0].strip()
    words = " ".join(line.split()) if len(line) <= LONGEST else ""
    return words if words and is_alone and words[0].isalpha() and not _STATED.search(words) else ""


def _lines(text: str, lines: LinePlaces, begin: int) -> list[tuple[int, str]]:
    """The lines from a character on, each with its number from 0."""
    first = lines.number(begin) - 1
    count = len(lines.begins)
    return [
        (number, text[lines.begin(number) : lines.begin(number + 1)].rstrip())
        for number in range(first, count)
    ]


def _line(lines: LinePlaces, number: int, title: str, level: int) -> Heading:
    return Heading(level, title, lines.begin(number), lines.begin(number + 1))


def _debian(numbered: Sequence[tuple[int, str]], lines: LinePlaces) -> Iterator[Heading]:
    """The entries of a changelog of Debian, each with the date and the name below it."""
    entry: tuple[int, str] | None = None
    words = next((line for _, line in numbered if line), "")
    if not _DEBIAN.fullmatch(words[:LONGEST]):
        return
    for number, line in numbered:
        if (made := _DEBIAN.fullmatch(line[:LONGEST])) is not None:
            if entry is not None:
                yield _line(lines, entry[0], entry[1], 1)
            entry = number, f"{made[1]} {made[2]}"
        elif entry is not None and (signed := _SIGNED.fullmatch(line)) is not None:
            day = _DATE.search(signed[2])
            told = ", ".join(part for part in (day[0] if day else signed[2], signed[1].strip()) if part)
            yield _line(lines, entry[0], f"{entry[1]} ({told})", 1)
            entry = None
    if entry is not None:
        yield _line(lines, entry[0], entry[1], 1)


def _underlined(numbered: Sequence[tuple[int, str]], lines: LinePlaces) -> Iterator[Heading]:
    """Titles between two lines of marks or above one, by levels in the order in which their marks appear."""
    levels: list[tuple[str, bool]] = []
    for at, (number, line) in enumerate(numbered[:-1]):
        below = numbered[at + 1][1]
        marks = _MARKS.fullmatch(below)
        title = line.strip()
        if marks is None or len(title) > LONGEST or len(below) < COVERED * len(title):
            continue
        above = numbered[at - 1][1] if at else ""
        is_between = above == below
        stands_out = is_between or not above.strip()
        if not title[:1].isalnum() or _STATED.search(title) or not stands_out:
            continue
        if line[0].isspace() and not is_between:
            continue
        kind = marks[1], is_between
        if kind not in levels:
            levels.append(kind)
        first = number - 1 if is_between else number
        yield Heading(levels.index(kind) + 1, title, lines.begin(first), lines.begin(number + 2))


def _marked(numbered: Sequence[tuple[int, str]], lines: LinePlaces) -> Iterator[Heading]:
    """Lines with marks: of AsciiDoc ("== Title"), of a wiki ("== Title =="), of an outline ("** Title")."""
    found = list(_titled(numbered)) or list(_outlined(numbered))
    for number, title in found if len(found) >= FEWEST_MARKED else ():
        yield _line(lines, number, title[2].strip(), len(title[1]))


def _titled(numbered: Sequence[tuple[int, str]]) -> Iterator[tuple[int, re.Match[str]]]:
    """Lines of AsciiDoc and of a wiki; the first stand after an empty line."""
    before = ""
    for number, line in numbered:
        if line[:1] == "=":
            of_wiki = _WIKI.fullmatch(line[:LONGEST])
            title = of_wiki or (_ASCII_DOC.fullmatch(line[:LONGEST]) if not before else None)
            if title is not None:
                yield number, title
        before = line


def _outlined(numbered: Sequence[tuple[int, str]]) -> Iterator[tuple[int, re.Match[str]]]:
    """Lines of an outline; nothing where all are of one level or most have no text, as those of a list."""
    filled = [(number, line) for number, line in numbered if line]
    below = [line for _, line in filled[1:]] + [""]
    titles = [
        (number, title, following[:1] != "*")
        for (number, line), following in zip(filled, below, strict=False)
        if (title := _OUTLINE.fullmatch(line[:LONGEST])) is not None
    ]
    has_levels = len({title[1] for _, title, _ in titles}) > 1
    if has_levels and 2 * sum(has_text for _, _, has_text in titles) >= len(titles):
        yield from ((number, title) for number, title, _ in titles)


def _releases(numbered: Sequence[tuple[int, str]], lines: LinePlaces, level: int) -> Iterator[Heading]:
    """Lines with a version and a date, as "Version 1.2 (2024-01-01)", or a date and who changed something."""
    before = ""
    for number, line in numbered:
        is_one = bool(line) and not before and len(line) <= LONGEST and not line[0].isspace()
        if is_one and _is_release(line):
            yield _line(lines, number, line.lstrip("* ").strip(), level)
        before = line


def _is_release(line: str) -> bool:
    if _WRITTEN_BY.fullmatch(line):
        return True
    day = _DATE.search(line)
    if day is None or _STATED.search(line):
        return False
    return _VERSION.search(f"{line[: day.start()]} {line[day.end() :]}") is not None


def _questions(numbered: Sequence[tuple[int, str]], lines: LinePlaces) -> list[Heading]:
    """The questions of a text that is made of questions with answers; none where it is not."""
    heads = list(_heads(numbered))
    asked = [
        (first, last, words)
        for first, last, words, is_followed in heads
        if is_followed and _QUESTION.fullmatch(words)
    ]
    if len(asked) < max(FEWEST_QUESTIONS, QUESTIONS * len(heads)):
        return []
    if all(_NUMBERED.match(words) for _, _, words in asked):  # others of the series may be statements
        asked = list(_series(heads))
    return [
        Heading(1, _unnumbered(words), lines.begin(first), lines.begin(last + 1))
        for first, last, words in asked
    ]


def _unnumbered(words: str) -> str:
    mark = _NUMBER.match(words)
    return words[mark.end() :] if mark else words


def _series(heads: Sequence[tuple[int, int, str, bool]]) -> Iterator[tuple[int, int, str]]:
    """The beginnings that are numbered one after the other."""
    following = 1
    for first, last, words, _ in heads:
        number = _NUMBERED.match(words)
        if number is not None and int(number[1]) == following:
            following += 1
            yield first, last, words


def _heads(numbered: Sequence[tuple[int, str]]) -> Iterator[tuple[int, int, str, bool]]:
    """The beginning of each paragraph: of one that asks, the lines of the question, else all lines of it.

    With the first and the last line, the words, and whether anything stands below in the same paragraph or
    the next.
    """
    at = 0
    while at < len(numbered):
        if not numbered[at][1]:
            at += 1
            continue
        end = at
        while end < len(numbered) and numbered[end][1]:
            end += 1
        first = numbered[at : min(end, at + QUESTION_LINES)]
        asks = next((place for place, (_, line) in enumerate(first) if line.endswith("?")), None)
        asking = end - 1 if asks is None else at + asks
        words = " ".join(line.strip() for _, line in numbered[at : min(asking + 1, at + QUESTION_LINES)])
        follows = any(line for _, line in numbered[asking + 1 : asking + 4])
        yield numbered[at][0], numbered[asking][0], words[:LONGEST], follows
        at = end
