"""Rows of a table in memory become the items that were written."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from support.each import each
from tieback.collections.record import Original, Record, Regions
from tieback.core.types.content import Content, Item, Section
from tieback.index.memory import kept_rows
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Change, Put, Remove, from_rows, newest_versions, schema, to_rows
from tieback_contract.modality import Modality

WIDTH = 4
SCHEMA = schema(WIDTH, {})


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few rows are merged and dropped as many are."""
    for name, value in (("_SMALL", 8), ("_MOST_SMALL", 4), ("_LARGEST", 64), ("_FEWEST_DROPPED", 10)):
        monkeypatch.setattr(kept_rows, name, value)


def record(rng: np.random.Generator, name: str, version: int) -> Record:
    """An item of any kind."""
    count = int(rng.integers(1, 6))
    pieces = bool(rng.random() < 0.2)
    texts = [f"{name} {version} {ordinal} é" for ordinal in range(count)]
    sections = []
    for ordinal, text in enumerate(texts):
        own = text if rng.random() < 0.6 else None if rng.random() < 0.5 else f"content of {text}"
        content = None if own is None else Content(Modality.TEXT, own)
        span = (ordinal, ordinal + 1) if rng.random() < 0.3 else None
        sections.append(Section(f"s{ordinal}", content, f"t{version % 2}", "u", span, pieces and ordinal > 0))
    metadata: dict[str, Any] = {"n": float(version), "who": ("a", name), "indexed_from": f"f{version % 3}"}
    if rng.random() < 0.5:
        metadata["day"] = date(2024, 1, 1 + version % 28)
    some = range(count) if rng.random() < 0.3 else ()
    regions = {o: Regions(np.ones((2, WIDTH), np.float16), np.ones((2, 4), np.float32)) for o in some}
    originals = {o: Original(f"sha{version % 7}", 100 + o) for o in some}
    tokens = {o: np.ones((3, 16), np.uint8) for o in some}
    vectors = rng.standard_normal((count, WIDTH), np.float32)
    item = Item(name, sections, f"title {version % 4}", metadata)
    kinds = [Modality.TEXT if version % 2 else Modality.IMAGE] * count
    return Record(item, texts, kinds, vectors, regions, originals, tokens=tokens)


def history(seed: int, steps: int = 60) -> Iterable[list[Change]]:
    """Commits that write, replace and remove items; one may do so several times to the same item."""
    rng, version, there = np.random.default_rng(seed), 0, set[str]()
    for _ in range(steps):
        changes: list[Change] = []
        for _ in range(int(rng.integers(1, 8))):
            version += 1
            name = f"item{rng.integers(0, 25)}"
            if name in there and rng.random() < 0.4:
                changes.append(Remove(version, name))
                there.discard(name)
            else:
                changes.append(Put(version, record(rng, name, version)))
                there.add(name)
        yield changes


def living(commits: Iterable[Iterable[Change]]) -> dict[str, Put]:
    left: dict[str, Put] = {}
    for change in (one for changes in commits for one in changes):
        if isinstance(change, Put):
            left[change.record.item.id] = change
        else:
            left.pop(change.item_id, None)
    return left


def assert_holds(memory: Memory, expected: dict[str, Put]) -> None:
    assert list(memory.items.ids_after("")) == sorted(expected)
    assert memory.bytes == sum(put.record.bytes for put in expected.values())
    assert memory.section_count == sum(len(put.record.texts) for put in expected.values())
    sections = [section for put in expected.values() for section in put.record.item.sections]
    assert memory.continuing == sum(section.continues for section in sections)
    sources = [str(put.record.item.metadata["indexed_from"]) for put in expected.values()]
    assert dict(memory.indexed_from) == {source: sources.count(source) for source in sources}
    names = [one.sha256 for put in expected.values() for one in put.record.originals.values()]
    assert dict(memory.originals) == {name: names.count(name) for name in names}
    for source in sources:
        assert sorted(memory.ids_indexed_from(source)) == sorted(
            name for name, put in expected.items() if put.record.item.metadata["indexed_from"] == source
        )
    for name, put in expected.items():
        entry, known = memory.items.get(name), put.record
        assert entry is not None
        assert (entry.version, entry.item, entry.texts) == (put.version, known.item, known.texts)
        assert (entry.modalities, entry.originals, entry.bytes) == (
            *(known.modalities, known.originals),
            known.bytes,
        )
        assert np.array_equal(memory.vectors.take(entry.positions), known.vectors)
        assert [memory.order_key(at) for at in entry.positions] == [
            (name, ordinal) for ordinal in range(len(known.texts))
        ]
        for ordinal, position in enumerate(entry.positions.tolist()):
            hit = memory.hit(position, 1.0, None, None, None)
            assert (hit.text, hit.metadata) == (known.texts[ordinal], known.item.metadata)
            assert (memory.regions.all_of(position) is None) == (ordinal not in known.regions)


@each("seed", range(5))
def test_after_any_commits_memory_has_what_was_written_last(seed: int) -> None:
    memory, commits = Memory(WIDTH), list(history(seed))

    for changes in commits:
        memory.apply(changes)

    assert_holds(memory, living(commits))
    assert memory.items._rows.size < 2.5 * memory.section_count + kept_rows._FEWEST_DROPPED


@pytest.mark.parametrize("seed", range(5))
def test_a_table_whose_rows_are_in_any_order_is_read_as_it_was_written(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieback.index.store.records._ROWS_AT_ONCE", 20)
    commits = list(history(seed))
    rows = pa.Table.from_batches([to_rows(changes, SCHEMA) for changes in commits])
    rows = rows.take(np.random.default_rng(seed).permutation(rows.num_rows))
    memory = Memory(WIDTH)

    found = newest_versions(rows.to_batches(7))
    for part in from_rows(rows.to_batches(7), found.living):
        memory.apply_rows(part)

    expected = living(commits)
    assert_holds(memory, expected)
    every = {change.version for changes in commits for change in changes}
    assert set(found.living.tolist()) == {put.version for put in expected.values()}
    assert found.stale.tolist() == sorted(every - set(found.living.tolist()))
    assert found.last == max(every)


def test_a_table_that_lacks_rows_of_an_item_is_refused() -> None:
    puts = [
        Put(1, record(np.random.default_rng(3), "a", 1)),
        Put(2, record(np.random.default_rng(2), "b", 2)),
    ]
    rows = to_rows(puts, SCHEMA)

    for lost in range(rows.num_rows):
        left = rows.filter(pa.array(np.arange(rows.num_rows) != lost))
        with pytest.raises(ValueError, match="rows of 1 items are missing"):
            list(from_rows([left], np.array([1, 2])))


def test_texts_that_repeat_are_kept_once() -> None:
    rows, plain = kept_rows.KeptRows(), "word " * 1000
    puts = [Put(n, Record(Item(f"i{n}", [Section("s", None)], plain), [plain], [Modality.TEXT],
                          np.zeros((1, WIDTH), np.float32))) for n in range(100)]  # fmt: skip
    rows.append(to_rows(puts, SCHEMA))

    assert sum(column.nbytes for chunk in rows._chunks for column in chunk.values()) < 4 * len(plain)
    assert {rows.value("text", n) for n in range(100)} == {plain}
