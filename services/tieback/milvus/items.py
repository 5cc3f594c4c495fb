"""Items in Milvus: written, removed, read and listed. Runs in threads.

One process writes to a collection at a time, one request after the other. Milvus has no transactions: a
write replaces the rows of an item in one call, and then removes those that the item has no more.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress

from tieback.collections.quotas import Checked, KeyBudget, QuotaWrites, Stored
from tieback.collections.record import Record
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import Unavailable
from tieback.core.tenant import Principal
from tieback.core.types.content import Item
from tieback.milvus import schema
from tieback.milvus.catalog import Known
from tieback.milvus.connection import Milvus
from tieback.milvus.filtering import together
from tieback.milvus.numbers import NumberStore, count
from tieback.milvus.rows import (
    BODY,
    COUNTED,
    Row,
    after_item,
    item_key,
    items_of,
    rows_of,
    why_too_large,
)
from tieback.milvus.turns import LostTurn

_IDS_AT_ONCE = 200
_ROWS_AT_ONCE = 500
_BYTES_AT_ONCE = 16 << 20  # of texts and vectors in one call; Milvus takes messages of 64 MiB
_PAGE = 1000
_LISTED_AT_ONCE = 200
_TURNS = 3  # that a write takes, where others took this process for dead in each


class _Written:
    """The items that a write replaces, by their rows: what a quota counts by."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = {row["pk"]: row for row in rows}
        self._bytes = {row["body"]["item"]: int(row["body"]["bytes"]) for row in rows if not row["ordinal"]}

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._bytes

    def bytes_of(self, item_id: str) -> int:
        return self._bytes.get(item_id, 0)

    @property
    def count(self) -> int:
        return len(self._bytes)


