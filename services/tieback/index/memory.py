"""A collection in memory: what search reads. Rebuilt from the table at start, changed after each commit.

Every section has a position, reused after it is gone: the same in the vectors, the columns and the mask of
the living. It costs about 5 bytes per dimension, or less by a codec (`coded_vectors.py`), its text, and some
500 bytes; each of its regions 2 bytes per dimension.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tieback.core.types.arrays import Array, Box
from tieback.core.types.content import Item, Modality
from tieback.core.types.search import FoundPiece, Hit
from tieback.index.entries import Entry
from tieback.index.facts import MODALITY, Facts
from tieback.index.filters import Check, Filter, Scans, evaluate, scan
from tieback.index.filters.evaluation import comparisons
from tieback.index.filters.fields import first_fault, refusal
from tieback.index.growing import FLAT_UP_TO, GrowingVectors
from tieback.index.nearest import nearest, scores_of
from tieback.index.readwrite import ReadWriteLock
from tieback.index.records import Change, Put, Record
from tieback.index.region_vectors import RegionVectors
from tieback.index.room import grown
from tieback.index.token_rows import TokenRows
from tieback.index.vectors import StoredVectors, Vectors
from tieback.index.words import Analysed, Read, Words, analysed, read

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
        wholes: StoredVectors | None = None,
        tokens: TokenRows | None = None,
    ) -> None:
        self.lock = ReadWriteLock()
        self.width = width
        self.bytes = 0  # of the living items, see `Record.bytes`
        self.continuing = 0  # living sections that continue others
        self.stale: list[int] = []  # versions whose rows compaction may drop
        self.regions = RegionVectors(width, flat_up_to)
        self.tokens = tokens
        """Rows of the tokens of texts, on the disk; None where the collection keeps none."""
        self.indexed_from: Counter[str] = Counter()  # living items by the source that their metadata names
        self.originals: Counter[str] = Counter()  # sections by the original that they refer to
        self.unreferred: list[str] = []  # originals that no section of this collection refers to any more
        self._wholes = wholes or GrowingVectors(width, flat_up_to)
        self._items: dict[str, Entry] = {}
        self._owners: list[tuple[Entry, int] | None] = []  # by position: entry and ordinal
        self._living = np.zeros(0, bool)
        self._free: list[int] = []
        self.facts = Facts()
        self.words = Words()
        self._ids: list[str] | None = []  # the items' ids in order; None where they have to be sorted again

    @property
    def vectors(self) -> Vectors:
        """The sections' own vectors, by position; those of their regions are in `regions`."""
        return self._wholes.current

    @property
    def item_count(self) -> int:
        """Living items."""
        return len(self._items)

    @property
    def section_count(self) -> int:
        """Living sections."""
        return len(self._owners) - len(self._free)

    @property
    def vector_count(self) -> int:
        """Vectors of living sections and of their regions."""
        return self.section_count + self.regions.count

    @property
    def resident_bytes(self) -> int:
        """Bytes of all vectors in memory."""
        return self._wholes.resident_bytes + self.regions.resident_bytes

    @property
    def codec_trained_on(self) -> int:
        """How many vectors the codec was learned from; 0 where it was not, or learns nothing."""
        return self._wholes.trained_on

    @property
    def token_bytes(self) -> int:
        """Bytes of the rows of tokens, on the disk."""
        return 0 if self.tokens is None else self.tokens.bytes

    def reserve(self, sections: int, token_rows: int = 0) -> None:
        """Makes room on disk for so many more sections, which `apply` relies on. StorageFull if need be."""
        self._wholes.reserve(len(self._owners) + max(sections - len(self._free), 0))
        if self.tokens is not None:
            self.tokens.reserve(token_rows)

    def apply(self, changes: Iterable[Change]) -> int:
        """Takes over committed changes, in order; returns how many items were removed by a removal.

        Holds the lock for writing itself.
        """
        removed = 0
        changes = list(changes)
        words = [_analysed(one.record) if isinstance(one, Put) else [] for one in changes]
        with self.lock.writing():
            pending: dict[str, tuple[Array, Sequence[Analysed]]] = {}  # put into `words` together
            for change, sections in zip(changes, words, strict=True):
                item_id = change.record.item.id if isinstance(change, Put) else change.item_id
                if item_id in pending:
                    self._put_words(pending)
                if isinstance(change, Put):
                    known = self._drop(item_id)
                    pending[item_id] = self._add(change), sections
                    self._ids = self._ids if known else None
                else:
                    known = self._drop(item_id)
                    self.stale.append(change.version)
                    self._ids = None if known else self._ids
                    removed += known
            self._put_words(pending)
        return removed

    def has(self, item_id: str) -> bool:
        """Whether the item lives."""
        return item_id in self._items

    def bytes_of(self, item_id: str) -> int:
        """Bytes of the item; 0 where there is none."""
        entry = self._items.get(item_id)
        return entry.bytes if entry else 0

    def item(self, item_id: str) -> Item | None:
        """The item, or None."""
        entry = self._items.get(item_id)
        return entry.item if entry else None

    def entry(self, item_id: str) -> Entry | None:
        """The living item with all that is known of it, or None."""
        return self._items.get(item_id)

    def ids_after(self, after: str) -> Sequence[str]:
        """The ids of living items that follow, in order."""
        ids = self._sorted_ids()
        return ids[bisect_right(ids, after) :]

    def page(self, after: str, tree: Filter | None, take: Callable[[Item], bool], check: Check) -> None:
        """Offers the next items by id until `take` refuses one; with a filter, those that pass.

        Holds the lock itself, and lets writers in again and again.
        """
        scans = self.scan(tree, check)
        more = True
        while more:
            check("the next items")
            with self.lock.reading():
                passing = None if tree is None else self.allowed(tree, scans, check)
                ids = self._sorted_ids()
                begin = bisect_right(ids, after)
                step = ids[begin : begin + _ITEMS_PER_STEP]
                more = len(step) == _ITEMS_PER_STEP
                for name in step:
                    entry = self._items[name]
                    if (passing is None or passing[entry.positions].any()) and not take(entry.item):
                        return
            after = step[-1] if step else after

    def ids_indexed_from(self, source: str) -> list[str]:
        """The ids of the items of a source."""
        return [id for id, entry in self._items.items() if entry.source == source]

    def scan(self, tree: Filter | None, check: Check) -> Scans:
        """What has to be known beforehand to answer a filter. Holds the lock itself, for moments.

        InvalidInput where no item has a field of the filter, or where its values are of another type.
        """
        if tree is None:
            return {}
        with self.lock.reading():
            fault = first_fault(comparisons(tree), self.facts.held, empty=not self._items)
            known = {} if fault is None else self.facts.kinds()
        if fault is not None:
            raise refusal(fault, known)
        return scan(tree, self.facts, self.lock.reading, check)

    def living(self) -> Array:
        """The mask of living sections."""
        return self._living[: len(self._owners)].copy()

    def allowed(self, tree: Filter | None, scans: Scans, check: Check) -> Array:
        """The mask of living sections that pass the filter; `scans` are of `scan`."""
        living = self.living()
        return living if tree is None else living & evaluate(tree, self.facts, len(living), scans, check)

    def of_modality(self, modality: Modality) -> Array:
        """The mask of living sections of a modality."""
        size = len(self._owners)
        wanted = self.facts.mask(MODALITY, lambda column, rows: column.equal(modality.value, rows), size)
        return self._living[:size] & wanted

    def order_key(self, position: int) -> tuple[str, int]:
        """Breaks ties between equal scores: the item's id and the section's ordinal."""
        entry, ordinal = self._owner(position)
        return entry.item.id, ordinal

    def ids_at(self, position: int) -> tuple[str, str]:
        """The ids of the item and the section."""
        entry, ordinal = self._owner(position)
        return entry.item.id, entry.item.sections[ordinal].id

    def text_of(self, position: int) -> tuple[str, int]:
        """What names the text that a section is of: the same for all pieces of one short text."""
        entry, ordinal = self._owner(position)
        return entry.item.id, ordinal if entry.short_texts is None else int(entry.short_texts[ordinal])

    def sections_beside(self, position: int) -> Array:
        """The positions of all sections of the item that a section is of, in order."""
        return self._owner(position)[0].positions

    def words_of(self, position: int) -> Analysed:
        """The words of a section, read from its text again: full text keeps them by word alone."""
        entry, ordinal = self._owner(position)
        return analysed(entry.texts[ordinal], (entry.item.title, entry.item.sections[ordinal].title))

    def read(self, position: int) -> Read:
        """The words of a section in their order, read from its text again."""
        entry, ordinal = self._owner(position)
        titles = entry.item.title, entry.item.sections[ordinal].title
        return read(entry.texts[ordinal], titles, self.words.language_at(position))

    def place_of(self, position: int) -> tuple[str, float]:
        """The item of a section, and where it is in it: 0 for the first section, 1 for the last."""
        entry, ordinal = self._owner(position)
        return entry.item.id, ordinal / max(len(entry.texts) - 1, 1)

    def nearest(self, query: Array, limit: int, allowed: Array) -> tuple[Array, Array]:
        """The best positions of a mask and their scores by `query`, best first; all scores are finite."""
        positions, scores = nearest(self._wholes, self.regions, query, limit, allowed)
        finite = np.isfinite(scores)  # not so of vectors that an older tieback took, near the largest float32
        return positions[finite], scores[finite]

    def scores(self, positions: Array, query: Array) -> Array:
        """The scores by `query` of sections that live at these positions."""
        return np.nan_to_num(scores_of(self._wholes, self.regions, positions, query))

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
        entry, ordinal = self._owner(position)
        section = entry.item.sections[ordinal]
        return Hit(
            item_id=entry.item.id,
            item_title=entry.item.title,
            section_id=section.id,
            section_title=section.title,
            modality=entry.modalities[ordinal],
            text=entry.texts[ordinal],
            uri=section.uri,
            metadata=entry.item.metadata,
            score=score,
            vector_score=vector_score,
            text_score=text_score,
            words_matched=words_matched,
            region=region,
            span=section.span,
            pieces=pieces,
        )

    def found_piece(
        self, position: int, score: float, vector_score: float | None, words_matched: float | None
    ) -> FoundPiece:
        """A further piece of a hit's text as it is answered."""
        entry, ordinal = self._owner(position)
        section = entry.item.sections[ordinal]
        return FoundPiece(section.id, entry.texts[ordinal], score, section.span, vector_score, words_matched)

    def wants_training(self) -> bool:
        """Whether the vectors have outgrown exact search, or the lists they were sorted into."""
        return self._wholes.wants_training(self.section_count) or self.regions.wants_training()

    def train(self) -> None:
        """Builds inverted files beside the searches and swaps them in. Seconds; one at a time.

        Holds the lock for writing itself, at the beginning and at the end.
        """
        self._wholes.train(self.lock, lambda: self._living[: len(self._owners)])
        self.regions.train(self.lock)

    def _add(self, put: Put) -> Array:
        """The positions that the item's sections got; their words are still to be put."""
        record = put.record
        positions = np.array([self._position() for _ in record.texts], np.int64)
        entry = Entry.of(put, positions)
        self.continuing += entry.continuing
        self.originals.update(one.sha256 for one in record.originals.values())
        self.bytes += entry.bytes
        self._items[record.item.id] = entry
        self.indexed_from[entry.source] += 1
        for ordinal, position in enumerate(positions):
            self._owners[position] = (entry, ordinal)
        self.facts.put(entry.item, entry.modalities, positions)
        self._living[positions] = True
        self._wholes.put(positions, record.vectors)
        for ordinal, regions in record.regions.items():
            self.regions.put(int(positions[ordinal]), record.vectors[ordinal], regions)
        if self.tokens is not None:
            for ordinal, rows in record.tokens.items():
                self.tokens.put(int(positions[ordinal]), rows)
        return positions

    def _put_words(self, pending: dict[str, tuple[Array, Sequence[Analysed]]]) -> None:
        if pending:
            positions = np.concatenate([positions for positions, _ in pending.values()])
            self.words.put(positions.tolist(), [one for _, sections in pending.values() for one in sections])
            pending.clear()

    def _drop(self, item_id: str) -> bool:
        entry = self._items.pop(item_id, None)
        if entry is None:
            return False
        self.bytes -= entry.bytes
        self.continuing -= entry.continuing
        self._forget_source(entry.source)
        self._forget_originals(entry)
        self.stale.append(entry.version)
        self._living[entry.positions] = False
        self._wholes.remove(entry.positions)
        self.words.remove(entry.positions.tolist())
        self.facts.remove(entry.item, entry.modalities, entry.positions)
        for position in entry.positions.tolist():
            self._owners[position] = None
            self.regions.remove(position)
            if self.tokens is not None:
                self.tokens.remove(position)
        self._free.extend(entry.positions.tolist())
        return True

    def _forget_source(self, name: str) -> None:
        self.indexed_from[name] -= 1
        if not self.indexed_from[name]:
            del self.indexed_from[name]

    def _forget_originals(self, entry: Entry) -> None:
        for original in entry.originals.values():
            self.originals[original.sha256] -= 1
            if not self.originals[original.sha256]:
                del self.originals[original.sha256]
                self.unreferred.append(original.sha256)

    def _position(self) -> int:
        if self._free:
            return self._free.pop()
        self._owners.append(None)
        self._living = grown(self._living, len(self._owners), False)
        return len(self._owners) - 1

    def _owner(self, position: int) -> tuple[Entry, int]:
        owner = self._owners[position]
        if owner is None:
            raise LookupError(f"no section lives at {position}")
        return owner

    def _sorted_ids(self) -> list[str]:
        if self._ids is None:
            self._ids = sorted(self._items)  # two readers may both do this, and get the same
        return self._ids


def _analysed(record: Record) -> list[Analysed]:
    return [
        analysed(text, (record.item.title, section.title))
        for text, section in zip(record.texts, record.item.sections, strict=True)
    ]
