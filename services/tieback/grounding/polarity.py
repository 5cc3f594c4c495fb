"""Which way round a sentence says something: its negations, and words that are opposed to those of another.

Beside "not" and its like, what negates is a closed class of phrases ("free of", "no longer", "fails to"), as
NegEx reads them in reports of patients (Chapman et al., 2001). Two negations are none. English.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from tieback.core.opposites import opposites_of
from tieback.core.types.arrays import Span
from tieback.grounding.differences import contents, negations

PHRASES = re.compile(
    r"\b(?:free\s+(?:of|from)(?!\s+charge)|no\s+longer|lack(?:s|ed|ing)?(?:\s+of)?\b|in\s+the\s+absence\s+of"
    r"|fail(?:s|ed)?\s+to|refus(?:es?|ed)\s+to|unable\s+to|not\s+able\s+to|instead\s+of|rather\s+than)\b"
    r"|\bnon-(?=\w)",
    re.IGNORECASE,
)
"""Phrases that negate what follows; one negation each, also where a word of theirs is one by itself."""


def denials(sentence: str) -> list[Span]:
    """Where a sentence negates something, by words and by phrases, as characters."""
    phrases = [found.span() for found in PHRASES.finditer(sentence)]
    covered = {place for begin, end in phrases for place in range(begin, end)}
    return sorted([*phrases, *(span for span in negations(sentence) if span[0] not in covered)])


def opposed(one: str, other: str) -> list[tuple[str, str]]:
    """The content words of one sentence that the other lacks, and has a word in their place that is opposed
    to them; by their terms.
    """
    own, its = contents(one), contents(other)
    return [
        (word, against)
        for word in _beyond(own, its)
        for against in _beyond(its, own)
        if against in opposites_of(word)
    ]


def _beyond(words: Collection[str], others: Collection[str]) -> list[str]:
    return [word for word in words if word not in others]
