"""The words of sections as sparse vectors of Milvus, and their BM25 scores.

A dimension is a term (`core/text/terms.py`), and its value how much the term's rarity counts in the
section (BM25, Robertson & Zaragoza 2009) if its length is set against `NOMINAL_LENGTH` words. The true mean
changes with every write. So Milvus finds candidates by the nominal values, and their scores are computed
here from the counts, which are what the values were made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array

from tieback.collections.words import QueryTerm, analysed_sections
from tieback.collections.words.words import K1, B, rarity, saturation

NOMINAL_LENGTH = 100.0
WORDLESS = 0
"""The dimension of sections without words, for Milvus takes no empty vector. No query has it."""
_DIMENSIONS = 2**32 - 3

SparseVector = Mapping[int, float]


class SectionWords(NamedTuple):
    """A section as it is searched for by words: `length` is in words."""

    vector: SparseVector
    length: float
    language: str


def dimension(term: str) -> int:
    """The dimension of a term. Two of a million terms share one with a probability of 2 to 10,000."""
    return 1 + int.from_bytes(hashlib.blake2b(term.encode(), digest_size=4).digest()) % _DIMENSIONS


def section_words(texts: Sequence[str], titles: Sequence[Iterable[str]]) -> list[SectionWords]:
    """The words of sections, each with its titles."""
    found: list[SectionWords] = []
    for part in analysed_sections(texts, titles):
        dimensions = [dimension(term) for term in part.terms]
        nominal = saturation(part.counts, part.lengths[part.sections], NOMINAL_LENGTH)
        ends = np.searchsorted(part.sections, np.arange(len(part.lengths)), side="right").tolist()
        begin = 0
        for section, end in enumerate(ends):
            vector: dict[int, float] = {}
            for term, value in zip(
                part.of_terms[begin:end].tolist(), nominal[begin:end].tolist(), strict=True
            ):
                vector[dimensions[term]] = max(value, vector.get(dimensions[term], 0.0))
            begin = end
            language = part.languages[int(part.of_languages[section])]
            found.append(SectionWords(vector or {WORDLESS: 1.0}, float(part.lengths[section]), language))
    return found


class Query:
    """The words of a query against the collection's counts.

    `frequencies` are how many sections have each dimension, of `sections` with a `mean` length.
    """

    def __init__(
        self, terms: Sequence[QueryTerm], frequencies: Mapping[int, int], sections: int, mean: float
    ) -> None:
        self._mean = mean
        self._forms: list[tuple[list[int], float]] = []
        most = squares = 0.0
        for term in terms:
            forms = list(dict.fromkeys(map(dimension, term.forms)))
            having = min(sum(frequencies.get(one, 0) for one in forms), sections)
            weight = term.weight * rarity(having, sections)
            most += weight
            squares += weight * weight
            self._forms.append((forms, weight))
        self._most = most or 1.0
        self.words = most * most / squares if squares else 1.0
        """How many words the query has, as so many of one rarity."""

    @property
    def vector(self) -> SparseVector:
        """What candidates are found by."""
        found: dict[int, float] = {}
        for forms, weight in self._forms:
            for one in forms:
                found[one] = found.get(one, 0.0) + weight
        return found

    def share(self, terms: Sequence[str]) -> float:
        """The share of the words, by rarity, that are among these terms."""
        known = set(map(dimension, terms))
        return sum(weight for forms, weight in self._forms if not known.isdisjoint(forms)) / self._most

    def shares(self, vectors: Sequence[SparseVector], lengths: Array) -> tuple[Array, Array]:
        """Of sections `[n]` with these vectors and lengths: the shares of the best score that the query could
        give, and those of its words by rarity, both float32 and 0 to 1.
        """
        scores = np.zeros(len(vectors), np.float32)
        matched = np.zeros(len(vectors), np.float32)
        for forms, weight in self._forms:
            counts = np.zeros(len(vectors), np.float32)
            for one in forms:
                nominal = np.array([vector.get(one, 0.0) for vector in vectors], np.float32)
                counts += _counts(nominal, lengths)
            having = counts > 0
            matched[having] += np.float32(weight)
            scores[having] += np.float32(weight) * saturation(counts[having], lengths[having], self._mean)
        whole = np.float32(self._most)
        return scores / whole, np.minimum(matched / whole, 1.0)


def _counts(nominal: Array, lengths: Array) -> Array:
    """How often sections have a term, from the values of their vectors: whole numbers."""
    exact = nominal.astype(np.float64)
    beside = K1 * (1 - B + B * lengths.astype(np.float64) / NOMINAL_LENGTH)
    return np.asarray(np.rint(exact * beside / np.maximum(1 - exact, 1e-9)), np.float32)
