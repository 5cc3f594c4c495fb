"""Whether two sentences say different things of the same matter in other words. English.

What is compared is about one matter: both sentences are near to each other, and to the question where one was
asked. Then, in this order: a quantity of one dimension that differs in comparable units; the same quantity,
after which they are taken to agree; a negation or an opposite ("safe", "dangerous") that turns one of them
around, where they are nearly the same otherwise, or both near to a question of yes or no, or where a network
that reads two texts together finds that both answer the question, and leans to it that each contradicts the
other; and a checker of claims that finds it so. Where the network finds two answers, sentences are compared
that are less near. A false alarm is worse than a miss, so that all bounds are high (docs/answers.md has how
many are found).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from tieback.core.displayed import as_displayed
from tieback.core.questions import NUMBER, Read, kind_of
from tieback.core.types.generation import ConflictKind
from tieback.grounding.differences import Difference, contents, numbers_of, places_of
from tieback.grounding.polarity import denials, opposed
from tieback.grounding.quantities import Quantity, agree, quantities, same
from tieback.methods.grounding import Statement

NEAR, ON_TOPIC, NEAR_UNASKED = 0.5, 0.52, 0.75
"""Cosines from which on two sentences are about one matter: of both, of each with the question, and of both
where nothing was asked.
"""

DENIED_FROM = 0.55
"""The same of both, and of each with the question, where a checker decides."""

READ_FROM, READ_ON_TOPIC = 0.45, 0.42
"""The same of both, and of each with the question, from which on the network is asked of them."""

TURNED_FROM = 1.0
"""The sum of these cosines from which on it is asked of what turns one around."""

ANSWERED, LEANING = 0.85, -0.2
"""The logit from which on each answers the question, and the log odds of contradiction, as the mean of both
ways round, from which on they disagree. Chosen by made pairs and by questions to documents without conflicts.
"""

OF_THE_MATTER = 0.0
"""The logit below which a sentence is of something else, however near it is."""

NEARLY_SAME, ASKED_BY_YES_OR_NO = 0.7, 0.65
"""Cosines from which on what turns one around is a difference: of both, or of each with a question of yes or
no, to which the answers are then yes and no."""

FIRST = 5
"""Letters by which words are compared: "recovery" and "recovered" begin alike."""

MORE = 3
"""Content words that one sentence may have more, to be turned around by a negation."""

SHARED_SHARE = 1 / 3
"""The share of the content words of the shorter sentence that the other has too, or has the opposite of."""

DIGIT = re.compile(r"(?<!\w)\d")
OF_A_NAME = re.compile(r"(?<=[^\W\d_])\d+")
"""The number in "X11", which counts nothing."""

Denies = Callable[[Statement, Statement], bool]
"""Whether a checker finds that the second sentence contradicts the first."""


class Reader(Protocol):
    """The network that reads two texts together."""

    def __call__(self, question: str, sentences: str) -> float:
        """The logit that the question is answered."""
        ...

    def contradicts(self, claim: str, sentences: str) -> float:
        """The log odds that the claim is contradicted."""
        ...


def said_otherwise(
    one: Statement,
    other: Statement,
    asked: Statement | None,
    denies: Denies | None,
    reader: Reader | None = None,
) -> Difference | None:
    """What differs; None where nothing does for certain. `asked` is the question, None where none was."""
    near = float(one.vector @ other.vector)
    least = near
    is_near, are_of_two, network = near >= NEAR_UNASKED, False, None
    if asked is not None:
        least = min(float(each.vector @ asked.vector) for each in (one, other))
        if near < READ_FROM or least < READ_ON_TOPIC:
            return None
        are_of_two = _are_of_two_things(asked.text, one.text, other.text)
        is_near = near >= NEAR and least >= ON_TOPIC and not are_of_two
        network = _Network(reader, asked.text) if reader is not None else None
    elif not is_near:
        return None
    found = _of_quantities(one.text, other.text)
    if found is not None:
        if found[0] is None or is_near:
            return found[0]
        is_read = network is not None and not are_of_two and network.finds_answers(one.text, other.text)
        return found[0] if is_read else None
    if _numbers(one.text) & _numbers(other.text):
        return None  # as a limit is stated from both sides: "under 14 not", "from 14 on"
    if DIGIT.search(one.text) and DIGIT.search(other.text):
        return None  # what is said of numbers is for the rules of quantities
    turned = _turned(one.text, other.text)
    if turned is not None:
        is_polar = asked is not None and kind_of(asked.text) == "polar"
        is_answered = is_polar and least >= ASKED_BY_YES_OR_NO
        if is_near and (is_answered or (near >= NEARLY_SAME and _are_alike(one.text, other.text))):
            is_of_both = network is None or network.finds_answers(one.text, other.text, least=OF_THE_MATTER)
            return turned if is_of_both else None
        if network and near + least >= TURNED_FROM and network.finds_conflict(one.text, other.text):
            return turned
    if denies is None or not is_near or min(near, least) < DENIED_FROM:
        return None
    is_denied = denies(one, other) and denies(other, one)
    return Difference(ConflictKind.STATEMENT, None, None) if is_denied else None


class _Network(NamedTuple):
    """What the network finds of two sentences behind a question."""

    reader: Reader
    question: str

    def finds_answers(self, *sentences: str, least: float = ANSWERED) -> bool:
        """Whether each answers the question by so large a logit; of two matters seldom both do."""
        return all(self.reader(self.question, each) >= least for each in sentences)

    def finds_conflict(self, one: str, other: str) -> bool:
        """Whether both answer, and each contradicts the other, which is read after the question: that tells
        what is spoken of.
        """
        if not self.finds_answers(one, other):
            return False
        odds = [
            self.reader.contradicts(own, f"{self.question} {its}")
            for own, its in ((one, other), (other, one))
        ]
        return sum(odds) / 2 >= LEANING


def _turned(one: str, other: str) -> Difference | None:
    """What turns one of both around: a negation, or a word in the place of its opposite."""
    if abs(len(contents(one)) - len(contents(other))) > MORE:
        return None  # its negation may be of what it says more
    negated = [denials(text) for text in (one, other)]
    pairs = opposed(one, other)
    if (len(negated[0]) + len(negated[1]) + len(pairs)) % 2 == 0:
        return None
    if not pairs:
        return Difference(ConflictKind.NEGATION, *(spans[0] if spans else None for spans in negated))
    if pairs[0] == (contents(one)[0], contents(other)[0]):
        return None  # as of new files and of old ones
    [(word, against), *_] = pairs
    return Difference(ConflictKind.STATEMENT, places_of(one)[word], places_of(other)[against])


def _are_of_two_things(asked: str, one: str, other: str) -> bool:
    """Whether one of both is of something else, or of less, than what the question asks of."""
    texts = (one, other), (other, one)
    return any(_is_of_another(asked, *pair) or _is_of_less(asked, *pair) for pair in texts)


def _is_of_another(question: str, one: str, other: str) -> bool:
    """Whether both say alike, one of what the question asks of, and the other of something else."""
    own, its, asked = contents(one), contents(other), contents(question)
    if not own or not its or not any(_has(own[1:], word) for word in its[1:]):
        return False
    return _has(asked, own[0]) and not _has(its, own[0]) and not _has(asked, its[0])


def _is_of_less(question: str, one: str, other: str) -> bool:
    """Whether one speaks of a part of what the other does: of opened jam, and of jam."""
    own, its, places = contents(one), contents(other), places_of(one)
    if len(own) == 1 or not own or not its or own[1] != its[0] or _has((*its, *contents(question)), own[0]):
        return False
    (begin, end), (second, last) = places[own[0]], places[own[1]]
    is_the_word = one[second:last].lower() == other[slice(*places_of(other)[its[0]])].lower()
    is_number = own[0] == "one" or NUMBER.fullmatch(one, begin, end) is not None
    return is_the_word and not is_number and not one[end:second].strip()


def _are_alike(one: str, other: str) -> bool:
    """Whether the longer sentence has so many content words of the shorter one, or their opposites."""
    less, more = sorted((contents(one), contents(other)), key=len)
    shared = sum(_has(more, word) for word in less) + len(opposed(one, other))
    return shared >= SHARED_SHARE * len(less)


def _has(words: Sequence[str], wanted: str) -> bool:
    """Whether a word is among others, as far as its first letters say."""
    return any(word[:FIRST] == wanted[:FIRST] for word in words)


def _numbers(sentence: str) -> frozenset[str]:
    sentence = OF_A_NAME.sub("", sentence)
    return Read(sentence).numbers | numbers_of(sentence)


def _of_quantities(one: str, other: str) -> tuple[Difference | None] | None:
    """What differs in a dimension of which each has one quantity; a None within where they are the same.

    None where there is no such dimension.
    """
    own, its = _single(one), _single(other)
    shared = [(own[name], its[name]) for name in own if name in its]
    if not shared:
        return None
    # "Parcels over 20 kg are not carried" denies what is over, so that 30 kg do not agree with it.
    is_denied = bool(denials(one) or denials(other))
    differing = [
        (first, second)
        for first, second in shared
        if not (same(first.value, second.value) if is_denied else agree(first, second))
    ]
    if len(differing) != len(shared):
        return (None,)
    first, second = differing[0]
    return (Difference(ConflictKind.NUMBER, first.span, second.span),)


def _single(sentence: str) -> dict[str, Quantity]:
    """By their dimension, the quantities that are the only ones of it."""
    found = quantities(as_displayed(sentence))
    names = [one.dimension for one in found]
    return {one.dimension: one for one in found if names.count(one.dimension) == 1}
