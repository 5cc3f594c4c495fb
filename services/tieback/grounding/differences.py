"""Whether two sentences say different things of the same matter, by exact rules. English.

Both have to say the same but for one thing: a number, a date, a name, or a negation. One may say more than
the other, and not each something that the other does not: "the toll of the bridge is two crowns" and "the
toll of the ferry is three crowns" are about different tolls. What is said in other words is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tieback.core.plain_numbers import YEARS, plain_number
from tieback.core.questions import TIME
from tieback.core.terms import function_words, terms_of
from tieback.core.types.arrays import Span
from tieback.core.types.generation import ConflictKind
from tieback.methods.grounding._words import ENGLISH, NEGATIONS, has_number

WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
"""A comma after a number is none of it."""

LEAST_SHARED, SHARED_SHARE = 3, 0.6
"""Content words that both have, and their share of those of the sentence with more."""

HEADING = re.compile(r"\s*(?:#|---)")
"""Headings of Markdown and front matter, which state nothing."""

LONGEST_NAME = 3
"""Words of a name that stands in place of another one."""

BEGINNING = 3
"""Words of a sentence among which a year or a date says when something holds, as in "in 2019 sales fell"."""


class Difference(NamedTuple):
    """What differs, and where in each sentence, as characters; None where one says nothing of it."""

    kind: ConflictKind
    one: Span | None
    other: Span | None


@dataclass(frozen=True, slots=True)
class _Word:
    term: str
    span: Span
    place: int
    is_name: bool


@dataclass(frozen=True, slots=True)
class _Sentence:
    """The content words of a sentence by their terms, its numbers, and its negations."""

    words: Mapping[str, _Word]
    numbers: Mapping[str, _Word]
    negations: Sequence[_Word]
    counted: Mapping[str, str]
    """What follows a number at once, without a mark between."""
    before: Mapping[str, str]
    """What stands before one."""


def difference(one: str, other: str) -> Difference | None:
    """The one thing that two sentences say differently; None where there is none, or more than that."""
    if HEADING.match(one) or HEADING.match(other):
        return None
    own, its = _read(one), _read(other)
    shared = own.words.keys() & its.words.keys()
    if len(shared) < max(LEAST_SHARED, SHARED_SHARE * max(len(own.words), len(its.words))):
        return None
    more, less = _beyond(own.words, its.words), _beyond(its.words, own.words)
    numbers, others = _beyond(own.numbers, its.numbers), _beyond(its.numbers, own.numbers)
    negates = len(own.negations) % 2 != len(its.negations) % 2
    if numbers or others:
        return None if negates or (more and less) else _of_numbers(own, its, numbers, others)
    if negates:
        return None if more and less else _of_negation(own, its)
    return _of_words(more, less) if more and less else None


BOUND = re.compile(r"\s+(?:more|less|fewer|[a-z]+er)\s+than\b|\s+(?:only|but)\b", re.IGNORECASE)


CONDITION = re.compile(r"(?:\b(?:if|unless|when|where|whether|otherwise)|,\s*or)\b[^,;:]*$", re.IGNORECASE)
CONDITION_REACH = 200
"""Characters before a negation that are looked at for what makes it one of a condition."""


def is_of_condition(sentence: str, place: int) -> bool:
    """Whether what stands there is part of a condition."""
    return CONDITION.search(sentence, max(0, place - CONDITION_REACH), place) is not None


def _of_numbers(
    own: _Sentence, its: _Sentence, numbers: Sequence[_Word], others: Sequence[_Word]
) -> Difference | None:
    if len(numbers) != 1 or len(others) != 1:
        return None
    [number], [other] = numbers, others
    if has_number(number.term, [other.term]) or has_number(other.term, [number.term]):
        return None  # one is the other in round figures
    if own.counted.get(number.term) != its.counted.get(other.term):
        return None
    is_date = any(_is_date(word, sentence) for word, sentence in ((number, own), (other, its)))
    if is_date and number.place <= BEGINNING and other.place <= BEGINNING:
        return None
    if not is_date and any(_is_label(word, sentence) for word, sentence in ((number, own), (other, its))):
        return None
    return Difference(ConflictKind.DATE if is_date else ConflictKind.NUMBER, number.span, other.span)


def _is_date(number: _Word, sentence: _Sentence) -> bool:
    beside = (sentence.before.get(number.term, ""), sentence.counted.get(number.term, ""))
    is_year = number.term.isdecimal() and len(number.term) == 4 and int(number.term) in YEARS
    return (is_year and not beside[1]) or any(TIME.fullmatch(word) is not None for word in beside)


def _is_label(number: _Word, sentence: _Sentence) -> bool:
    """Whether it names a thing and counts none, as in "Figure 3 shows"."""
    return sentence.before.get(number.term, "")[:1].isupper()


def _of_negation(own: _Sentence, its: _Sentence) -> Difference:
    one, other = (each.negations[0].span if each.negations else None for each in (own, its))
    return Difference(ConflictKind.NEGATION, one, other)


def _of_words(more: Sequence[_Word], less: Sequence[_Word]) -> Difference | None:
    """A date or a name in the place of another one; not at the beginning, where it is what is spoken of."""
    if all(TIME.fullmatch(word.term) for word in (*more, *less)) and len(more) == len(less) == 1:
        if more[0].place <= BEGINNING and less[0].place <= BEGINNING:
            return None
        return Difference(ConflictKind.DATE, more[0].span, less[0].span)
    for words in (more, less):
        places = [word.place for word in words]
        follow = places == list(range(places[0], places[0] + len(places)))
        if len(words) > LONGEST_NAME or not follow or places[0] == 0:
            return None
        if not all(word.is_name for word in words):
            return None
    one, other = ((words[0].span[0], words[-1].span[1]) for words in (more, less))
    return Difference(ConflictKind.NAME, one, other)


def _beyond(words: Mapping[str, _Word], others: Mapping[str, _Word]) -> list[_Word]:
    return sorted((word for term, word in words.items() if term not in others), key=lambda word: word.place)


@lru_cache(1024)
def _read(sentence: str) -> _Sentence:
    words: dict[str, _Word] = {}
    numbers: dict[str, _Word] = {}
    negations: list[_Word] = []
    counted: dict[str, str] = {}
    before: dict[str, str] = {}
    found = list(WORD.finditer(sentence))
    lower = [match[0].lower().replace("’", "'") for match in found]
    function = function_words(ENGLISH)
    number, previous, end = "", "", 0
    for place, (match, word, stem) in enumerate(zip(found, lower, terms_of(lower, ENGLISH), strict=True)):
        digits = plain_number(word)
        term = word if TIME.fullmatch(word) else stem
        one = _Word(digits or term, match.span(), place, match[0][0].isupper() and place > 0)
        if number and not sentence[end : match.start()].strip():
            counted[number] = "" if word in function else term
        number = ""
        if digits:
            numbers[digits] = one
            before[digits] = previous
            number = digits
        elif word in NEGATIONS or word.endswith("n't"):
            negations.append(one)
        elif word not in function and (len(word) > 1 or not word.isascii()):
            words[term] = one
        previous, end = "" if word in function else match[0], match.end()
    return _Sentence(words, numbers, negations, counted, before)
