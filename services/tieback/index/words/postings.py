"""Which documents have a term, and how often: sorted segments, merged as they grow.

A segment is made of each commit and never changed. Segments of about one size are merged, so that there are
few of them and each posting is copied a number of times that is logarithmic in their number; above a size
they stay apart, so that no merge keeps readers out for long. Documents are numbered upwards and never again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

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
