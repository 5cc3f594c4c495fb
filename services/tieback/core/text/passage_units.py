"""The parts of a passage that are read, cited and quoted: sentences, items, rows of tables, and code.

Each is read so that it is understood alone. An item of a list, a row and a line of code say little without
the heading they stand under, the sentence that leads to them ("The default settings are:"), and the names of
columns. What is cited are its own bytes; code that is short is cited with the sentence that leads to it.

The time is linear in the text, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from tieback.core.text.sentences import CLOSING, STOPS, sentences, trimmed
from tieback.core.text.table_rows import rows

BETWEEN = " › "
"""Between a heading and the one under it, as the titles of sections have it."""


def last_of(path: str) -> str:
    """The heading that is nearest to the text."""
    return path.rpartition(BETWEEN)[2]


Span = tuple[int, int]

WHOLE = 600
"""Characters of code with its lead that are one part; of longer code each paragraph, or each line, is one."""
LONGEST_LEAD = 300
"""Characters of a sentence that is read before what it leads to."""
SHORT = 300
"""Characters of a paragraph of code, and of an item with all its sentences, that are one part."""

_BLOCK = re.compile(
    r"""
    ^[ \t]*(?P<fence>```|~~~)(?P<info>[^\n`]*)(?:\n|\Z)             # begins or ends code
    | (?P<table>(?:^[ \t]*\|[^\n]*(?:\n|\Z))+)
    | (?P<bare>^[^\n|]*\|[^\n]*\n                                  # a table without marks at its sides
        [ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+(?:\|[ \t]*)?\n(?:[^\n|]*\|[^\n]*(?:\n|\Z))+)
    | (?P<headless>(?:^[^\n|]*\S[ \t]\|[ \t][^\n|]*\|[ \t][^\n]*(?:\n|\Z)){2,})      # of one, its later rows
    | (?P<html><table\b(?:[^<]|<(?!/?table\b))*</table\s*>)
    | (?P<log>(?:^\[?\d{4}-\d\d-\d\d[ T\]][^\n]*(?:\n|\Z)){2,})         # lines that begin with a time
    | (?P<record>(?:^[ \t]*\{[^\n]*\}[ \t]*,?[ \t]*(?:\n|\Z)){2,})     # lines of JSON
    | (?<=:)[ \t]*\n(?:[ \t]*\n)+(?P<indented>
        (?:[ \t]*\.\.[ ](?:code|code-block|sourcecode)::[^\n]*\n(?:[ \t]*\n)+)?   # of reStructuredText
        (?:(?:[ ]{3}|\t)[ \t]*[^\s][^\n]*(?:\n|\Z))+)
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_LINE = re.compile(r"\S[^\n]*(?<=\S)")
_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])[ \t]+(?=\S)")
_FENCE = re.compile(r"[ \t]*(?:```|~~~|\.\. (?:code|code-block|sourcecode)::)")
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
_YES_OR_NO = re.compile(r"(?:yes|no)[.!]", re.IGNORECASE)
_REMARK = re.compile(r"[ \t]*(?:#(?![\[!])|//|--[ \t]|;)")
_GROUP = re.compile(r"[ \t]*\[[^\]\n]{1,80}\][ \t]*(?:#[^\n]*)?$")
_PROSE = re.compile(r"(?:\S+\s+){8,}\S+[.!?]\s*\Z")


class Kind(Enum):
    """What a part is."""

    SENTENCE = auto()
    ITEM = auto()
    ROW = auto()
    LINE = auto()
    """Of a log."""
    CODE = auto()


