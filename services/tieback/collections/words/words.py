"""BM25 over the sections of a collection (Robertson & Zaragoza 2009), with fields of several weights.

A word of a title counts as if it stood in the text that often more: one length and one frequency for all
fields (BM25F with equal b). A query's word counts with the square root of how often the query has it.

Scores are given as a share of what the query's words could score at most, 0 to 1, so that they can be
compared between queries and set against similarities. How many of the words a section has is another number:
a score also depends on how often they stand there and on how long the section is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array

from tieback.collections.words.sections import TEXT, TITLE, AnalysedSections
from tieback.core.room import grown
from tieback.core.text.terms import language_of, terms_of, terms_of_query, words_of
from tieback.filters import Check

K1, B = 0.9, 0.4
"""How soon a repeated word counts no more, and how much long sections are held back. The values of Anserini
(Yang, Fang & Lin 2017); on the development collections the usual 1.2 and 0.75 were worse in the mean."""

_FEWEST_GONE = 1024  # documents before they are worth renumbering
_GONE = -1


def _no_check(_doing: str) -> None:
    """For whom time does not matter."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """The terms of a section and how often it has each, its length in words, and its language."""

    counts: dict[str, float]
    length: float
    language: str


def analysed(text: str, titles: Iterable[str]) -> Analysed:
    """A section as it is looked for. Its titles are read in the language of its text."""
    words = words_of(text)
    of_titles = [word for title in titles if title for word in words_of(title)]
    language = language_of(words or of_titles)
    counts: Counter[str] = Counter()
    for weight, part in ((TEXT, words), (TITLE, of_titles)):
        for term, number in Counter(terms_of(part, language)).items():
            counts[term] += weight * number  # type: ignore[assignment]  # a Counter of floats
    return Analysed(dict(counts), TEXT * len(words) + TITLE * len(of_titles), language)


class QueryTerm(NamedTuple):
    """A word of a query: its forms in the languages that are stored, any of which counts, and its weight,
    by which its rarity is multiplied.
    """

    forms: tuple[str, ...]
    weight: float


class Matches(NamedTuple):
    """Sections that have words of a query: their positions, and two shares of each, 0 to 1.

    `shares` are of the score that the query could give, `matched` of its words, each by its rarity. `words`
    is how many words the query has, as so many of one rarity: chance makes the shares of a query of n words
    smaller by the root of n, so that the share times it is as telling whatever the query's length. `terms`
    are what was searched for.
    """

    positions: Array
    shares: Array
    matched: Array
    words: float
    terms: Sequence[QueryTerm]


class Words:
    """The sections by their words. Changed under the collection's lock for writing, read under it."""

    def __init__(self) -> None:
        self._postings = Postings()
        self._terms: dict[str, int] = {}
        self._languages: Counter[str] = Counter()  # of living documents
        self._numbers: dict[str, int] = {}  # of languages that were ever stored
        self._language_of = np.zeros(256, np.uint8)  # by document: the number of its language
        self._positions = np.full(256, _GONE, np.int32)  # by document; documents are never numbered again
        self._lengths = np.zeros(256, np.float32)
        self._documents = np.full(256, _GONE, np.int32)  # by position
        self._used = self._living = 0
        self._length = 0.0  # of all living documents

    def put(self, positions: Array, parts: Sequence[AnalysedSections]) -> None:
        """Takes sections at positions `[s]` that hold none; the parts have them in this order."""
        for sections in parts:
            count = len(sections.lengths)
            self._put(positions[:count], sections)
            positions = positions[count:]

    def _put(self, positions: Array, sections: AnalysedSections) -> None:
        first, self._used = self._used, self._used + len(positions)
        self._positions = grown(self._positions, self._used, _GONE)
        self._lengths = grown(self._lengths, self._used, 0)
        self._language_of = grown(self._language_of, self._used, 0)
        self._documents = grown(self._documents, int(positions.max()) + 1, _GONE)
        documents = np.arange(first, self._used)
        self._positions[documents] = positions
        self._documents[positions] = documents
        self._lengths[documents] = sections.lengths
        numbers = [self._numbers.setdefault(name, len(self._numbers)) for name in sections.languages]
        self._language_of[documents] = np.array(numbers, np.uint8)[sections.of_languages]
        for number, living in enumerate(np.bincount(sections.of_languages).tolist()):
            self._languages[sections.languages[number]] += living
        self._length += float(sections.lengths.sum(dtype=np.float64))
        self._living += len(positions)
        known = self._terms
        terms = np.array([known.setdefault(term, len(known)) for term in sections.terms], np.int32)
        segment = PostingSegment.of(
            terms[sections.of_terms], (first + sections.sections).astype(np.int32), sections.counts
        )
        self._postings.add(segment, self._alive)

    def remove(self, positions: Iterable[int]) -> None:
        """Forgets sections."""
        names = list(self._numbers)  # in the order of their numbers
        for position in positions:
            document = int(self._documents[position])
            self._documents[position] = self._positions[document] = _GONE
            self._languages[names[int(self._language_of[document])]] -= 1
            self._length -= float(self._lengths[document])
            self._living -= 1
        if self._used - self._living > max(self._living, _FEWEST_GONE):
            self._renumber()

    def shares(self, text: str, check: Check = _no_check) -> Matches:
        """The sections that have words of a query; none where it has no words.

        `check` is called before each word, and may raise.
        """
        return self.matches(self.terms(text), check)

    def terms(self, text: str) -> list[QueryTerm]:
        """The words of a query, each with the root of how often it stands there as its weight."""
        languages = sorted(name for name, number in self._languages.items() if number)
        return [QueryTerm(forms, math.sqrt(n)) for forms, n in terms_of_query(text, languages)]

    def matches(self, terms: Sequence[QueryTerm], check: Check = _no_check) -> Matches:
        """The sections that have words of weights above 0. `check` is called before each, and may raise."""
        scores = np.zeros(self._used, np.float32)
        matched = np.zeros(self._used, np.float32)
        counted = np.zeros(self._used, np.float32)  # all zeros between two words
        most = squares = 0.0
        for term in terms:
            check("the search for the words")
            documents, counts = self._having(term.forms, counted)
            weight = term.weight * self.rarity(len(documents))
            most += weight
            squares += weight * weight
            matched[documents] += np.float32(weight)
            scores[documents] += np.float32(weight) * self.saturation(counts, self._lengths[documents])
        found = np.flatnonzero(scores)
        whole = np.float32(most or 1.0)
        return Matches(
            self._positions[found],
            scores[found] / whole,
            np.minimum(matched[found] / whole, 1.0),
            most * most / squares if squares else 1.0,
            terms,
        )

    def shares_together(
        self,
        terms: Sequence[QueryTerm],
        positions: Array,
        groups: Array,
        items: int,
        check: Check = _no_check,
    ) -> Array:
        """The shares `[groups]` of sections that are read as one text.

        `groups` `[n]` are of living sections at `positions` `[n]`. A word is as rare as it is among sections;
        lengths are set against the mean length of `items`, as many as all sections are of.
        """
        count = int(groups.max(initial=-1)) + 1
        group_of = np.full(self._used, _GONE, np.int64)
        documents = self._documents[positions]
        group_of[documents] = groups
        lengths = np.bincount(groups, self._lengths[documents], count)
        counted = np.zeros(self._used, np.float32)
        scores, most = np.zeros(count), 0.0
        for term in terms:
            check("the search for the words")
            having, counts = self._having(term.forms, counted)
            weight = term.weight * self.rarity(len(having))
            most += weight
            known = group_of[having] != _GONE
            together = np.bincount(group_of[having[known]], counts[known], count)
            scores += weight * saturation(together, lengths, self._length / max(items, 1))
        return np.asarray(scores / (most or 1.0), np.float32)

    def language_at(self, position: int) -> str:
        """The language of the section at a position."""
        return list(self._numbers)[int(self._language_of[self._documents[position]])]

    def frequencies(self, words: Iterable[Sequence[str]]) -> list[int]:
        """How many sections have each word, in any of its forms."""
        counted = np.zeros(self._used, np.float32)
        return [
            len(self._living_with(forms[0])[0] if len(forms) == 1 else self._having(forms, counted)[0])
            for forms in words
        ]

    def rarity(self, frequency: int) -> float:
        """What a word counts that so many sections have, above 0."""
        return rarity(frequency, self._living)

    def saturation(self, counts: Array, lengths: Array) -> Array:
        """How much of its rarity a word counts, below 1, in sections of these lengths with these counts."""
        return saturation(counts, lengths, self._length / max(self._living, 1))

    def _having(self, forms: Iterable[str], counted: Array) -> tuple[Array, Array]:
        """The living documents that have a form of a word, each once, and how often they have any."""
        parts: list[Array] = []
        for form in forms:
            documents, counts = self._living_with(form)
            if not len(documents):
                continue
            parts.append(documents[counted[documents] == 0] if parts else documents)
            counted[documents] += counts
        if not parts:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        documents = np.concatenate(parts)
        counts = counted[documents]
        counted[documents] = 0
        return documents, counts

    def _living_with(self, form: str) -> tuple[Array, Array]:
        """The living documents that have a form of a word, and how often."""
        term = self._terms.get(form)
        if term is None:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        documents, counts = self._postings.of_term(term)
        if self._used > self._living:
            alive = self._positions[documents] != _GONE
            documents, counts = documents[alive], counts[alive]
        return documents, counts

    @property
    def _alive(self) -> Array:
        alive: Array = self._positions[: self._used] != _GONE
        return alive

    def _renumber(self) -> None:
        """Forgets the documents that are gone."""
        alive = self._alive
        kept = np.flatnonzero(alive)
        numbers = (np.cumsum(alive) - 1).astype(np.int32)
        names = list(self._terms)  # by number, for they were numbered as they came
        left = self._postings.renumber(numbers, alive)
        self._terms = {names[old]: new for new, old in enumerate(left.tolist())}
        self._positions, self._lengths = self._positions[kept], self._lengths[kept]
        self._language_of = self._language_of[kept]
        self._documents[self._positions] = np.arange(len(kept))
        self._used = len(kept)