class Items:
    """The items of all collections. `writer` names this process among those that write."""

    def __init__(self, milvus: Milvus, writer: str) -> None:
        self._milvus, self._writer = milvus, writer
        self._writes = QuotaWrites()
        self._admitting = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def numbers(self, known: Known) -> NumberStore:
        """The numbers of a collection."""
        return NumberStore(self._milvus, known.identity, self._writer)

    def upsert(
        self,
        known: Known,
        checked: Checked,
        principal: Principal,
        stored: Callable[[], Stored],
        most_keys: int,
    ) -> Checked:
        """Writes the records of what was checked; in the place of each that cannot be kept is the error.

        QuotaExceeded where they are too much, and then nothing is written.
        """
        with self._lock(known):
            admitted, _ = KeyBudget(self.numbers(known).head()).admit(checked, most_keys)
            rows: dict[str, list[Row]] = {}
            records: dict[str, Record] = {}
            for place, one in enumerate(admitted):
                if isinstance(one, Record):
                    own = rows_of([one])
                    if (error := why_too_large(one, own, place)) is not None:
                        admitted[place] = error
                    else:
                        records[one.item.id], rows[one.item.id] = one, own
            if not records:
                return admitted
            with ExitStack() as stack:

                def admit(before: _Written) -> None:
                    with self._admitting:
                        admission = self._writes.admitted(
                            principal, known.description.key, stored(), before, records.values()
                        )
                        stack.enter_context(admission)

                written = [row for own in rows.values() for row in own]
                self._replace(known, list(records), written, admit)
            return admitted

    def remove(self, known: Known, ids: Sequence[str]) -> int:
        """Removes items; returns how many were there."""
        if not ids:
            return 0
        with self._lock(known):
            return self._replace(known, ids, []).count

    def get(self, known: Known, item_id: str) -> Item | None:
        """The item, or None."""
        return items_of(self._rows(known, [item_id], ("pk", *BODY))).get(item_id)

    def listed(self, known: Known, after: str, passing: str, deadline: Deadline) -> Iterator[Item]:
        """The items after an id, in order, of which a section passes the expression."""
        filter_ = passing or "ordinal == 0"
        last = after_item(item_key(after)) if after else ""
        while True:
            step = self._milvus.call(
                *("query", schema.sections_of(known.identity), together(f'pk > "{last}"', filter_)),
                output_fields=["pk", "item"],
                limit=_LISTED_AT_ONCE,
                iterator="True",  # in the order of keys
                deadline=deadline,
            )
            keys = list(dict.fromkeys(row["item"] for row in step))
            for begin in range(0, len(keys), _ITEMS_READ):
                part = keys[begin : begin + _ITEMS_READ]
                rows = self._rows_of_keys(known, part, ("pk", *BODY), deadline)
                yield from items_of(rows).values()
            if len(step) < _LISTED_AT_ONCE:
                return
            last = after_item(step[-1]["pk"])

    def ids(self, known: Known, passing: str) -> list[str]:
        """The ids of items whose first section passes the expression."""
        filter_ = together("ordinal == 0", passing)
        rows = self.rows(known, filter_, ("pk", "body"), NO_DEADLINE)
        return [row["body"]["item"] for row in rows]

    def _replace(
        self,
        known: Known,
        ids: Sequence[str],
        rows: Sequence[Row],
        admit: Callable[[_Written], None] = lambda _: None,
    ) -> _Written:
        """Writes rows in the place of those that items have, in a turn of this process. Returns the latter.

        `admit` raises where that is too much, before anything is written. Unavailable where others took this
        process for dead each time that it wrote.
        """
        numbers = self.numbers(known)
        replaced: _Written | None = None
        for _ in range(_TURNS):
            with suppress(LostTurn), numbers.turn():
                before = _Written(list(self._rows(known, ids)))
                if replaced is None:
                    try:
                        admit(before)
                    except BaseException:
                        numbers.end({})
                        raise
                    replaced = before
                self._write(known, numbers, before, rows)
                numbers.end(_difference(count(rows), count(before.rows.values())))
                return replaced
        raise Unavailable("the index is too slow to write beside other processes; try again")

    def _write(self, known: Known, numbers: NumberStore, before: _Written, rows: Sequence[Row]) -> None:
        name = schema.sections_of(known.identity)
        for place, part in enumerate(_parts(rows)):
            if place:
                numbers.check()
            self._milvus.call("upsert", name, part)
            self._milvus.written(name, len(part))
        gone = sorted(before.rows.keys() - {row["pk"] for row in rows})
        for begin in range(0, len(gone), _PAGE):
            self._milvus.call("delete", name, ids=gone[begin : begin + _PAGE])

    def _rows(self, known: Known, ids: Sequence[str], fields: Sequence[str] = COUNTED) -> Iterator[Row]:
        """The rows of items."""
        for begin in range(0, len(ids), _IDS_AT_ONCE):
            keys = [item_key(one) for one in ids[begin : begin + _IDS_AT_ONCE]]
            yield from self._rows_of_keys(known, keys, fields, NO_DEADLINE)

    def _rows_of_keys(
        self, known: Known, keys: Sequence[str], fields: Sequence[str], deadline: Deadline
    ) -> Iterator[Row]:
        names = ", ".join(f'"{key}"' for key in keys)
        return self.rows(known, f"item in [{names}]", fields, deadline)

    def rows(self, known: Known, passing: str, fields: Sequence[str], deadline: Deadline) -> Iterator[Row]:
        """All rows that pass an expression, in the order of their keys. `fields` has "pk"."""
        last = ""
        while True:
            rows = self._milvus.call(
                *("query", schema.sections_of(known.identity), together(f'pk > "{last}"', passing)),
                output_fields=list(fields),
                limit=_PAGE,
                iterator="True",
                deadline=deadline,
            )
            yield from rows
            if len(rows) < _PAGE:
                return
            last = rows[-1]["pk"]

    def _lock(self, known: Known) -> threading.Lock:
        return self._locks.setdefault(known.identity, threading.Lock())


_ITEMS_READ = 50


def _difference(
    after: Counter[tuple[str, str]], before: Counter[tuple[str, str]]
) -> dict[tuple[str, str], float]:
    return {key: after[key] - before[key] for key in {*after, *before}}


def _parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        own = 4 * len(row["vector"]) + 2 * len(row["text"]) + 8 * len(row["words"])
        if part and (len(part) == _ROWS_AT_ONCE or size + own > _BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(row)
        size += own
    if part:
        yield part
