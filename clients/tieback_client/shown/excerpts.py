"""Parts of passages as people read them: around the sentences that are marked, or where most words are."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tieback.core.text.visible import untagged

_FENCE = re.compile(r"^[ \t]*(?:```|\.\. (?:code|code-block|sourcecode)::)[^\n]*(?:\n|\Z)", re.MULTILINE)
_FENCES = re.compile(r"^[ \t]*```", re.MULTILINE)
_CELL = re.compile(r"<t[hd]\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_LINK = re.compile(r"!?\[([^\[\]]+)\]\([^()\s]*\)")
_REFERENCE = re.compile(r"`([^`<>]{1,300}) <[^<>`\s]{1,2000}>`__?")
"""A link of reStructuredText."""
_BOLD = re.compile(r"(?<![\w*])\*\*(?=[^\s*])([^*]{1,300})(?<=[^\s*])\*\*(?![\w*])")
_REMARK = re.compile(r"<!--[^<>]*-->")
_BAR = re.compile(r"(?<!\\)\|")


def stands_in_code(text: str, begin: int) -> bool:
    """Whether a byte of a text is between two fences."""
    return len(_FENCES.findall(text.encode()[:begin].decode(errors="replace"))) % 2 == 1


def readable(before: str, quote: str, *, is_code: bool = False) -> tuple[str, str]:
    """What stands before a quote, and the quote: a row by its cells, with the names of its columns where the
    line before has them, and code by its lines.
    """
    if (record := _record(quote)) is not None:
        return before, record
    if is_code and "\n" in quote:
        return before, "".join(f"\n    {line.rstrip()}" for line in quote.split("\n")) + "\n"
    head, _, names = before.rstrip("\n").rpartition("\n")
    columns = names.strip().split(" | ") if before.endswith("\n") else []
    if (cells := _cells(quote, is_row=bool(columns))) is None:
        return before, _in_a_sentence(quote)
    named = columns if len(columns) == len(cells) else [""] * len(cells)
    told = (f"{name}: {cell}" if name else cell for name, cell in zip(named, cells, strict=True) if cell)
    if columns:
        before = f"{head} " if head else " " * before[:1].isspace()
    return before, " · ".join(told)


def _record(quote: str) -> str | None:
    """A line of JSON by its names and values, where none of these holds others; None where it is none."""
    try:
        values = json.loads(quote.strip().removesuffix(",")) if quote[:1] == "{" else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or any(isinstance(one, dict | list) for one in values.values()):
        return None
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return " · ".join(f"{name}: {value}" for name, value in told.items())


def _cells(quote: str, *, is_row: bool) -> list[str] | None:
    """The cells of a row; None where it is none."""
    words = " ".join(quote.split())
    if words.lower().startswith("<tr"):
        return [" ".join(html.unescape(_TAG.sub(" ", one)).split()) for one in _CELL.split(words)[1:]]
    if not words.startswith("|") and not (is_row and _BAR.search(words)):
        return None
    cells = _BAR.split(words.removeprefix("|").removesuffix("|"))
    return [untagged(one.replace("\\|", "|")).strip() for one in cells]


def _in_a_sentence(quote: str) -> str:
    """A quote in one line; code by its lines."""
    words = _LINK.sub(r"\1", " ".join(untagged(_REMARK.sub(" ", quote)).split()))
    words = _BOLD.sub(r"\1", _REFERENCE.sub(r"\1", words))
    if words[:2] in ("- ", "* ", "+ "):
        return words[2:]
    lead, *code = _FENCE.split(quote, maxsplit=1)
    lines = [line.rstrip() for line in _FENCE.sub("", "".join(code)).strip("\n").split("\n")]
    if not any(lines):
        return words
    if len(lines) == 1:
        return " ".join([*lead.split(), lines[0].strip()])
    return "\n    ".join([" ".join(lead.split()), *lines])


SNIPPET = 220
"""Characters of a text of which nothing is marked."""
LEAD = 40
"""Of these, before the words that were asked for."""
AROUND = 300
"""Characters that are shown before and after what is marked."""
LONG_WORD = 30
"""Characters between two spaces from which a text is cut where no word ends, as in Chinese and Japanese."""
SURELY_SHOWN = SNIPPET - LEAD - 2 * LONG_WORD
"""Of an excerpt, from the words on that were asked for, wherever words are cut."""
RULE = frozenset(" \t|:-")
"""Characters of a line below the names of columns in a table of Markdown, which says nothing."""
_WRAP = re.compile(r"(?<=[^\n|`])\n(?=[^\s|*+\-#`>\d])")
"""The end of a line within a paragraph."""
_BEGINS_LINE = re.compile(r"[\s|*+\-#`>\d]")
"""The beginning of a line that goes on with none before it."""


class Run(NamedTuple):
    """A part of a passage."""

    text: str
    """Its text."""
    is_marked: bool
    """True if it is what was quoted, or what a claim rests on."""


def marked(text: str, spans: Iterable[tuple[int, int]], question: str = "") -> Sequence[Run]:
    """A passage with the bytes of some spans marked, and what stands around them.

    Without spans, the part that has most words of the question.
    """
    data = text.encode()
    merged = _merged(span for span in spans if 0 <= span[0] < span[1] <= len(data))
    if not merged:
        flat = " ".join(without_rules(text).split())
        return [Run(excerpt(flat, pattern_of(question.split())), is_marked=False)] if flat else []
    runs: list[Run] = []
    at = 0
    for begin, end in merged:
        between = data[at:begin].decode(errors="replace")
        runs.append(Run(_after_cut(between) if not at else _shortened(between), is_marked=False))
        quote = data[begin:end].decode(errors="replace")
        said = readable("", quote, is_code=stands_in_code(text, begin))[1]
        runs.append(Run(said, is_marked=True))
        at = end
    runs.append(Run(_before_cut(data[at:].decode(errors="replace")), is_marked=False))
    return [run for run in runs if run.text]


def excerpt(flat: str, pattern: re.Pattern[str] | None) -> str:
    """The part of a text in one line that has most of the words of a pattern.

    Each word counts once, by its length and the less the more often the text has it: rare and long words tell
    more than those that stand everywhere.
    """
    found = list(pattern.finditer(flat)) if pattern else []
    begin = max(0, min(_most_words(found) - LEAD, len(flat) - SNIPPET))
    begin = flat.rfind(" ", max(begin - LONG_WORD, 0), begin) + 1 or begin
    begin = begin if begin > LONG_WORD else 0
    part = flat[begin : begin + SNIPPET]
    if begin + SNIPPET < len(flat):
        end = part.rfind(" ", SNIPPET - LONG_WORD)
        part = f"{part[:end]} …" if end >= 0 else f"{part}…"
    return ("… " if begin else "") + part


def shown_from(text: str, words: Sequence[str]) -> int:
    """The character of the first of the words that an excerpt of a text shows."""
    pattern = pattern_of(words)
    return _most_words(list(pattern.finditer(text))) if pattern else 0


def _most_words(found: Sequence[re.Match[str]]) -> int:
    """The first character of the matches that are worth most together, within what is surely shown."""
    counts = Counter(one.lastindex for one in found)
    worth = {one.lastindex: len(one[0]) / counts[one.lastindex] for one in found}
    within: Counter[int | None] = Counter()
    best, most, last = 0, 0.0, 0
    for one in found:
        while last < len(found) and found[last].end() <= one.start() + SURELY_SHOWN:
            within[found[last].lastindex] += 1
            last += 1
        total = sum(worth[group] for group, count in within.items() if count > 0)
        best, most = (one.start(), total) if total > most else (best, most)
        within[one.lastindex] -= 1
    return best


def pattern_of(words: Sequence[str]) -> re.Pattern[str] | None:
    """Finds the words, with other endings too, each by a group of its own; None where there is none."""
    stems = sorted(
        {_stem(one) for one in re.findall(r"\w+", " ".join(words)) if len(one) > 2 or one > "\u2e80"}
    )
    # What is written without spaces, as Chinese and Japanese are, begins no word.
    found = [f"(\\b{re.escape(one)}\\w*)" if one < "\u2e80" else f"({re.escape(one)})" for one in stems]
    return re.compile("|".join(found), re.IGNORECASE) if found else None


def without_rules(text: str) -> str:
    """The text without the lines below the names of columns."""
    return "\n".join(
        line for line in text.split("\n") if not ("--" in line and "|" in line and set(line) <= RULE)
    )


def _stem(word: str) -> str:
    """A word without the commonest English endings, so that "tides" sets off "tide"."""
    return re.sub(r"(?:'s|es|s|ing|ed)$", "", word.lower()) if len(word) > 4 else word.lower()


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _plain(text: str) -> str:
    """Text around a quote: paragraphs in one line, rows, items and code by their lines."""
    paragraphs = re.split(r"\n[ \t]*\n", without_rules(untagged(text)))
    lines = "\n".join(_WRAP.sub(" ", one.lstrip("\n")) for one in paragraphs)
    if text.startswith("\n") and lines and not lines.startswith("\n"):
        # The end of the line of a quote, which a row or an item does not go on with.
        lines = ("\n" if _BEGINS_LINE.match(lines) else " ") + lines
    return re.sub(r"[ \t]+", " ", lines)


def _after_cut(text: str) -> str:
    """The end of what stands before a quote."""
    told = _plain(text).lstrip()
    if len(told) <= AROUND:
        return told
    begin = len(told) - AROUND
    return "… " + told[told.find(" ", begin, begin + LONG_WORD) + 1 or begin :]


def _before_cut(text: str) -> str:
    """The beginning of what stands behind a quote."""
    told = _plain(text).rstrip()
    if len(told) <= AROUND:
        return told
    end = told.rfind(" ", AROUND - LONG_WORD, AROUND)
    return (told[:end] if end >= 0 else told[:AROUND]) + " …"


def _shortened(text: str) -> str:
    """Text between two quotes, shortened."""
    told = _plain(text)
    return told if len(told) <= 2 * AROUND else f"{_before_cut(told)} {_after_cut(told)}"
