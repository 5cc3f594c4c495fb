"""Whether two sentences say different things of the same matter, by exact rules. English.

Both have to say the same but for one thing: a number, a date, a name, or a negation. One may say more than
the other, and not each something that the other does not: "the toll of the bridge is two crowns" and "the
toll of the ferry is three crowns" are about different tolls. What is said in other words is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tieback.core.language import Sentence, Token, sentence_of
from tieback.core.language.quantities import Quantity, agree, single_quantities
from tieback.core.plain_numbers import has_number
from tieback.core.types.arrays import Span
from tieback.core.types.generation import ConflictKind

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


class _Word(NamedTuple):
    """A token with its place, and the tokens beside it where no mark is between."""

    sentence: Sentence
    place: int

    @property
    def token(self) -> Token:
        return self.sentence.tokens[self.place]

    @property
    def is_date(self) -> bool:
        return self.sentence.is_time(self.token)

    @property
    def is_name(self) -> bool:
        return self.token.has_capital and self.place > 0

    def beside(self, step: int) -> _Word | None:
        """The content word or number before it or behind it."""
        place = self.place + step
        tokens = self.sentence.tokens
        is_there = 0 <= place < len(tokens) and (tokens[place].number or tokens[place].is_content)
        return _Word(self.sentence, place) if is_there else None


def difference(one: str, other: str) -> Difference | None:
    """The one thing that two sentences say differently; None where there is none, or more than that."""
    if HEADING.match(one) or HEADING.match(other):
        return None
    first, second = sentence_of(one), sentence_of(other)
    own, its = _words(first), _words(second)
    shared = own.keys() & its.keys()
    if len(shared) < max(LEAST_SHARED, SHARED_SHARE * max(len(own), len(its))):
        return None
    measured = _measured(first, second)
    own, its = (_without(words, spans) for words, spans in ((own, measured.own), (its, measured.its)))
    more, less = _beyond(own, its), _beyond(its, own)
    said, told = _without(_numbers(first), measured.own), _without(_numbers(second), measured.its)
    numbers, others = _beyond(said, told), _beyond(told, said)
    negates = first.negations % 2 != second.negations % 2
    if numbers or others or measured.differing:
        if negates or (more and less):
            return None
        return measured.difference(numbers, others) or _of_numbers(numbers, others)
    if negates:
        return None if more and less else _of_negation(first, second)
    return _of_words(more, less) if more and less else None


class _Measured(NamedTuple):
    """Where both sentences have one quantity of a dimension in two units, and those of them that differ."""

    own: Sequence[Span]
    its: Sequence[Span]
    differing: Sequence[tuple[Quantity, Quantity]]

    def difference(self, *others: Sequence[_Word]) -> Difference | None:
        """The one quantity that differs, where no other number does."""
        if len(self.differing) != 1 or any(others):
            return None
        [(one, other)] = self.differing
        return Difference(ConflictKind.NUMBER, one.span, other.span)


def _measured(one: Sentence, other: Sentence) -> _Measured:
    first, second = single_quantities(one.quantities), single_quantities(other.quantities)
    pairs = [
        (own, second[name])
        for name, own in first.items()
        if name in second and _unit(one, own) != _unit(other, second[name])
    ]
    own, its = ([pair[place].span for pair in pairs] for place in (0, 1))
    return _Measured(own, its, [pair for pair in pairs if not agree(*pair)])


def _unit(sentence: Sentence, quantity: Quantity) -> list[str]:
    """The words of a quantity but for its number."""
    begin, end = quantity.span
    return [one.stem for one in sentence.tokens if begin <= one.span[0] < end and not one.number]


def _without(words: Mapping[str, _Word], spans: Sequence[Span]) -> Mapping[str, _Word]:
    """The words that stand outside of all spans."""
    return {
        term: word
        for term, word in words.items()
        if not any(begin <= word.token.span[0] < end for begin, end in spans)
    }


def _words(sentence: Sentence) -> Mapping[str, _Word]:
    return {one.stem: _Word(sentence, place) for place, one in enumerate(sentence.tokens) if one.is_content}


def _numbers(sentence: Sentence) -> Mapping[str, _Word]:
    return {one.number: _Word(sentence, place) for place, one in enumerate(sentence.tokens) if one.number}


def _of_numbers(numbers: Sequence[_Word], others: Sequence[_Word]) -> Difference | None:
    if len(numbers) != 1 or len(others) != 1:
        return None
    [number], [other] = numbers, others
    said, its = number.token.number, other.token.number
    if has_number(said, [its]) or has_number(its, [said]):
        return None  # one is the other in round figures
    if _counted(number) != _counted(other):
        return None
    is_date = _is_date(number) or _is_date(other)
    if is_date and number.place <= BEGINNING and other.place <= BEGINNING:
        return None
    if not is_date and (_is_label(number) or _is_label(other)):
        return None
    return Difference(
        ConflictKind.DATE if is_date else ConflictKind.NUMBER, number.token.span, other.token.span
    )


def _counted(number: _Word) -> str:
    """What follows a number at once, without a mark between."""
    thing = number.beside(1)
    between = slice(number.token.span[1], thing.token.span[0]) if thing else slice(0)
    return thing.token.stem if thing and not number.sentence.text[between].strip() else ""


def _is_date(number: _Word) -> bool:
    """Whether it is a year that counts nothing, or stands beside a month or the like."""
    before, behind = number.beside(-1), number.beside(1)
    if number.is_date and not _counted(number):
        return True
    return (before is not None and before.is_date) or (
        behind is not None and behind.is_date and bool(_counted(number))
    )


def _is_label(number: _Word) -> bool:
    """Whether it names a thing and counts none, as in "Figure 3 shows"."""
    before = number.beside(-1)
    return before is not None and before.token.has_capital


def _of_negation(one: Sentence, other: Sentence) -> Difference:
    spans = [each.negators[0].span if each.negators else None for each in (one, other)]
    return Difference(ConflictKind.NEGATION, *spans)


def _of_words(more: Sequence[_Word], less: Sequence[_Word]) -> Difference | None:
    """A date or a name in the place of another one; not at the beginning, where it is what is spoken of."""
    if len(more) == len(less) == 1 and more[0].is_date and less[0].is_date:
        if more[0].place <= BEGINNING and less[0].place <= BEGINNING:
            return None
        return Difference(ConflictKind.DATE, more[0].token.span, less[0].token.span)
    for words in (more, less):
        places = [word.place for word in words]
        follow = places == list(range(places[0], places[0] + len(places)))
        if len(words) > LONGEST_NAME or not follow or places[0] == 0:
            return None
        if not all(word.is_name for word in words):
            return None
    one, other = ((words[0].token.span[0], words[-1].token.span[1]) for words in (more, less))
    return Difference(ConflictKind.NAME, one, other)


def _beyond(words: Mapping[str, _Word], others: Mapping[str, _Word]) -> list[_Word]:
    return [word for term, word in words.items() if term not in others]
