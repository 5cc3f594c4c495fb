"""Where sentences end: for the claims of an answer while it is written, and for the windows of a passage.

Rules rather than a model, because a stream must be cut as soon as a sentence is over. A full stop does not
end a sentence after an abbreviation (`core/abbreviations/`), an initial, a list's number or an ordinal
("am 8. Mai"), nor within a number or a name like example.org, and dots do not before a word in lower case. An
empty line, and the beginning of a list's item or a table's row, end one. "。！？" end one by themselves. What
has no end is cut after `LONGEST` characters.

The time is linear in the text, whatever the text is: each run of stops is matched once, and what is looked at
around it is bounded or part of one run of white space.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

from tieback.core.language.data import language, languages
from tieback.core.text.terms import languages_by_function_word

# Numbers that are ordinals by the full stop behind them: "am 8. Mai", "im 19. Jahrhundert", "20. yüzyılda".
#
# Before a word in lower case or a month a number with a stop is one in every language; no sentence begins
# so. German nouns have a capital as sentences do: there the word before the number tells, and a function
# word behind it begins a sentence.
LONGEST_WORD = 30
"""Characters of the word behind that are looked at."""

NUMBER, YEAR = re.compile(r"\d{1,3}"), re.compile(r"\d{4}")
ROMAN = re.compile(r"[IVX]{2,5}")
OF_A_NAME = re.compile(r"[^\W\d_][-–]$")
"""Text before the number of a name: "COVID-19"."""
WORD_BEFORE = re.compile(r"([^\W\d_]+)\s+\(?$")


def is_ordinal(before: str, number: str, following: str) -> bool:
    """Tell whether a number with a stop is an ordinal, by the text before it and the word behind it.

    A following word that is not known yet makes it one, as far as can be told.
    """
    if ROMAN.fullmatch(number):
        return not following or following[0].islower()
    if YEAR.fullmatch(number):
        return not following or following in _months()  # "1848. március 15-én"
    if not NUMBER.fullmatch(number) or OF_A_NAME.search(before):
        return False
    if not following or following[0].islower() or following.lower() in _months():
        return True
    led = WORD_BEFORE.search(before)
    if led is None or led[1].lower() not in language("german").before_ordinals or not following[0].isalpha():
        return False
    return following.lower() not in languages_by_function_word()


@cache
def _months() -> frozenset[str]:
    """The months of all languages whose ordinals have a stop."""
    every = map(language, languages())
    return frozenset().union(*(one.months for one in every if one.ordinals_have_stops))


LONGEST = 4000
"""Characters of a sentence. Text encoders read less than half of that, so nothing is lost by the cut."""

STOPS = ".!?…؟۔।॥։።፧။។៕"
"""Of Latin script, Arabic and Urdu, Devanagari, Armenian, Ethiopic, Burmese and Khmer."""

CLOSING = "\"'”’»)]"
WIDE_STOPS, WIDE_CLOSING = "。！？", "」』”’）"

# A run of stops ends a sentence only where white space follows, which is looked at apart: within the pattern
# it would have each run tried again from each of its characters.
BOUNDARY = re.compile(
    rf"""
    (?P<stop>[{STOPS}]+[{re.escape(CLOSING)}]*)  # a stop, with what closes after it
    | (?P<wide>[{WIDE_STOPS}]+[{WIDE_CLOSING}]*)          # full-width stops need no white space
    | (?P<line>\n)(?=[ \t]*+(?:\n|\||[-*•][ \t]|\d{{1,3}}[.)][ \t]))  # before an empty line, a row, an item
    """,
    re.VERBOSE,
)
NOT_SPACE = re.compile(r"\S")
LAST_WORD = re.compile(r"[\w.º°]+$")
LAST_WORD_REACH = 24
"""Characters before a stop that are looked at: enough to tell an abbreviation from a longer word."""
INITIAL = re.compile(r"(?:^|\.)[^\W\d_]$")
ITEM_DIGITS = 3
ITEM_REACH = ITEM_DIGITS + 2
"""Characters that mark a line as an item of a list."""
FOLLOWING = re.compile(rf"\w{{1,{LONGEST_WORD}}}")
LAST_PART = re.compile(rf"\w{{0,{LONGEST_WORD}}}\Z")


def ends(text: str, decided: int = 0) -> Iterator[int]:
    """Places after which a sentence is over for certain, whatever text may follow.

    Before `decided` there is none, as is known from `decided_until` of the same text when it was shorter.
    """
    start = 0
    first = _first_word(text, start)
    for boundary in BOUNDARY.finditer(text, decided):
        if boundary.start() - start > LONGEST:
            for cut in _cuts(text, start, boundary.start()):
                yield cut
                start = cut
            first = _first_word(text, start)
        if first >= boundary.start() or (boundary["stop"] and not _is_final(text, start, first, boundary)):
            continue
        yield from _cuts(text, start, boundary.end())
        start = boundary.end()
        yield start
        first = _first_word(text, start)
    yield from _cuts(text, start, len(text))


def decided_until(text: str) -> int:
    """In a text without ends: the place before which there will be none, whatever text may follow."""
    part = LAST_PART.search(text, max(0, len(text) - LONGEST_WORD))
    known = text[: -max(ITEM_REACH, len(part[0]) if part else 0)]
    return len(known.rstrip().rstrip(CLOSING + WIDE_CLOSING).rstrip(STOPS + WIDE_STOPS))


def may_end(text: str) -> bool:
    """Whether a sentence is over at the text's end where another one follows."""
    return text.endswith(tuple(STOPS + WIDE_STOPS + CLOSING + WIDE_CLOSING)) and len(text) in ends(
        f"{text} A "
    )


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


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """Where a stretch that is too long for one sentence is cut: after a line, else after a space."""
    while end - start > LONGEST:
        latest = start + LONGEST
        earliest = latest - LONGEST // 2
        start = text.rfind("\n", earliest, latest) + 1 or text.rfind(" ", earliest, latest) + 1 or latest
        yield start


