"""Which texts are alike by their words: judgements that favour no encoder, where nobody judged anything.

Two texts are as alike as the cosine of their words, each weighted by its inverse document frequency (Spärck
Jones, 1972, doi:10.1108/eb026526). Words of one text alone, and of more than three texts in ten, count
nothing. What an encoder finds for a part of a text is then held against what the whole shares words with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tieback_contract.arrays import Array

ALIKE = 10
"""Texts that answer a question, at most."""
_COMMON = 0.3


def alike(words: Array, items: Array, asking: Sequence[int]) -> Iterator[list[int]]:
    """For each of the texts that are `asking`, the texts that are most alike, the nearest first.

    `words` `[n, most]` are those of `word_numbers`, `items` `[n]` which item a text is of: none is alike to
    texts of its own item. Fewer than `ALIKE` where fewer share a word.
    """
    texts, places = np.nonzero(words)
    numbers, of_word = np.unique(words[texts, places], return_inverse=True)
    counts = np.bincount(of_word, minlength=len(numbers))
    counts_much = (counts > 1) & (counts <= max(_COMMON * len(words), 2))
    weights = np.where(counts_much, np.log(len(words) / np.maximum(counts, 1)) ** 2, 0)
    lengths = np.sqrt(np.bincount(texts, weights[of_word], minlength=len(words)))
    order = np.argsort(of_word, kind="stable")
    with_word = np.split(texts[order], np.cumsum(counts)[:-1])
    begins = np.searchsorted(texts, np.arange(len(words) + 1))
    for text in asking:
        shared = np.zeros(len(words))
        for word in of_word[begins[text] : begins[text + 1]]:
            if counts_much[word]:
                shared[with_word[word]] += weights[word]
        shared /= np.maximum(lengths, 1e-9)
        shared[items == items[text]] = 0
        best = np.argsort(-shared, kind="stable")[:ALIKE]
        yield best[shared[best] > 0].tolist()
