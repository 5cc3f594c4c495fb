"""Which sentences of passages are encoded for a question, and in which order.

To encode a sentence takes milliseconds, and to count the words that it shares with a question some
microseconds. How well the question's tokens are aligned with those of a sentence follows from the words that
both have, within a margin. So the sentences with most of its words are encoded first, and of the others those
that may come near the best of these: the rest cannot be quoted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.core.terms import function_words, language_of, terms_of, words_of
from tieback.grounding.named import identifiers, says

EXPECTED, OF_ALL_WORDS = 0.28, 0.61
"""The mean alignment with a sentence that has none of the content words of a question, and how much more it
is with one that has all: fitted to sentences of SQuAD 2.0, ClapNQ and Natural Questions (QED)."""

MARGIN = 0.15
"""How much better aligned a sentence may be than its words say: 95 of 100 are not."""

FIRST = 6
"""Sentences that are encoded at first by default."""


class ReadingOrder:
    """The order for one question and the texts of all sentences, each under a title, by their places.

    Sentences with most of the identifiers of the question ("E0277") are first, since these are quoted before
    others. It takes a millisecond or more: make it on a thread.
    """

    def __init__(
        self, question: str, texts: Sequence[str], titles: Sequence[str], first: int = FIRST
    ) -> None:
        words = words_of(question)
        self._language = language_of(words)
        asked = self._terms(words)
        said = [asked & self._terms(words_of(text)) for text in texts]
        shares = np.array([len(one) for one in said], np.float64) / max(len(asked), 1)
        named = identifiers(question)
        under = zip(titles, texts, strict=True) if named else ()
        counts = np.array([sum(says(one, f"{title} {text}") for one in named) for title, text in under])
        has_most = counts == counts.max() if counts.any() else np.zeros(len(texts), bool)
        order = np.lexsort((-shares, ~has_most))  # of equal ones those of the best passage are first
        begin = max(first, int(has_most.sum())) if first and shares.any() else len(texts)
        self.first: Sequence[int] = order[:begin].tolist()
        """Places of the sentences that are encoded at first: all where none has a word of the question."""
        self._rest = order[begin:]
        self._expected = EXPECTED + OF_ALL_WORDS * shares

    def near(self, best: float) -> list[int]:
        """Places of the others that may be aligned as well as the best one that was encoded."""
        return [int(place) for place in self._rest if self._expected[place] + MARGIN >= best]

    def _terms(self, words: list[str]) -> set[str]:
        function = function_words(self._language)
        return {*terms_of([word for word in words if word not in function], self._language)}
