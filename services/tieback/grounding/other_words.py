"""Whether two sentences say different things of the same matter in other words. English.

What is compared is about one matter: both sentences are near to each other, and to the question where one was
asked. Then, in this order: a quantity of one dimension that differs in comparable units; the same quantity,
after which they are taken to agree; a negation that only one has, where they are nearly the same otherwise;
and a checker of claims that finds each contradicted by the other. A false alarm is worse than a miss, so that
all bounds are high (docs/answers.md has how many are found).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tieback.core.displayed import as_displayed
from tieback.core.questions import Read
from tieback.core.types.generation import ConflictKind
from tieback.grounding.differences import Difference, contents, negations
from tieback.grounding.quantities import Quantity, quantities, same
from tieback.methods.grounding import Statement

NEAR, ON_TOPIC, NEAR_UNASKED = 0.55, 0.55, 0.75
"""Cosines from which on two sentences are about one matter: of both, of each with the question, and of both
where nothing was asked."""

NEARLY_SAME = 0.7
"""The cosine from which on a negation that one has turns it around."""

FIRST = 5
"""Letters by which words are compared: "recovery" and "recovered" begin alike."""

MORE = 3
"""Content words that one sentence may have more, to be turned around by a negation."""

DIGIT = re.compile(r"\d")

Denies = Callable[[Statement, Statement], bool]
"""Whether a checker finds that the second sentence contradicts the first."""


def said_otherwise(
    one: Statement, other: Statement, asked: Statement | None, denies: Denies | None
) -> Difference | None:
    """What differs; None where nothing does for certain. `asked` is the question, None where none was."""
    near = float(one.vector @ other.vector)
    if near < (NEAR_UNASKED if asked is None else NEAR):
        return None
    if asked is not None and not _are_asked_of(asked, one, other):
        return None
    found = _of_quantities(one.text, other.text)
    if found is not None:
        return found[0]
    if _numbers(one.text) & _numbers(other.text):
        return None  # as a limit is stated from both sides: "under 14 not", "from 14 on"
    if DIGIT.search(one.text) and DIGIT.search(other.text):
        return None  # what is said of numbers is for the rules of quantities
    own, its = negations(one.text), negations(other.text)
    if len(own) % 2 != len(its) % 2 and near >= NEARLY_SAME and _are_alike_long(one.text, other.text):
        return Difference(ConflictKind.NEGATION, *(each[0] if each else None for each in (own, its)))
    if denies is not None and denies(one, other) and denies(other, one):
        return Difference(ConflictKind.STATEMENT, None, None)
    return None


def _are_alike_long(one: str, other: str) -> bool:
    """Whether neither says so much more that its negation may be of that."""
    return abs(len(contents(one)) - len(contents(other))) <= MORE


def _are_asked_of(asked: Statement, one: Statement, other: Statement) -> bool:
    """Whether both sentences are near to the question, and neither is of something else."""
    if min(float(each.vector @ asked.vector) for each in (one, other)) < ON_TOPIC:
        return False
    texts = (one.text, other.text), (other.text, one.text)
    return not any(_is_of_another(asked.text, *pair) for pair in texts)


def _is_of_another(question: str, one: str, other: str) -> bool:
    """Whether both say alike, one of what the question asks of, and the other of something else."""
    own, its, asked = contents(one), contents(other), contents(question)
    if not own or not its or not any(_has(own[1:], word) for word in its[1:]):
        return False
    return _has(asked, own[0]) and not _has(its, own[0]) and not _has(asked, its[0])


def _has(words: Sequence[str], wanted: str) -> bool:
    """Whether a word is among others, as far as its first letters say."""
    return any(word[:FIRST] == wanted[:FIRST] for word in words)


def _numbers(sentence: str) -> frozenset[str]:
    return Read(sentence).numbers


def _of_quantities(one: str, other: str) -> tuple[Difference | None] | None:
    """What differs in a dimension of which each has one quantity; a None within where they are the same.

    None where there is no such dimension.
    """
    own, its = _single(one), _single(other)
    shared = [(own[name], its[name]) for name in own if name in its]
    if not shared:
        return None
    differing = [pair for pair in shared if not same(pair[0].value, pair[1].value)]
    if len(differing) != len(shared):
        return (None,)
    first, second = differing[0]
    return (Difference(ConflictKind.NUMBER, first.span, second.span),)


def _single(sentence: str) -> dict[str, Quantity]:
    """By their dimension, the quantities that are the only ones of it."""
    found = quantities(as_displayed(sentence))
    names = [one.dimension for one in found]
    return {one.dimension: one for one in found if names.count(one.dimension) == 1}