def rarity(frequency: int, sections: int) -> float:
    """What a word counts that `frequency` of so many sections have, above 0."""
    return math.log1p((sections - frequency + 0.5) / (frequency + 0.5))


def saturation(counts: Array, lengths: Array, mean: float) -> Array:
    """How much of its rarity a word counts, below 1, by counts and lengths `[n]`, and the mean length."""
    return np.asarray(counts / (counts + K1 * (1 - B + B * lengths / (mean or 1.0))))


# Which documents have a term, and how often: sorted segments, merged as they grow.
#
# A segment is made of each commit and never changed. Segments of about one size are merged, so that there
# are few of them and each posting is copied a number of times that is logarithmic in their number; above a
# size they stay apart, so that no merge keeps readers out for long. Documents are numbered upwards and
# never again.
_LARGEST_MERGE = 4_000_000  # postings; some 0.2 s to merge


@dataclass(frozen=True, slots=True)
class PostingSegment:
    """`terms` `[t]` int32 ascending; of term i `documents` and `counts` are from `starts[i]` to the next."""

    terms: Array
    starts: Array
    documents: Array
    counts: Array

    @classmethod
    def of(cls, terms: Array, documents: Array, counts: Array) -> PostingSegment:
        """From postings in any order, each of a term int32, a document int32 and a count float32."""
        order = np.argsort((terms.astype(np.int64) << 32) | documents)  # faster than by two keys
        found, starts = np.unique(terms[order], return_index=True)
        return cls(found, np.append(starts, len(terms)), documents[order], counts[order])

    def of_term(self, term: int) -> slice:
        """Where the term's postings are."""
        place = int(np.searchsorted(self.terms, term))
        if place == len(self.terms) or self.terms[place] != term:
            return slice(0, 0)
        return slice(int(self.starts[place]), int(self.starts[place + 1]))

    def flat(self, alive: Array) -> tuple[Array, Array, Array]:
        """The postings of documents that live: terms, documents, counts."""
        kept = alive[self.documents]
        return np.repeat(self.terms, np.diff(self.starts))[kept], self.documents[kept], self.counts[kept]


