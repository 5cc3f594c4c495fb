"""Words that are opposed to each other, as "safe" and "dangerous" are. English, by WordNet.

An adjective is opposed to its antonym, and to what is similar to that ("optional" to "mandatory"), as WordNet
has direct and indirect antonyms (Gross and Miller, 1990). A verb is with all words of its meaning ("allow"
to "forbid"). Whether words are opposed in the meaning that they have in a text is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources

from tieback.core.terms import terms_of

ENGLISH = "english"
NONE: frozenset[str] = frozenset()


def opposites_of(term: str) -> frozenset[str]:
    """The terms (`core/terms.py`) of the words that are opposed to those of a term."""
    return _opposites().get(term, NONE)


@cache
def _opposites() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    read = (resources.files(__package__) / f"{ENGLISH}.txt").read_text("utf-8")
    for line in read.splitlines():
        if line.startswith("#"):
            continue
        (own, beside), (its, around) = (_side(side) for side in line.split(" | "))
        for one, other in ((own, its), (own, around), (beside, its)):
            for term in one:
                found[term] |= other
            for term in other:
                found[term] |= one
    return {term: frozenset(words - {term}) for term, words in found.items()}


def _side(side: str) -> tuple[frozenset[str], frozenset[str]]:
    """The terms before the semicolon, and those behind it."""
    own, _, beside = side.partition(";")
    terms, around = (frozenset(terms_of(words.split(), ENGLISH)) for words in (own, beside))
    return terms, around
