"""What a request reads of a collection before Milvus is searched: its numbers, and what its filter means."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from datetime import UTC, datetime
from functools import partial

from tieback_contract.arrays import Array
from tieback_contract.hits import Hit
from tieback_contract.modality import Modality

from tieback.collections.query import Query
from tieback.collections.words import QueryTerm
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.tenant import PRINCIPAL
from tieback.core.text.terms import terms_of_query
from tieback.core.types.collection import StoredCollection
from tieback.filters import Filter
from tieback.filters.evaluation import comparisons
from tieback.filters.fields import first_fault, refusal
from tieback.milvus import schema, words
from tieback.milvus.candidates import Finder, sample
from tieback.milvus.catalog import FRESH_SECONDS, Known
from tieback.milvus.connection import Milvus
from tieback.milvus.filtering import expression
from tieback.milvus.items import Items
from tieback.milvus.numbers import NumbersHead, NumberStore
from tieback.milvus.search import search


class Reader:
    """Reads collections. Numbers are read once a second at most, and after every write of this process."""

    def __init__(self, milvus: Milvus, items: Items, calls: Executor) -> None:
        self._milvus, self._items, self._calls = milvus, items, calls
        self._lock = threading.Lock()
        self._heads: dict[str, tuple[float, NumbersHead]] = {}
        self._samples: dict[tuple[str, Modality], tuple[NumbersHead, Array]] = {}

    def head(self, known: Known, deadline: Deadline = NO_DEADLINE) -> NumbersHead:
        """The numbers of a collection, as of a moment ago."""
        at, head = self._heads.get(known.identity, (-math.inf, None))
        if head is None or time.monotonic() - at >= FRESH_SECONDS:
            now = time.monotonic()
            head = self._items.numbers(known).head(deadline)
            with self._lock:
                self._heads[known.identity] = now, head
        return head

    def described(self, known: Known, why_stale: str) -> StoredCollection:
        """The collection as it stands, under the name that the tenant calls it by."""
        description, head = known.description, self.head(known)
        return StoredCollection(
            name=PRINCIPAL.get().address(description.key),
            space=description.space,
            width=description.width,
            item_count=head.items,
            section_count=head.sections,
            created=datetime.fromtimestamp(description.created, UTC),
            routing=description.routing,
            vector_count=head.sections,
            stale=why_stale,
            plan=known.plan,
        )

    def read_again(self, known: Known, deadline: Deadline) -> NumbersHead:
        """The numbers of a collection as they are now."""
        self.forget(known)
        return self.head(known, deadline)

    def known_heads(self, identities: Iterable[str]) -> list[NumbersHead]:
        """The numbers of these collections as they were read last, of those that were."""
        return [found[1] for one in identities if (found := self._heads.get(one)) is not None]

    def forget(self, known: Known) -> None:
        """Has a collection's numbers read again."""
        with self._lock:
            self._heads.pop(known.identity, None)

    def passing(self, known: Known, tree: Filter | None, deadline: Deadline) -> str:
        """A filter as Milvus reads it; empty for none.

        InvalidInput where no item has a field of it, or where its values are of another type.
        """
        if tree is None:
            return ""
        head = self.head(known, deadline)
        if first_fault(comparisons(tree), head.held, empty=not head.items) is not None:
            head = self.read_again(known, deadline)  # another process may have written the field just now
            if (fault := first_fault(comparisons(tree), head.held, empty=not head.items)) is not None:
                raise refusal(fault, head.kinds)
        return expression(tree)

    def search(self, known: Known, query: Query, deadline: Deadline) -> list[Hit]:
        """What a checked query finds."""
        passing = self.passing(known, query.filter, deadline)
        head = self.head(known, deadline)
        if not head.sections and not (head := self.read_again(known, deadline)).sections:
            return []
        asked = self._asked(known, query.text, head, deadline) if query.text else None
        if query.vector is None and (asked is None or not asked.vector):
            return []
        collection = schema.sections_of(known.identity)
        finder = Finder(
            partial(self._milvus.call, "search", collection, deadline=deadline),
            *(query, passing, head),
            asked if asked is not None and asked.vector else None,
            self._calls,
            lambda modality: self._sampled(known, modality, head, deadline),
        )
        return search(self._milvus, collection, query, finder, deadline)

    def _asked(self, known: Known, text: str, head: NumbersHead, deadline: Deadline) -> words.Query:
        terms = [QueryTerm(forms, math.sqrt(n)) for forms, n in terms_of_query(text, head.languages)]
        numbers: NumberStore = self._items.numbers(known)
        frequencies = numbers.look_up(
            head, {words.dimension(form) for term in terms for form in term.forms}, deadline
        )
        return words.Query(terms, frequencies, head.sections, head.mean_length)

    def _sampled(self, known: Known, modality: Modality, head: NumbersHead, deadline: Deadline) -> Array:
        """Vectors that stand for a modality; the same for the same numbers."""
        key = (known.identity, modality)
        of, vectors = self._samples.get(key, (None, None))
        if vectors is None or of is not head:
            collection = schema.sections_of(known.identity)
            vectors = sample(self._milvus, collection, modality, head.modalities[modality], deadline)
            with self._lock:
                self._samples[key] = head, vectors
        return vectors
