"""Where sentences end: for the claims of an answer while it is written, and for the windows of a passage.

Rules for Latin script rather than a model, because a stream must be cut as soon as a sentence is over. A full
stop does not end a sentence after an abbreviation, an initial or a list's number, nor within a number or a
name like example.org. A line that is a list's item, and an empty line, end one. "。！？" end one by
themselves.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

WRITTEN_WITH_A_STOP = """
    mr mrs ms dr prof st sr jr vs etc e.g i.e cf al fig figs eq no nos vol pp ed eds approx ca dept est
    inc ltd co corp gen col sgt lt capt rev hon jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k
    u.n a.m p.m b.c a.d ph.d m.d
"""
ABBREVIATIONS = frozenset(WRITTEN_WITH_A_STOP.split())
"""Without the last full stop. Those that are words as well ("no", "co") are told apart by what follows."""

ALSO_WORDS = frozenset(["no", "co", "est", "ed", "gen", "hon", "mar", "al", "nos"])

BOUNDARY = re.compile(
    r"""
    (?P<stop>[.!?…]+["'”’»)\]]*)(?=\s)     # a stop, with what closes after it, before white space
    | (?P<wide>[。！？]+[」』”’）]*)          # full-width stops need no white space
    | (?P<line>\n)(?=[ \t]*(?:\n|[-*•][ \t]|\d{1,3}[.)][ \t]))   # before an empty line or a list's item
    """,
    re.VERBOSE,
)
LAST_WORD = re.compile(r"[\w.]+$")
MARKER = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s*$")
INITIAL = re.compile(r"(?:^|\.)[^\W\d_]$")


def ends(text: str, begin: int = 0) -> Iterator[int]:
    """Places after which a sentence is over for certain, whatever text may follow."""
    start = begin
    for boundary in BOUNDARY.finditer(text, begin):
        end = boundary.end()
        if not text[start : boundary.start()].strip():
            continue
        if boundary["stop"] and not _is_final(text, start, boundary):
            continue
        yield end
        start = end


def sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of a whole text, as ranges of characters, without the white space around them."""
    cuts = [0, *ends(text), len(text)]
    return [span for a, b in itertools.pairwise(cuts) if (span := trimmed(text, a, b))]


def trimmed(text: str, begin: int, end: int) -> tuple[int, int] | None:
    """The range without white space around it; None where nothing else is there."""
    part = text[begin:end]
    stripped = part.strip()
    if not stripped:
        return None
    begin += len(part) - len(part.lstrip())
    return begin, begin + len(stripped)


def _is_final(text: str, start: int, boundary: re.Match[str]) -> bool:
    stop = boundary["stop"]
    if not stop.startswith(".") or stop.startswith(".."):
        return True
    before = text[start : boundary.start()]
    if MARKER.match(before + ".") and "\n" not in before.strip():
        return False  # "1." begins an item
    word = LAST_WORD.search(before)
    if word is None:
        return True
    name = word[0].lower()
    following = text[boundary.end() :].lstrip()[:1]
    if name in ABBREVIATIONS:
        # "no. 5" goes on; "he said no. Then" does not. Without a next character it is too early to tell.
        return name in ALSO_WORDS and following.isalpha() and not following.islower()
    return not (INITIAL.search(word[0]) and word[0] != "I")