def _first_word(text: str, start: int) -> int:
    """The place of the first character that is not white space; the text's end where there is none."""
    found = NOT_SPACE.search(text, start)
    return found.start() if found else len(text)


def _is_final(text: str, start: int, first: int, boundary: re.Match[str]) -> bool:
    """Whether a stop ends the sentence that begins at `start` and whose first word is at `first`."""
    begin, end = boundary.span()
    if not text[end : end + 1].isspace():
        return False
    if text[begin] not in ".…":
        return True
    following = _following(text, end)
    if text[begin] == "…" or text.startswith("..", begin):
        return not following[:1].islower() or "\n" in text[end : _first_word(text, end)]
    if begin - first <= ITEM_DIGITS and text[first:begin].isdecimal():
        return False  # "1." begins an item
    near = text[max(start, begin - LAST_WORD_REACH) : begin]
    word = LAST_WORD.search(near)
    if word is None:
        return True
    name = word[0].lower()
    if name in abbreviations():
        # "no. 5" goes on; "he said no. Then" does not. Without a next character it is too early to tell.
        return abbreviations()[name] and following[:1].isalpha() and not following[0].islower()
    if INITIAL.search(word[0]) and word[0] != "I":
        return False
    return not is_ordinal(near[: word.start()], word[0], following)


def _following(text: str, end: int) -> str:
    """The word behind a stop, without the mark before it; empty where more of it may follow."""
    place = _first_word(text, end)
    found = FOLLOWING.match(text, place)
    if found is None:
        return text[place : place + 1]
    return found[0] if found.end() < len(text) or len(found[0]) == LONGEST_WORD else ""


@cache
def abbreviations() -> Mapping[str, bool]:
    """Those of all languages, without the last full stop; true where one can also end a sentence."""
    folder = resources.files(__package__) / "abbreviations"
    words = [
        word
        for file in folder.iterdir()
        if file.name.endswith(".txt")
        for word in file.read_text("utf-8").split()
    ]
    may_end = {word.removesuffix("?") for word in words if word.endswith("?")}
    return {word: word in may_end for word in (one.removesuffix("?") for one in words)}
