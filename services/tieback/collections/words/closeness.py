"""Where in a text the words of a query stand, and how alike texts are by their words.

BM25 does not look at the order of words. Here the texts of some candidates are read again, word by word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

from tieback.collections.words.words import K1, Analysed, B, QueryTerm, Words
from tieback.core.text.terms import function_terms, terms_of, words_of

WINDOW, BEGINNING = 12, 15
"""Words of a window, and of the beginning of a text."""

_MOST_READ = 1024  # words of a text: it bounds the time that a long section takes


@dataclass(frozen=True, slots=True)
class Read:
    """A section word by word: the terms of its `titles`, and those of its `text` in their order."""

    titles: Sequence[str]
    text: Sequence[str]


def read(text: str, titles: Iterable[str], language: str) -> Read:
    """The terms of a section in its language."""
    words = words_of(text)[:_MOST_READ]
    of_titles = [word for title in dict.fromkeys(titles) if title for word in words_of(title)]
    return Read(terms_of(of_titles, language), terms_of(words, language))


class QueryWords:
    """The words of a query with their rarities, to be found in texts."""

    def __init__(self, words: Words, text: str) -> None:
        terms = words.terms(text)
        frequencies = words.frequencies([term.forms for term in terms])
        self._rarities = [words.rarity(number) for number in frequencies]
        self._weights = [term.weight * one for term, one in zip(terms, self._rarities, strict=True)]
        self._known = {form: place for place, term in enumerate(terms) for form in term.forms}
        self._whole = sum(self._weights)

    def in_window(self, section: Read) -> float:
        """The largest share of the words, by rarity, that stand within WINDOW words of the text."""
        best = inside = 0.0
        counts: Counter[int] = Counter()
        found = self._found(section.text)
        begin = 0
        for place, word in found:
            inside += self._weights[word] if not counts[word] else 0.0
            counts[word] += 1
            while place - found[begin][0] > WINDOW:
                gone = found[begin][1]
                counts[gone] -= 1
                inside -= self._weights[gone] if not counts[gone] else 0.0
                begin += 1
            best = max(best, inside)
        return best / self._whole if self._whole else 0.0

    def at_beginning(self, section: Read) -> float:
        """The share of the words, by rarity, that are in the titles or begin the text."""
        return self.share([*section.titles, *section.text[:BEGINNING]])

    def rarest(self, section: Read) -> float:
        """The rarity of the rarest of the words that it has, as a share of that of the rarest word."""
        found = {word for _, word in self._found([*section.titles, *section.text])}
        best = max(self._rarities, default=0.0)
        return max((self._rarities[word] for word in found), default=0.0) / best if best else 0.0

    def share(self, terms: Sequence[str]) -> float:
        """The share of the words, by rarity, that are among these terms, which are of one language."""
        found = {word for _, word in self._found(terms)}
        return sum(self._weights[word] for word in found) / self._whole if self._whole else 0.0

    def _found(self, terms: Sequence[str]) -> list[tuple[int, int]]:
        known: Mapping[str, int] = self._known
        return [(place, known[term]) for place, term in enumerate(terms) if term in known]


def likeness(sections: Sequence[Read]) -> Array:
    """The cosines `[n, n]` of sections by their words; rarity is that among these sections."""
    numbers: dict[str, int] = {}
    texts = [[*one.titles, *one.text] for one in sections]
    columns = [numbers.setdefault(term, len(numbers)) for terms in texts for term in terms]
    lengths = np.array([len(terms) for terms in texts], np.float32)
    rows = np.repeat(np.arange(len(texts)), lengths.astype(np.int64))
    counts = np.bincount(
        rows * max(len(numbers), 1) + np.array(columns, np.int64), minlength=len(texts) * len(numbers)
    )
    table = counts.reshape(len(texts), len(numbers)).astype(np.float32)
    having = (table > 0).sum(axis=0)
    rarity = np.maximum(np.log((len(texts) + 0.5) / (having + 0.5)), 0.0).astype(np.float32)
    mean = float(lengths.mean()) or 1.0
    table *= rarity / (table + K1 * (1 - B + B * lengths[:, None] / mean))
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    table /= np.where(norms > 0, norms, 1.0)
    return np.asarray(table @ table.T)


# The words of a query, expanded by those of sections that it found first.
#
# Query and sections are vectors with a place for each word. The query has the weight of each of its words
# times its rarity, a section what BM25 gives for the word alone. Function words are not added, and neither
# are words of one section alone, which find no other.
_FEWEST = 2  # sections that have a word


def expanded(
    words: Words,
    query: Sequence[QueryTerm],
    sections: Sequence[Analysed],
    expand: Callable[[Array, Array], Array],
) -> list[QueryTerm]:
    """The words by which is searched again.

    `expand` takes the weights of words in the query `[words]` and in the sections `[sections, words]`, and
    gives the new ones `[words]`, of which those above 0 are kept.
    """
    forms, places = _vocabulary(query, sections)
    frequencies = words.frequencies(forms)
    rarities = np.array([words.rarity(frequency) for frequency in frequencies])
    weights = np.zeros(len(forms))
    weights[: len(query)] = [term.weight for term in query]
    counts = np.zeros((len(sections), len(forms)))
    for row, section in enumerate(sections):
        for term, count in section.counts.items():
            if term in places:
                counts[row, places[term]] += count
    counts[:, (weights == 0) & (np.array(frequencies) < _FEWEST)] = 0
    lengths = np.array([section.length for section in sections])
    relevant = words.saturation(counts, lengths[:, None])
    found = expand(weights * rarities, relevant * rarities) / rarities
    return [QueryTerm(forms[place], float(found[place])) for place in np.flatnonzero(found > 0).tolist()]


def _vocabulary(
    query: Sequence[QueryTerm], sections: Sequence[Analysed]
) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """The forms of each word, those of the query first, and by form the place of its word."""
    forms = [term.forms for term in query]
    places: dict[str, int] = {}
    for place, of_word in enumerate(forms):
        for form in of_word:
            places.setdefault(form, place)
    for section in sections:
        left_out = function_terms(section.language)
        for term in section.counts:
            if term not in places and term not in left_out:
                places[term] = len(forms)
                forms.append((term,))
    return forms, places
