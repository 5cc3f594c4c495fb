"""The words of a sentence with their places, as marks need them. English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tieback_contract.arrays import Span

from tieback.core.language import Sentence, Token, sentence_of

BEGINS = re.compile(r"(?:^|[.!?:;]['\"”’)]?\s)\W*\Z")
"""Before a word that has a capital because a sentence begins."""

BOUND = re.compile(r"\s+(?:more|less|fewer|[a-z]+er)\s+than\b|\s+(?:only|but)\b", re.IGNORECASE)
"""Behind a negation that negates nothing: "no more than"."""

CONDITION = re.compile(r"(?:\b(?:if|unless|when|where|whether|otherwise)|,\s*or)\b[^,;:]*$", re.IGNORECASE)
CONDITION_REACH = 200
"""Characters before a negation that are looked at for what makes it one of a condition ("if not")."""


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
    read = sentence_of(sentence)
    words = []
    for place, one in enumerate(read.stated):
        kind = _kind(read, one)
        beside = read.stated[max(0, place - 1) : place + 2]
        if kind is Kind.NUMBER and any(near.word in read.language.calendar for near in beside):
            kind = Kind.DATE
        words.append(Word(one.stem, one.span, place, kind))
    return words


def _kind(read: Sentence, one: Token) -> Kind:
    if read.is_time(one):
        return Kind.DATE
    if one.number:
        return Kind.NUMBER
    if one.is_negation and _negates(read.text, one.span):
        return Kind.NEGATION
    if not one.is_content:
        return Kind.FUNCTION
    begin = one.span[0]
    is_name = one.has_capital and not BEGINS.search(read.text, max(0, begin - 9), begin)
    return Kind.NAME if is_name else Kind.WORD


def _negates(text: str, span: Span) -> bool:
    """Tell whether a negating word negates: not in a bound or a condition."""
    begin, end = span
    is_of_condition = CONDITION.search(text, max(0, begin - CONDITION_REACH), begin) is not None
    return not is_of_condition and not BOUND.match(text, end)
