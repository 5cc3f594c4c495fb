"""Which way round a sentence says something: its negations, and words that are opposed to those of another.

Beside "not" and its like, what negates is a closed class of phrases ("free of", "no longer", "fails to"), as
NegEx reads them in reports of patients (Chapman et al., 2001). Two negations are none. English.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from tieback.core.opposites import opposites_of
from tieback.core.types.arrays import Span
from tieback.grounding.differences import contents, is_of_condition, negations, places_of

PHRASES = re.compile(
    r"\b(?:free\s+(?:of|from)(?!\s+charge)|no\s+longer|lack(?:s|ed|ing)?(?:\s+of)?\b|in\s+the\s+absence\s+of"
    r"|fail(?:s|ed)?\s+to|unable\s+to|not\s+able\s+to|(?<!,\s)(?:instead\s+of|rather\s+than))\b"
    r"|\bnon-(?=\w)",
    re.IGNORECASE,
)
"""Phrases that negate what follows; one negation each, also where a word of theirs is one by itself."""


VERBS = re.compile(
    r"(?<!\bto\s)\b(?:avoid(?:s|ed)?|refrain(?:s|ed)?\s+from|decline[sd]?\s+to|den(?:y|ies|ied)|disable[sd]"
    r"|disallow(?:s|ed)?|exclude[sd]|forb(?:ids?|idden|ade)|ban(?:s|ned)|prevent(?:s|ed)|prohibit(?:s|ed)?"
    r"|refuse[sd]?|reject(?:s|ed)?)\b",
    re.IGNORECASE,
)
"""Verbs that negate what they are said of, and no purpose ("to avoid")."""


def denials(sentence: str) -> list[Span]:
    """Where a sentence negates something, by words, phrases and verbs, as characters."""
    found = (*PHRASES.finditer(sentence), *VERBS.finditer(sentence))
    phrases = [one.span() for one in found if not is_of_condition(sentence, one.start())]
    covered = {place for begin, end in phrases for place in range(begin, end)}
    return sorted([*phrases, *(span for span in negations(sentence) if span[0] not in covered)])


def opposed(one: str, other: str) -> list[tuple[str, str]]:
    """The content words of one sentence that the other lacks, and has a word in their place that is opposed
    to them; by their terms.
    """
    own, its = _stated(one), _stated(other)
    return [
        (word, against)
        for word in _beyond(own, its)
        for against in _beyond(its, own)
        if against in opposites_of(word)
    ]


def _stated(sentence: str) -> list[str]:
    """Its content words by their terms, without those that negate."""
    denied, places = denials(sentence), places_of(sentence)
    return [
        word
        for word in contents(sentence)
        if not any(begin <= places[word][0] < end for begin, end in denied)
    ]


def _beyond(words: Collection[str], others: Collection[str]) -> list[str]:
    return [word for word in words if word not in others]
