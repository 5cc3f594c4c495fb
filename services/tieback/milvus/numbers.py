"""The numbers of a collection: what it holds in all, and how often each term, language and key is there.

They are rows of a collection of their own in Milvus, which cannot add them up: BM25 needs how many sections
have a term, a filter which keys there are, a quota the bytes. They are written after the rows that they
count, by one process at a time (`turns.py`). A turn that was not ended has all rows counted again, so the
numbers are right after a writer was killed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.modality import Modality

from tieback.collections.metadata import from_json
from tieback.collections.sources import source_of
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.types.content import Item
from tieback.filters import BUILT_IN, Field
from tieback.filters.fields import BOOLEANS, DATES, NUMBERS, STRINGS, Kinds, kinds
from tieback.milvus import schema
from tieback.milvus.connection import Milvus
from tieback.milvus.filtering import types_of
from tieback.milvus.rows import COUNTED, Row
from tieback.milvus.sortable import of_text
from tieback.milvus.turns import WRITING, Turns
from tieback.milvus.words import WORDLESS

Numbers = Mapping[tuple[str, str], float]
"""By kind and name."""

TOTAL, LANGUAGE, MODALITY, KEY, SOURCE = "total", "language", "modality", "key", "source"
TERM = "term"
_KINDS = (STRINGS, NUMBERS, BOOLEANS, DATES)
_AT_ONCE = 2000  # rows of numbers in one call
_PAGE = 1000  # rows that are counted again in one call
_NOTHING = 1e-6  # lengths are numbers of words


@dataclass(frozen=True)
class NumbersHead:
    """What is read of the numbers for every request."""

    totals: Mapping[str, float]
    languages: Sequence[str]
    kinds: Mapping[Field, Kinds]
    sources: Mapping[str, int]
    modalities: Mapping[Modality, int]
    """Sections by modality, of those that there are, in the order of the enumeration."""
    frequencies: dict[int, int] = field(default_factory=dict)
    """Of terms, by dimension: those that were asked for since the head was read."""

    @property
    def items(self) -> int:
        """Items of the collection."""
        return int(self.totals.get("items", 0))

    @property
    def sections(self) -> int:
        """Sections of the collection."""
        return int(self.totals.get("sections", 0))

    @property
    def bytes(self) -> int:
        """Bytes of the items, see `Record.bytes`."""
        return int(self.totals.get("bytes", 0))

    @property
    def continuing(self) -> int:
        """Sections that continue others."""
        return int(self.totals.get("continuing", 0))

    @property
    def mean_length(self) -> float:
        """Words of a section, in the mean."""
        return self.totals.get("length", 0.0) / max(self.sections, 1)

    @property
    def keys(self) -> int:
        """Distinct keys of metadata."""
        return sum(one.metadata for one in self.kinds)

    def has_key(self, key: str) -> bool:
        """Whether some item has this key in its metadata."""
        return Field(key, metadata=True) in self.kinds

    def held(self, one: Field) -> Kinds:
        """What a field holds; nothing where nothing has it."""
        return self.kinds.get(one, ())


def count(rows: Iterable[Row]) -> Counter[tuple[str, str]]:
    """The numbers of rows with the fields `COUNTED`."""
    numbers: Counter[tuple[str, str]] = Counter()
    for row in rows:
        body = row["body"]
        numbers[TOTAL, "sections"] += 1
        numbers[TOTAL, "length"] += row["length"]
        numbers[TOTAL, "continuing"] += bool(body["continues"])
        numbers[LANGUAGE, row["language"]] += 1
        numbers[MODALITY, row["modality"]] += 1
        numbers.update((TERM, str(int(one))) for one in row["words"] if int(one) != WORDLESS)
        if row["ordinal"] == 0:
            numbers[TOTAL, "items"] += 1
            numbers[TOTAL, "bytes"] += body["bytes"]
            metadata = from_json(body["metadata"])
            for name, kind in types_of(Item("", (), "", metadata)):
                numbers[KEY, f"{kinds({kind: 1})[0]} {name}"] += 1
            if source := source_of(metadata):
                numbers[SOURCE, source] += 1
    return numbers


class NumberStore:
    """The numbers of one collection, which is called `identity` in Milvus."""

    def __init__(self, milvus: Milvus, identity: str, writer: str) -> None:
        self._milvus, self._identity = milvus, identity
        self._name, self._terms = schema.numbers_of(identity), schema.terms_of(identity)
        self._turns = Turns(milvus, self._name, writer)

    def head(self, deadline: Deadline = NO_DEADLINE) -> NumbersHead:
        """What is known of the collection now."""
        totals: dict[str, float] = {}
        languages: list[str] = []
        held: dict[Field, list[str]] = {Field(name): [STRINGS] for name in BUILT_IN}
        sources: dict[str, int] = {}
        modalities: dict[str, int] = {}
        rows = self._milvus.call(
            *("query", self._name, f'kind != "{WRITING}"'),
            output_fields=["kind", "name", "number"],
            deadline=deadline,
        )
        for row in rows:
            if row["number"] <= 0:
                continue
            match row["kind"]:
                case "total":
                    totals[row["name"]] = row["number"]
                case "language":
                    languages.append(row["name"])
                case "key":
                    kind, _, name = row["name"].partition(" ")
                    held.setdefault(Field(name, metadata=True), []).append(kind)
                case "modality":
                    modalities[row["name"]] = int(row["number"])
                case _:
                    sources[row["name"]] = int(row["number"])
        known = held if totals.get("items") else {}
        return NumbersHead(
            totals,
            sorted(languages),
            {one: tuple(sorted(found, key=_KINDS.index)) for one, found in known.items()},
            sources,
            {one: modalities[one] for one in Modality if one in modalities},
        )

    def look_up(self, head: NumbersHead, dimensions: Iterable[int], deadline: Deadline) -> Mapping[int, int]:
        """How many sections have each of these terms; kept in the head."""
        missing = [one for one in dimensions if one not in head.frequencies]
        found = self._read(self._terms, [(TERM, str(one)) for one in missing], deadline)
        for one in missing:
            head.frequencies[one] = int(found.get((TERM, str(one)), 0))
        return head.frequencies

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for this process's turn to write; counts again where a turn before was not ended.

        What does not call `end` inside leaves the turn as that of one that died. LostTurn as `check`.
        """
        try:
            if self._turns.take():
                self._count_again()
            yield
        finally:
            self._turns.rest()

    def check(self) -> None:
        """LostTurn where others took this process for dead. To be called between writes."""
        self._turns.check()

    def end(self, changes: Numbers) -> None:
        """Adds changes, and ends the turn; LostTurn as `check`."""
        self._add(self._terms, {key: number for key, number in changes.items() if key[0] == TERM})
        self._add(self._name, {key: number for key, number in changes.items() if key[0] != TERM})
        self._turns.end()

    def _add(self, where: str, changes: Numbers) -> None:
        changed = {key: number for key, number in changes.items() if number}
        now = self._read(where, list(changed), NO_DEADLINE)
        after = {key: now.get(key, 0.0) + number for key, number in changed.items()}
        self._upsert(where, [_row(*key, number) for key, number in after.items() if number > _NOTHING])
        gone = [_key(*key) for key, number in after.items() if number <= _NOTHING and key in now]
        for part in _parts(gone):
            self._milvus.call("delete", where, ids=list(part))

    def _count_again(self) -> None:
        """Replaces all numbers by those of the rows that are there."""
        numbers: Counter[tuple[str, str]] = Counter()
        after = ""
        while True:
            rows = self._milvus.call(
                *("query", schema.sections_of(self._identity), f'pk > "{after}"'),
                output_fields=list(COUNTED),
                limit=_PAGE,
                iterator="True",
            )
            numbers.update(count(rows))
            self.check()
            if len(rows) < _PAGE:
                break
            after = rows[-1]["pk"]
        for where, of_terms in ((self._terms, True), (self._name, False)):
            self._milvus.call("delete", where, filter=f'kind != "{WRITING}"')
            counted = [_row(*key, number) for key, number in numbers.items() if (key[0] == TERM) is of_terms]
            self._upsert(where, counted)

    def _read(
        self, where: str, keys: Sequence[tuple[str, str]], deadline: Deadline
    ) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        for part in _parts([_key(*key) for key in keys]):
            rows = self._milvus.call(
                *("query", where),
                ids=list(part),
                output_fields=["kind", "name", "number"],
                deadline=deadline,
            )
            found |= {(row["kind"], row["name"]): row["number"] for row in rows}
        return found

    def _upsert(self, where: str, rows: Sequence[Row]) -> None:
        for part in _parts(rows):
            self._milvus.call("upsert", where, list(part))


def _row(kind: str, name: str, number: float) -> Row:
    return {
        "pk": _key(kind, name),
        "kind": kind,
        "name": name,
        "number": float(number),
        "vector": schema.NO_VECTOR,
    }


def _key(kind: str, name: str) -> str:
    return f"{kind}.{of_text(name)}"


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[begin : begin + _AT_ONCE] for begin in range(0, len(rows), _AT_ONCE))