_KINDS = {
    **dict.fromkeys(("table", "bare", "headless", "html"), Kind.ROW),
    **dict.fromkeys(("log", "record"), Kind.LINE),
    "indented": Kind.CODE,
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a text: its range of characters, and how it is read alone.

    `lead` is the sentence that leads to it, and `columns` are those of a row; empty where it has none.
    """

    kind: Kind
    span: Span
    read: str
    lead: str = ""
    columns: Sequence[str] = ()


def units(text: str, title: str = "") -> list[Unit]:
    """The parts of a passage in their order; `title` is what it stands under. They do not overlap."""
    found: list[Unit] = []
    lead = ""
    for kind, begin, end in _blocks(text):
        if kind is Kind.SENTENCE:
            for span in sentences(text[begin:end]):
                one = _stated(text, (begin + span[0], begin + span[1]))
                if found and (_goes_on(text, found[-1], one) or _is_answered(text, found[-1], one)):
                    before = found[-1]
                    found[-1] = replace(
                        before, span=(before.span[0], one.span[1]), read=f"{before.read} {one.read}"
                    )
                    continue
                if _ends_list(text, found, one):
                    lead = ""
                is_alone = one.kind is Kind.SENTENCE
                found.append(_headed(one, _asked_by(title) if is_alone else title, "" if is_alone else lead))
                words = text[slice(*one.span)]
                if words.endswith(":") or (one.kind is Kind.SENTENCE and _is_open(words)):
                    lead = _unmarked(words)[-LONGEST_LEAD:]
        elif kind in (Kind.ROW, Kind.LINE):
            parts = _rows(text[begin:end]) if kind is Kind.ROW else _lines_of_log(text[begin:end])
            for one in parts:
                a, b = one.span
                found.append(_headed(replace(one, span=(begin + a, begin + b)), title, lead))
            lead = ""
        else:
            led = found[-1] if found and found[-1].kind in (Kind.SENTENCE, Kind.ITEM) else None
            words = "" if led is None else text[slice(*led.span)]
            if led is not None and _is_open(words) and end - led.span[0] <= WHOLE:
                span = (led.span[0], begin + len(text[begin:end].rstrip()))
                found[-1] = _headed(Unit(kind, span, _plain(text[begin:end])), title, _unmarked(words))
            else:
                found += [_headed(one, title, lead) for one in _of_code(text, begin, end)]
            lead = ""
    return found


def in_bytes(text: str, title: str = "") -> Iterator[tuple[Unit, Span]]:
    """The parts of a passage, each with its range of bytes."""
    done = byte = 0
    for one in units(text, title):
        begin, end = one.span
        first = byte + len(text[done:begin].encode())
        byte = first + len(text[begin:end].encode())
        done = end
        yield one, (first, byte)


def _stated(text: str, span: Span) -> Unit:
    words = text[slice(*span)]
    return Unit(Kind.ITEM if _ITEM.match(words) else Kind.SENTENCE, span, _unmarked(words))


def _is_open(words: str) -> bool:
    """Whether something is to follow: it ends with a colon, or is short and has no stop ("**postpack**")."""
    return words.endswith(":") or (
        len(words) <= LONGEST_LEAD and not words.rstrip(f"{CLOSING}*_`").endswith(tuple(STOPS))
    )


def _unmarked(words: str) -> str:
    """Without the mark of an item."""
    return _ITEM.sub("", words, count=1) if _ITEM.match(words) else words


def _goes_on(text: str, item: Unit, one: Unit) -> bool:
    """Whether a sentence is of the same short item as the one before it."""
    if item.kind is not Kind.ITEM or one.kind is not Kind.SENTENCE or one.span[1] - item.span[0] > SHORT:
        return False
    return "\n" not in text[item.span[1] : one.span[0]]


def _is_answered(text: str, before: Unit, one: Unit) -> bool:
    """Whether a sentence says more of the yes or no that is the sentence before it."""
    if one.kind is not Kind.SENTENCE or _YES_OR_NO.fullmatch(text, *before.span) is None:
        return False
    return _EMPTY_LINE.search(text, before.span[1], one.span[0]) is None


def _ends_list(text: str, found: list[Unit], one: Unit) -> bool:
    """Whether a sentence is the beginning of a new paragraph, and no part of a list."""
    if one.kind is not Kind.SENTENCE or not found:
        return False
    between = text[found[-1].span[1] : one.span[0]]
    return "\n" in between and not between.endswith((" ", "\t"))


def _asked_by(title: str) -> str:
    """The heading that a text answers, as in a list of frequent questions; empty where it asks nothing."""
    heading = last_of(title)
    return heading if heading.endswith("?") else ""


def _headed(one: Unit, title: str, lead: str) -> Unit:
    """What is read of a part, after the title and the sentence that leads to it."""
    headed = title if title.endswith("?") else f"{title}:"
    read = " ".join(part for part in (title and headed, lead, one.read) if part)
    return replace(one, read=read, lead=lead)


def _blocks(text: str) -> Iterator[tuple[Kind, int, int]]:
    """Code, tables, and the stretches of text between them."""
    fences = [found for found in _BLOCK.finditer(text) if found["fence"]]
    is_code = len(fences) % 2 == 1 and _closes(text, fences[0])
    done = begin = 0
    for found in _BLOCK.finditer(text):
        if found["fence"]:
            if is_code:
                if text[begin : found.start()].strip():
                    yield Kind.CODE, begin, found.end()
                done = found.end()
            else:
                yield Kind.SENTENCE, done, found.start()
            is_code, begin = not is_code, found.start()
        elif is_code or (found["html"] and not any(rows(found["html"]))):
            continue
        elif not found["indented"] or not _PROSE.search(found["indented"]):
            name = found.lastgroup or ""
            kind, start = _KINDS[name], found.start(name)
            yield Kind.SENTENCE, done, start
            yield kind, start, found.end()
            done = found.end()
    if is_code:
        yield Kind.CODE, begin, len(text)
    else:
        yield Kind.SENTENCE, done, len(text)


def _rows(table: str) -> Iterator[Unit]:
    """The rows of a table."""
    return (Unit(Kind.ROW, row.span, row.read, columns=row.names) for row in rows(table))


def _lines_of_log(log: str) -> Iterator[Unit]:
    """The lines of a log."""
    return (Unit(Kind.LINE, found.span(), found[0]) for found in _LINE.finditer(log))


def _closes(text: str, fence: re.Match[str]) -> bool:
    """Of an odd number of fences, whether the first ends code that began before the text."""
    return (
        not fence["info"].strip()
        and bool(text[: fence.start()].strip())
        and not text[: fence.start()].endswith("\n\n")
    )


def _plain(code: str) -> str:
    """Code as it is read: without its fences and indents."""
    return " ".join(line.strip() for line in code.splitlines() if not _FENCE.match(line)).strip()


def _of_code(text: str, begin: int, end: int) -> Iterator[Unit]:
    """The parts of code: all of it where it is short, else its paragraphs, else its lines."""
    if end - begin <= WHOLE:
        yield from _code(text, begin, end)
        return
    at = begin
    for paragraph in _EMPTY_LINE.split(text[begin:end]):
        first = text.index(paragraph, at)
        at = first + len(paragraph)
        if len(paragraph) <= SHORT:
            yield from _code(text, first, at)
        else:
            yield from _lines(text, first, at)


def _lines(text: str, begin: int, end: int) -> Iterator[Unit]:
    """Lines of code, each with the remarks before it, and read after its group, as in "[http]"."""
    group, start, at = "", begin, begin
    for line in text[begin:end].splitlines(keepends=True):
        at += len(line)
        if _GROUP.match(line.rstrip()):
            group, start = line.strip(), at
        elif not _REMARK.match(line) or at == end:
            yield from _code(text, start, at, group)
            start = at


def _code(text: str, begin: int, end: int, group: str = "") -> Iterator[Unit]:
    """A stretch of code, without the fences around it; nothing where no more is there."""
    lines = text[begin:end].splitlines(keepends=True)
    while lines and (_FENCE.match(lines[0]) or not lines[0].strip()):
        begin += len(lines.pop(0))
    while lines and (_FENCE.match(lines[-1]) or not lines[-1].strip()):
        end -= len(lines.pop())
    if span := trimmed(text, begin, end):
        yield Unit(Kind.CODE, span, " ".join(part for part in (group, _plain(text[slice(*span)])) if part))