class Postings:
    """Segments of the documents of a collection."""

    def __init__(self) -> None:
        self._segments: list[PostingSegment] = []

    def add(self, segment: PostingSegment, alive: Array) -> None:
        """Takes a segment of later documents; `alive` is a mask by document."""
        self._segments.append(segment)
        while len(self._segments) > 1:
            before, last = self._segments[-2:]
            sizes = len(before.documents), len(last.documents)
            if sizes[0] > 2 * sizes[1] or sum(sizes) > _LARGEST_MERGE:
                return
            self._segments[-2:] = [_merged((before, last), alive)]

    def of_term(self, term: int) -> tuple[Array, Array]:
        """The documents that have a term, gone ones among them, and how often; each once."""
        parts = [
            (segment.documents[place], segment.counts[place])
            for segment in self._segments
            if (place := segment.of_term(term)).stop
        ]
        if not parts:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        if len(parts) == 1:
            return parts[0]
        documents, counts = (np.concatenate(one) for one in zip(*parts, strict=True))
        return documents, counts

    def renumber(self, numbers: Array, alive: Array) -> Array:
        """Drops documents that are gone and gives the others the `numbers` `[documents]`, in their order.

        Terms are numbered anew, too: returns the old numbers of those that are left, by their new ones.
        """
        segments = [flat for one in self._segments if len((flat := one.flat(alive))[0])]
        left: Array = np.unique(np.concatenate([np.zeros(0, np.int32), *(terms for terms, _, _ in segments)]))
        self._segments = [
            PostingSegment.of(np.searchsorted(left, terms).astype(np.int32), numbers[documents], counts)
            for terms, documents, counts in segments
        ]
        return left


def _merged(segments: Iterable[PostingSegment], alive: Array) -> PostingSegment:
    flat = zip(*(segment.flat(alive) for segment in segments), strict=True)
    return PostingSegment.of(*(np.concatenate(one) for one in flat))
