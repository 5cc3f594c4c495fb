"""Parts of passages as people read them: around the sentences that are marked, or where most words are."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tieback.core.inline_html import untagged

from tieback_client.shown.quotes import readable, stands_in_code

SNIPPET = 220
"""Characters of a text of which nothing is marked."""
AROUND = 300
"""Characters that are shown before and after what is marked."""
LONG_WORD = 30
"""Characters between two spaces from which a text is cut where no word ends, as in Chinese and Japanese."""
RULE = frozenset(" \t|:-")
"""Characters of a line below the names of columns in a table of Markdown, which says nothing."""
_WRAP = re.compile(r"(?<=[^\n|`])\n(?=[^\s|*+\-#`>\d])")
"""The end of a line within a paragraph."""


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
    """The part of a text in one line that has most of what a pattern finds."""
    places = [match.start() for match in pattern.finditer(flat)] if pattern else []
    counts = [bisect_left(places, at + SNIPPET) - number for number, at in enumerate(places)]
    best = places[counts.index(max(counts))] if places else 0
    begin = max(0, min(best - 40, len(flat) - SNIPPET))
    begin = flat.rfind(" ", max(begin - LONG_WORD, 0), begin) + 1 or begin
    begin = begin if begin > LONG_WORD else 0
    part = flat[begin : begin + SNIPPET]
    if begin + SNIPPET < len(flat):
        end = part.rfind(" ", SNIPPET - LONG_WORD)
        part = f"{part[:end]} …" if end >= 0 else f"{part}…"
    return ("… " if begin else "") + part


def pattern_of(words: Sequence[str]) -> re.Pattern[str] | None:
    """Finds the words, with other endings too; None where there is none to find."""
    stems = sorted(
        {_stem(one) for one in re.findall(r"\w+", " ".join(words)) if len(one) > 2 or one > "\u2e80"}
    )
    # What is written without spaces, as Chinese and Japanese are, begins no word.
    found = [f"\\b{re.escape(one)}\\w*" if one < "\u2e80" else re.escape(one) for one in stems]
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
