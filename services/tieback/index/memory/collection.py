"""A collection in memory: what search reads. Rebuilt from the table at start, changed after each commit.

Every section has a position, reused after it is gone: the same in the vectors, the columns and the mask of
the living. A section costs about 5 bytes per dimension, or less by a codec (`index/vectors/coded.py`), its
text and as much again for its words, and some 300 bytes; each of its regions 2 bytes per dimension. Changes
are taken over many at once, as rows of the table (`index/memory/item_rows.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from tieback_contract.arrays import Array, Box
from tieback_contract.hits import FoundPiece, Hit
from tieback_contract.metadata import INDEXED_FROM, Metadata
from tieback_contract.modality import Modality

from tieback.collections.metadata import from_json
from tieback.collections.sources import source_of
from tieback.collections.words import Analysed, AnalysedSections, Read, Words, analysed, read
from tieback.core.room import grown
from tieback.filters import Check, Filter, Scans, evaluate, scan
from tieback.filters.evaluation import comparisons
from tieback.filters.fields import first_fault, refusal
from tieback.filters.syntax import Field
from tieback.index.memory.copies import Copies, numbers_of
from tieback.index.memory.facts import MODALITY, Facts
from tieback.index.memory.item_rows import ItemRows
from tieback.index.memory.kept_items import Entry, KeptItems
from tieback.index.memory.kept_rows import lengths_of
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.migration.target_vectors import NextVectors
from tieback.index.store.records import Change, schema, section_of, to_rows
from tieback.index.vectors import Vectors
from tieback.index.vectors.growing import FLAT_UP_TO, GrowingVectors
from tieback.index.vectors.ivf import growing_lists
from tieback.index.vectors.measured_recall import MeasuredRecalls
from tieback.index.vectors.regions import RegionVectors, all_scores, nearest, scores_of
from tieback.index.vectors.token_rows import TokenRows

_ITEMS_PER_STEP = 10_000  # that a listing looks at before it lets writers in


class Memory:
    """All that search and listings read of a collection.

    Every method is for a thread that holds `lock` for reading, but for those that say that they take it
    themselves.
    """

    def __init__(
        self,
        width: int,
        *,
        flat_up_to: int = FLAT_UP_TO,
        wholes: GrowingVectors | None = None,
        tokens: TokenRows | None = None,
    ) -> None:
        self.lock, self.width = ReadWriteLock(), width
        self.continuing = 0  # living sections that continue others
        self.stale: list[int] = []  # versions whose rows compaction may drop
        self.regions = RegionVectors(width, flat_up_to)
        self.tokens = tokens
        """Rows of the tokens of texts, on the disk; None where the collection keeps none."""
        self.indexed_from: Counter[str] = Counter()  # living items by the source that their metadata names
        self.originals: Counter[str] = Counter()  # sections by the original that they refer to
        self.unreferred: list[str] = []  # originals that no section of this collection refers to any more
        self.items = KeptItems()
        """Those that live, by id and by the positions of their sections."""
        self.facts, self.words = Facts(self.items), Words()
        self.copies = Copies()
        self.copy_of = self.copies.number
        self._wholes = wholes or growing_lists(width, flat_up_to)
        self._used, self._free = 0, list[int]()  # positions that were ever used, or are free again
        self._living = np.zeros(0, bool)  # by position
        self.recalls = MeasuredRecalls()
        self.next: NextVectors | None = None
        """The vectors of the space that the collection is being moved to; None where it is not."""
        self.guard: Callable[[Sequence[str]], AbstractContextManager[None]] = lambda _: nullcontext()
        """What changes of these items are within, beside the lock; it is asked for before the lock."""

    @property
    def vectors(self) -> Vectors:
        """The sections' own vectors, by position; those of their regions are in `regions`."""
        return self._wholes.current

    @property
    def bytes(self) -> int:
        """Of the living items, see `Record.bytes`."""
        return self.items.bytes

    @property
    def item_count(self) -> int:
        """Living items."""
        return len(self.items)

    @property
    def section_count(self) -> int:
        """Living sections."""
        return self._used - len(self._free)

    @property
    def vector_count(self) -> int:
        """Vectors of living sections and of their regions."""
        return self.section_count + self.regions.count

    @property
    def counts(self) -> tuple[int, int, int]:
        """Of items, sections and vectors."""
        return self.item_count, self.section_count, self.vector_count

    @property
    def resident_bytes(self) -> int:
        """Bytes of all vectors in memory."""
        more = 0 if self.next is None else self.next.translated_bytes
        return self.vectors.resident_bytes + self.regions.resident_bytes + more

    @property
    def codec_trained_on(self) -> int:
        """How many vectors the codec was learned from; 0 where it was not, or learns nothing."""
        return self._wholes.trained_on

    @property
    def token_bytes(self) -> int:
        """Bytes of the rows of tokens, on the disk."""
        return 0 if self.tokens is None else self.tokens.bytes

    def reserve(self, rows: Any) -> None:
        """Makes room on disk for what `apply_rows` puts there. StorageFull if need be."""
        self._wholes.reserve(self._used + max(rows.num_rows - len(self._free), 0))
        if self.tokens is not None:
            self.tokens.reserve(int(lengths_of(rows["tokens"]).sum()) // self.tokens.coding.row_bytes)

    def apply(self, changes: Iterable[Change]) -> None:
        """Takes over committed changes, in order. Holds the lock for writing itself."""
        self.apply_rows(to_rows(changes, schema(self.width, {})))

    def apply_rows(self, rows: Any) -> None:
        """Takes over the rows of committed changes, as `to_rows` makes them, or `from_rows`.

        Holds the lock for writing itself.
        """
        if not rows.num_rows:
            return
        items = ItemRows.of(rows)
        words, numbers = items.words(), numbers_of(items)
        with self.guard(items.gone), self.lock.writing():
            known = [item_id for item_id in items.gone if item_id in self.items]
            self._drop(known)
            if len(items):
                self._add(items, words, numbers)
            self.stale.extend(items.stale)

    def page(self, after: str, tree: Filter | None, take: Callable[[str], bool], check: Check) -> None:
        """Offers the ids of the next items until `take` refuses one; with a filter, of those that pass.

        Holds the lock itself, and lets writers in again and again.
        """
        scans = self.scan(tree, check)
        more = True
        while more:
            check("the next items")
            with self.lock.reading():
                passing = None if tree is None else self.allowed(tree, scans, check)
                step = self.items.ids_after(after)[:_ITEMS_PER_STEP]
                more = len(step) == _ITEMS_PER_STEP
                for name in step:
                    if (passing is None or passing[self.items.positions_of(name)].any()) and not take(name):
                        return
            after = step[-1] if step else after

    def ids_indexed_from(self, source: str) -> list[str]:
        """The ids of the items of a source."""
        field = Field(INDEXED_FROM, metadata=True)
        named = self.facts.mask(field, lambda column, size: column.equal(source, size), self._used)
        return self.item_ids(named & self._living[: self._used])

    def item_ids(self, sections: Array) -> list[str]:
        """The ids of the items of the sections of a mask, each once."""
        return self.items.ids_at(np.flatnonzero(sections))

    def scan(self, tree: Filter | None, check: Check) -> Scans:
        """What has to be known beforehand to answer a filter. Holds the lock itself, for moments.

        InvalidInput where no item has a field of the filter, or where its values are of another type.
        """
        if tree is None:
            return {}
        with self.lock.reading():
            fault = first_fault(comparisons(tree), self.facts.held, empty=not self.items)
            known = {} if fault is None else self.facts.kinds()
        if fault is not None:
            raise refusal(fault, known)
        return scan(tree, self.facts, self.lock.reading, check)

    def living(self) -> Array:
        """The mask of living sections."""
        return self._living[: self._used].copy()

    def allowed(self, tree: Filter | None, scans: Scans, check: Check) -> Array:
        """The mask of living sections that pass the filter; `scans` are of `scan`."""
        living = self.living()
        return living if tree is None else living & evaluate(tree, self.facts, len(living), scans, check)

    def of_modality(self, modality: Modality) -> Array:
        """The mask of living sections of a modality."""
        size = self._used
        wanted = self.facts.mask(MODALITY, lambda column, rows: column.equal(modality.value, rows), size)
        return self._living[:size] & wanted

    def order_key(self, position: int) -> tuple[str, int]:
        """Breaks ties between equal scores: the item's id and the section's ordinal."""
        return self.items.owner(position)

    def ids_at(self, position: int) -> tuple[str, str]:
        """The ids of the item and the section."""
        return self.items.owner(position)[0], self.items.value("section_id", position)

    def text_of(self, position: int) -> tuple[str, int]:
        """What names the text that a section is of: the same for all pieces of one short text."""
        return self.items.owner(position)[0], self.items.short_text_of(position)

    def sections_beside(self, position: int) -> Array:
        """The positions of all sections of the item that a section is of, in order."""
        return self.items.beside(position)

    def words_of(self, position: int) -> Analysed:
        """The words of a section, read from its text again: full text keeps them by word alone."""
        row = self.items.row(position)
        return analysed(row["text"], (self.items.of_item("item_title", position), row["section_title"]))

    def read(self, position: int) -> Read:
        """The words of a section in their order, read from its text again."""
        row = self.items.row(position)
        titles = self.items.of_item("item_title", position), row["section_title"]
        return read(row["text"], titles, self.words.language_at(position))

    def metadata_of(self, position: int) -> Metadata:
        """The metadata of the item of a section."""
        return from_json(self.items.of_item("metadata", position))

    def nearest(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """The best positions of a mask and their scores by `query`, best first; all scores are finite."""
        positions, scores = nearest(self.vectors, self.regions, query, limit, allowed, breadth)
        finite = np.isfinite(scores)  # not so of vectors that an older tieback took, near the largest float32
        return positions[finite], scores[finite]

    def within(self, query: Array, least: float, allowed: Array) -> Array:
        """The mask of those of a mask whose scores by `query` are `least` or more."""
        return all_scores(self.vectors, self.regions, query, allowed) >= least

    def scores(self, positions: Array, query: Array) -> Array:
        """The scores by `query` of sections that live at these positions."""
        return np.nan_to_num(scores_of(self.vectors, self.regions, positions, query))

    def hit(
        self,
        position: int,
        score: float,
        vector_score: float | None,
        text_score: float | None,
        words_matched: float | None,
        region: Box | None = None,
        pieces: Sequence[FoundPiece] = (),
    ) -> Hit:
        """A found section as it is answered."""
        row = self.items.row(position)
        section = section_of(row)
        return Hit(
            item_id=self.items.owner(position)[0],
            item_title=self.items.of_item("item_title", position),
            section_id=section.id,
            section_title=section.title,
            modality=Modality(row["modality"]),
            text=row["text"],
            uri=section.uri,
            metadata=self.metadata_of(position),
            score=score,
            vector_score=vector_score,
            text_score=text_score,
            words_matched=words_matched,
            region=region,
            span=section.span,
            pieces=pieces,
            segments=section.segments,
        )

    def found_piece(
        self, position: int, score: float, vector_score: float | None, words_matched: float | None
    ) -> FoundPiece:
        """A further piece of a hit's text as it is answered."""
        row = self.items.row(position)
        section = section_of(row)
        return FoundPiece(section.id, row["text"], score, section.span, vector_score, words_matched)

    def wants_training(self) -> bool:
        """Whether the vectors have outgrown exact search, or the lists they were sorted into."""
        return self._wholes.wants_training(self.section_count) or self.regions.wants_training()

    def train(self, check: Callable[[], None] = lambda: None) -> None:
        """Makes graphs and lists beside the searches and swaps them in. Minutes for a million; one at a time.

        Holds the lock for writing itself, for moments. What `check` raises ends the work.
        """

        def living() -> Array:
            check()
            return self._living[: self._used]

        self._wholes.train(self.lock, living)
        self.regions.train(self.lock)

    def _add(self, items: ItemRows, words: Sequence[AnalysedSections], numbers: Array) -> None:
        """Takes over items that are not there."""
        positions = self._new_positions(items.rows.num_rows)
        self.items.add(items, positions)
        self._living[positions] = True
        self.continuing += int(np.count_nonzero(items.continuing()))
        self.indexed_from.update(items.sources())
        self.originals.update(items.originals())
        self.facts.put(items.item_facts(), items.section_facts(positions))
        self._wholes.put(positions, vectors := items.vectors)
        if self.next is not None:
            self.next.stored(self, positions)
        self.words.put(positions, words)
        self.copies.put(positions, numbers)
        for section, regions in items.regions():
            self.regions.put(int(positions[section]), vectors[section], regions)
        if self.tokens is not None:
            for section, stored in items.tokens(self.tokens.coding.row_bytes):
                self.tokens.put(int(positions[section]), stored)

    def _drop(self, ids: Sequence[str]) -> None:
        """Forgets items that are there."""
        for entry in self.items.remove(ids):
            self.continuing -= sum(section.continues for section in entry.item.sections)
            self.indexed_from -= Counter([source_of(entry.item.metadata)])
            self._forget_originals(entry)
            self.stale.append(entry.version)
            self._living[entry.positions] = False
            self._wholes.remove(entry.positions)
            if self.next is not None:
                self.next.removed(entry.positions)
            self.words.remove(entry.positions.tolist())
            self.facts.remove(entry.item, entry.positions)
            for position in entry.positions.tolist():
                self.regions.remove(position)
                if self.tokens is not None:
                    self.tokens.remove(position)
            self._free.extend(entry.positions.tolist())

    def _forget_originals(self, entry: Entry) -> None:
        for original in entry.originals.values():
            self.originals[original.sha256] -= 1
            if not self.originals[original.sha256]:
                del self.originals[original.sha256]
                self.unreferred.append(original.sha256)

    def _new_positions(self, count: int) -> Array:
        reused = [self._free.pop() for _ in range(min(count, len(self._free)))]
        first, self._used = self._used, self._used + count - len(reused)
        self._living = grown(self._living, self._used, False)
        return np.array([*reused, *range(first, self._used)], np.int64)
