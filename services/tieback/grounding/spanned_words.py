"""The words of a sentence with their places, as marks need them. English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tieback.core.plain_numbers import YEARS, plain_number
from tieback.core.questions import CALENDAR, NUMBER, TIME
from tieback.core.terms import function_words, terms_of
from tieback.core.types.arrays import Span
from tieback.grounding.differences import BOUND, WORD, is_of_condition
from tieback.methods.grounding._words import ANSWER, ENGLISH, NEGATIONS

BEGINS = re.compile(r"(?:^|[.!?:;]['\"”’)]?\s)\W*\Z")
"""Before a word that has a capital because a sentence begins."""


class Kind(Enum):
    """Sort of a word, by which two are compared."""

    WORD = "word"
    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    FUNCTION = "function"
    NEGATION = "negation"


@dataclass(frozen=True, slots=True)
class Word:
    """A word: its stem or, of a number, its plain digits; where it is, as characters; its place among all."""

    term: str
    span: Span
    place: int
    kind: Kind

    @property
    def is_content(self) -> bool:
        """Tell whether it states something by itself."""
        return self.kind not in (Kind.FUNCTION, Kind.NEGATION)


def spanned_words(sentence: str) -> Sequence[Word]:
    """All words of a sentence in order. A yes or no before a statement is none of them."""
    answer = ANSWER.match(sentence)
    found = list(WORD.finditer(sentence, answer.end() if answer is not None else 0))
    lower = [match[0].lower().replace("’", "'") for match in found]
    words = []
    for place, (match, term) in enumerate(zip(found, terms_of(lower, ENGLISH), strict=True)):
        word = lower[place]
        digits = plain_number(word) if word[0].isdecimal() or NUMBER.fullmatch(word) else ""
        kind = _kind(sentence, match, word, is_number=bool(digits))
        if kind is Kind.NUMBER and _is_of_date(word, lower[max(0, place - 1) : place + 2]):
            kind = Kind.DATE
        words.append(Word(digits or term, match.span(), place, kind))
    return words


def _kind(sentence: str, match: re.Match[str], word: str, *, is_number: bool) -> Kind:
    if is_number:
        return Kind.NUMBER
    if (word in NEGATIONS or word.endswith("n't")) and _negates(sentence, match.span()):
        return Kind.NEGATION
    if word in function_words(ENGLISH) or (len(word) == 1 and word.isascii()):
        return Kind.FUNCTION
    if TIME.fullmatch(word):
        return Kind.DATE
    is_name = match[0][0].isupper() and not BEGINS.search(sentence, max(0, match.start() - 9), match.start())
    return Kind.NAME if is_name else Kind.WORD


def _negates(sentence: str, span: Span) -> bool:
    """Tell whether a negating word negates: not in a bound ("no more than") or a condition ("if not")."""
    return not is_of_condition(sentence, span[0]) and not BOUND.match(sentence, span[1])


def _is_of_date(number: str, beside: Sequence[str]) -> bool:
    """Tell whether a number is a year, or stands beside a month or the like."""
    is_year = number.isdecimal() and len(number) == 4 and int(number) in YEARS
    return is_year or not CALENDAR.isdisjoint(beside)
