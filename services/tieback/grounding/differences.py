"""Whether two sentences say different things of the same matter, by exact rules. English.

Both have to say the same but for one thing: a number, a date, a name, or a negation. One may say more than
the other, and not each something that the other does not: "the toll of the bridge is two crowns" and "the
toll of the ferry is three crowns" are about different tolls. What is said in other words is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tieback_contract.arrays import Span
from tieback_contract.claims import ConflictKind

from tieback.core.language import Sentence, Token, sentence_of
from tieback.core.language.quantities import Quantity, measured, same
from tieback.core.language.tokens import has_number

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


def difference(one: str, other: str) -> Difference | None:
    """The one thing that two sentences say differently; None where there is none, or more than that."""
    if HEADING.match(one) or HEADING.match(other):
        return None
    first, second = _Read(one), _Read(other)
    shared = first.words.keys() & second.words.keys()
    if len(shared) < max(LEAST_SHARED, SHARED_SHARE * max(len(first.words), len(second.words))):
        return None
    quantities = _measured(sentence_of(one), sentence_of(other))
    more, less = _beyond(first.words, second.words, quantities)
    numbers, others = _beyond(first.numbers, second.numbers, quantities)
    negates = len(first.negations) % 2 != len(second.negations) % 2
    if numbers or others or quantities.differing:
        if negates or (more and less):
            return None
        if quantities.differing:
            return quantities.difference(numbers, others)
        return _of_numbers(first, numbers, second, others)
    if negates:
        return None if more and less else _of_negation(first, second)
    return _of_words(more, less) if more and less else None


class _Read:
    """The words of a sentence: those that state something, and numbers, by their terms; negations."""

    def __init__(self, text: str) -> None:
        self.text, self.every = text, spanned_words(text)
        content = [one for one in self.every if one.is_content]
        self.words = {one.term: one for one in content if not one.term[0].isdecimal()}
        self.numbers = {one.term: one for one in content if one.term[0].isdecimal()}
        self.negations = [one for one in self.every if one.kind is Kind.NEGATION]

    def counted(self, number: Word) -> Word | None:
        """The word that follows a number at once, without a mark between."""
        behind = self.every[number.place + 1 : number.place + 2]
        follows = behind and not self.text[number.span[1] : behind[0].span[0]].strip()
        return behind[0] if follows and behind[0].is_content else None

    def is_date(self, number: Word) -> bool:
        """Tell whether it is a year that counts nothing, or stands beside a month or the like."""
        thing = self.counted(number)
        return number.kind is Kind.DATE and (thing is None or thing.kind is Kind.DATE)

    def is_label(self, number: Word) -> bool:
        """Tell whether it names a thing and counts none, as in "Figure 3 shows"."""
        before = self.every[number.place - 1] if number.place else None
        return before is not None and before.is_content and self.text[before.span[0]].isupper()


class _Measured(NamedTuple):
    """Places at which both have one quantity of a dimension in two units, and those of them that differ."""

    own: Sequence[Span]
    its: Sequence[Span]
    differing: Sequence[tuple[Quantity, Quantity]]

    def difference(self, *others: Sequence[Word]) -> Difference | None:
        """The one quantity that differs, where no other number does."""
        if len(self.differing) != 1 or any(others):
            return None
        [(one, other)] = self.differing
        return Difference(ConflictKind.NUMBER, one.span, other.span)


def _measured(one: Sentence, other: Sentence) -> _Measured:
    first, second = measured(one.quantities), measured(other.quantities)
    pairs = [
        (own, second[name])
        for name, own in first.items()
        if name in second and _unit(one, own) != _unit(other, second[name])
    ]
    own, its = ([pair[place].span for pair in pairs] for place in (0, 1))
    return _Measured(own, its, [pair for pair in pairs if not _agree(*pair)])


def _agree(one: Quantity, other: Quantity) -> bool:
    return same(one.value, other.value) or one.is_bound or other.is_bound


def _unit(sentence: Sentence, quantity: Quantity) -> list[str]:
    """The words of a quantity but for its number."""
    begin, end = quantity.span
    return [one.stem for one in sentence.tokens if begin <= one.span[0] < end and not one.number]


def _of_numbers(own: _Read, numbers: Sequence[Word], its: _Read, others: Sequence[Word]) -> Difference | None:
    if len(numbers) != 1 or len(others) != 1:
        return None
    [number], [other] = numbers, others
    if has_number(number.term, [other.term]) or has_number(other.term, [number.term]):
        return None  # one is the other in round figures
    things = [own.counted(number), its.counted(other)]
    if len({None if thing is None else thing.term for thing in things}) > 1:
        return None
    is_date = own.is_date(number) or its.is_date(other)
    if is_date and number.place <= BEGINNING and other.place <= BEGINNING:
        return None
    if not is_date and (own.is_label(number) or its.is_label(other)):
        return None
    return Difference(ConflictKind.DATE if is_date else ConflictKind.NUMBER, number.span, other.span)


def _of_negation(*both: _Read) -> Difference:
    spans = [one.negations[0].span if one.negations else None for one in both]
    return Difference(ConflictKind.NEGATION, *spans)


def _of_words(more: Sequence[Word], less: Sequence[Word]) -> Difference | None:
    """A date or a name in the place of another one; not at the beginning, where it is what is spoken of."""
    if len(more) == len(less) == 1 and more[0].kind is less[0].kind is Kind.DATE:
        if more[0].place <= BEGINNING and less[0].place <= BEGINNING:
            return None
        return Difference(ConflictKind.DATE, more[0].span, less[0].span)
    for words in (more, less):
        follow = words[-1].place - words[0].place == len(words) - 1
        if len(words) > LONGEST_NAME or not follow or not all(word.kind is Kind.NAME for word in words):
            return None
    one, other = ((words[0].span[0], words[-1].span[1]) for words in (more, less))
    return Difference(ConflictKind.NAME, one, other)


def _beyond(
    own: Mapping[str, Word], its: Mapping[str, Word], quantities: _Measured
) -> tuple[list[Word], list[Word]]:
    """Words that each has and the other lacks, but for quantities that are compared."""
    return (
        [word for term, word in own.items() if term not in its and not _is_in(word, quantities.own)],
        [word for term, word in its.items() if term not in own and not _is_in(word, quantities.its)],
    )


def _is_in(word: Word, spans: Sequence[Span]) -> bool:
    return any(begin <= word.span[0] < end for begin, end in spans)
