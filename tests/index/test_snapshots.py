"""Snapshots of collections: consistent at one moment, and not touched by anything that comes after."""

from __future__ import annotations

import asyncio
import errno
import itertools
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.each import each
from support.originals import files, photo
from support.reindexing import NEW, WIDER, encode_again
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.core.errors import AlreadyExists, Damaged, InvalidInput, NotFound, StorageFull
from tieback.index import Index
from tieback_contract.collections import Source
from tieback_contract.hits import Hit


@pytest.fixture
async def index(store: Path) -> AsyncIterator[Index]:
    """An index with a collection "docs" of twelve items and two photos, from a source, compacted once."""
    index = Index.open(store, originals_bytes=1000)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.record_source("docs", Source("books", "laptop", "/books"))
    items = [item(f"i{n}", section(axis(n), f"word{n} common"), title=f"Item {n}", n=n) for n in range(12)]
    await index.upsert("docs", items)
    await index.upsert("docs", [photo("red", b"red"), photo("blue", b"blue", b"red")])
    await index.delete_items("docs", ["i11"])
    index._owned.to_write("docs").writer._compact()
    await index.upsert("docs", [item("i10", section(axis(1), "word10 changed"), n=100)])
    yield index
    await index.close()


async def hits(index: Index, name: str) -> list[Hit]:
    both = await searched(index, name, vector=vector(1, 0.5, 0.25, 0), text="common", limit=20)
    words = await searched(index, name, text="word10")
    return [*both.hits, *words.hits]


async def ids(index: Index, name: str) -> list[str]:
    return [one.id for one in (await index.list_items(name, page_size=1000))[0]]


def left(store: Path) -> list[Path]:
    """What is half made or half removed."""
    return [*(store / "making").iterdir(), *(store / "leaving").iterdir()]


async def test_a_restored_collection_is_what_it_was(index: Index, store: Path) -> None:
    made = await index.snapshots.create_snapshot("docs", "first")
    expected = await hits(index, "docs")

    restored = await index.snapshots.restore_snapshot("first", "again")

    known = await index.get_collection("docs")
    assert (made.name, made.collection, made.space, made.width) == ("first", "docs", SPACE, WIDTH)
    assert (made.item_count, made.section_count) == (known.item_count, known.section_count) == (13, 14)
    assert made.byte_count == sum(
        path.stat().st_size
        for path in (store / "snapshots" / "_" / "first").rglob("*")
        if path.is_file() and path.name != "manifest.json"
    )
    assert (restored.name, restored.item_count, restored.created) == ("again", 13, known.created)
    assert await hits(index, "again") == expected
    assert [one.location for one in (await index.get_collection("again")).sources] == ["/books"]
    assert await index.list_items("again") == await index.list_items("docs")
    assert left(store) == []


async def test_a_restored_collection_is_written_compacted_and_there_after_a_restart(
    index: Index, store: Path
) -> None:
    await index.snapshots.create_snapshot("docs", "first")
    await index.snapshots.restore_snapshot("first", "again")

    await index.upsert("again", [item("new", section(axis(2), "new words"))])
    await index.delete_items("again", ["i0"])
    index._owned.to_write("again").writer._compact()
    await index.close()
    reopened = Index.open(store, originals_bytes=1000)

    assert set(await ids(reopened, "again")) == {*(f"i{n}" for n in range(1, 11)), "new", "red", "blue"}
    assert (await searched(reopened, "again", text="new")).hits[0].item_id == "new"
    assert [one.name for one in (await reopened.snapshots.list_snapshots())[0]] == ["first"]
    await reopened.snapshots.restore_snapshot("first", "third")
    assert await ids(reopened, "third") == await ids(reopened, "docs")
    await reopened.close()


async def test_a_snapshot_during_writes_holds_what_was_acknowledged_before_and_no_part_of_an_item(
    index: Index,
) -> None:
    """Writers add items in order, and one removes them in order: at every moment they leave no holes."""
    added = [0, 0, 0]
    removed = 0
    await index.upsert("docs", [item(f"old-{n}") for n in range(400)])

    async def add(lane: int) -> None:
        for n in itertools.count():
            parts = [section(axis(part), f"part {part}", name=str(part)) for part in range(n % 5 + 1)]
            await index.upsert("docs", [item(f"lane{lane}-{n}", *parts)])
            added[lane] = n + 1

    async def remove() -> None:
        nonlocal removed
        for n in range(400):
            await index.delete_items("docs", [f"old-{n}"])
            removed = n + 1

    writers = [asyncio.create_task(work) for work in (add(0), add(1), add(2), remove())]
    seen = []
    for number in range(4):
        await asyncio.sleep(0.1)
        before = (*added, removed)
        snapshot = await index.snapshots.create_snapshot("docs", f"s{number}")
        seen.append((snapshot, before, (*added, removed)))
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)

    assert min(added) > 1
    for snapshot, before, after in seen:
        restored = await index.snapshots.restore_snapshot(snapshot.name, f"from-{snapshot.name}")
        items = {one.id: one for one in (await index.list_items(restored.name, page_size=1000))[0]}
        assert restored.item_count == snapshot.item_count == len(items)
        for lane in range(3):
            there = sorted(int(name[6:]) for name in items if name.startswith(f"lane{lane}-"))
            assert there == list(range(len(there)))
            assert before[lane] <= len(there) <= after[lane] + 1  # the last may not be acknowledged yet
            assert all(len(items[f"lane{lane}-{n}"].sections) == n % 5 + 1 for n in there)
        gone = 400 - sum(name.startswith("old-") for name in items)
        assert all(f"old-{n}" in items for n in range(gone, 400))
        assert before[3] <= gone <= after[3] + 1


async def test_a_write_that_was_acknowledged_is_in_the_snapshot_and_a_later_one_is_not(index: Index) -> None:
    for number in range(3):
        await index.upsert("docs", [item(f"before{number}")])
        await index.snapshots.create_snapshot("docs", f"s{number}")
        await index.upsert("docs", [item(f"after{number}")])

    for number in range(3):
        await index.snapshots.restore_snapshot(f"s{number}", f"again{number}")
        kept = {name for name in await ids(index, f"again{number}") if name.startswith(("before", "after"))}
        assert kept == {f"before{n}" for n in range(number + 1)} | {f"after{n}" for n in range(number)}


async def test_nothing_that_happens_to_the_collection_touches_its_snapshot(index: Index, store: Path) -> None:
    expected, listed = await hits(index, "docs"), await index.list_items("docs")
    await index.snapshots.create_snapshot("docs", "first")

    await index.delete_items("docs", ["i1", "red", "blue"])
    await index.upsert("docs", [item("i2", section(axis(3), "something else"))])
    index._owned.to_write("docs").writer._compact()
    await index.delete_source("docs", "books")
    await index.begin_reindex("docs", NEW, WIDER)
    await encode_again(index)
    await index.finish_reindex("docs")
    await index.delete_collection("docs")
    assert files(store) == []
    await index.close()
    reopened = Index.open(store, originals_bytes=1000)
    await reopened.snapshots.restore_snapshot("first", "docs")

    assert await hits(reopened, "docs") == expected
    assert await reopened.list_items("docs") == listed
    assert (await reopened.get_collection("docs")).sources[0].name == "books"
    assert files(store) == [b"blue", b"red"]
    assert reopened.size.originals == 7
    await reopened.close()


async def test_originals_of_a_restored_collection_can_be_encoded_again(index: Index) -> None:
    await index.snapshots.create_snapshot("docs", "first")
    await index.delete_collection("docs")
    await index.snapshots.restore_snapshot("first", "docs")

    read = await index.stored.read("docs", ["blue"])

    assert [section.content.data for one in read if one for section in one.sections if section.content] == [
        b"blue",
        b"red",
    ]


async def test_originals_past_the_limit_are_not_restored_and_nothing_else_is(
    index: Index, store: Path
) -> None:
    await index.snapshots.create_snapshot("docs", "first")
    await index.delete_collection("docs")
    await index.close()
    small = Index.open(store, originals_bytes=6)

    with pytest.raises(StorageFull, match="TIEBACK_ORIGINALS_BYTES"):
        await small.snapshots.restore_snapshot("first", "docs")

    assert (await small.list_collections())[0] == []
    assert files(store) == []
    assert left(store) == []
    await small.close()


async def test_a_snapshot_shares_the_files_of_its_collection(index: Index, store: Path) -> None:
    await index.snapshots.create_snapshot("docs", "first")

    kept = list((store / "snapshots" / "_" / "first" / "table").rglob("*.lance"))

    assert kept
    assert all(path.stat().st_nlink == 2 for path in kept)


async def test_where_there_are_no_hard_links_files_are_copied(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "this file system has no hard links")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    await index.snapshots.create_snapshot("docs", "first")
    await index.snapshots.restore_snapshot("first", "again")

    assert await hits(index, "again") == await hits(index, "docs")
    assert all(path.stat().st_nlink == 1 for path in (store / "snapshots").rglob("*") if path.is_file())


async def test_a_snapshot_that_is_copied_into_the_store_of_a_running_server_is_restored_there(
    index: Index, store: Path, tmp_path: Path
) -> None:
    await index.snapshots.create_snapshot("docs", "first")
    first, moved = store / "snapshots" / "_" / "first", tmp_path / "other" / "snapshots" / "_" / "moved"
    there = Index.open(tmp_path / "other", originals_bytes=1000)

    (moved / "table").mkdir(parents=True)  # the copy has begun
    (half,) = (await there.snapshots.list_snapshots())[0]
    shutil.copytree(first, moved, dirs_exist_ok=True)
    (whole,) = (await there.snapshots.list_snapshots())[0]
    await there.snapshots.restore_snapshot("moved", "docs")

    assert "is damaged" in half.damage
    assert (whole.name, whole.damage, whole.item_count) == ("moved", "", 13)
    assert await hits(there, "docs") == await hits(index, "docs")
    assert files(tmp_path / "other") == [b"blue", b"red"]
    before = (await there.get_usage()).byte_count
    shutil.rmtree(moved)
    assert (await there.snapshots.list_snapshots())[0] == []
    assert (await there.get_usage()).byte_count == before - whole.byte_count
    await there.close()


async def test_the_same_call_again_finds_that_it_is_done(index: Index) -> None:
    first = await index.snapshots.create_snapshot("docs", "first")
    assert await index.snapshots.create_snapshot("docs", "first") == first
    restored = await index.snapshots.restore_snapshot("first", "again")
    assert await index.snapshots.restore_snapshot("first", "again") == restored

    both = await asyncio.gather(*(index.snapshots.create_snapshot("docs", "second") for _ in range(2)))
    restores = await asyncio.gather(*(index.snapshots.restore_snapshot("second", "b") for _ in range(2)))

    assert both[0] == both[1]
    assert restores[0] == restores[1]


async def test_a_name_that_is_taken_is_not_taken_again(index: Index) -> None:
    await index.snapshots.create_snapshot("docs", "first")
    await index.upsert("docs", [item("later")])

    with pytest.raises(AlreadyExists, match="a snapshot named 'first' is there"):
        await index.snapshots.create_snapshot("docs", "first")
    with pytest.raises(AlreadyExists, match="a collection named 'docs' is there") as caught:
        await index.snapshots.restore_snapshot("first", "docs")

    assert (caught.value.kind, caught.value.name) == ("collection", "docs")
    assert "later" in await ids(index, "docs")
    assert [one.name for one in (await index.snapshots.list_snapshots())[0]] == ["first"]


async def test_a_source_that_came_later_makes_another_snapshot(index: Index) -> None:
    await index.snapshots.create_snapshot("docs", "first")
    await index.record_source("docs", Source("more", "laptop", "/more"))

    with pytest.raises(AlreadyExists):
        await index.snapshots.create_snapshot("docs", "first")


async def test_a_caller_that_gives_up_does_not_stop_what_is_begun(index: Index, store: Path) -> None:
    asked = asyncio.create_task(index.snapshots.create_snapshot("docs", "first"))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)

    assert (await index.snapshots.create_snapshot("docs", "first")).item_count == 13
    assert left(store) == []


async def test_snapshots_are_listed_by_name_page_by_page_and_deleted(index: Index, store: Path) -> None:
    for name in ("c", "a", "b"):
        await index.snapshots.create_snapshot("docs", name)

    first, token = await index.snapshots.list_snapshots(page_size=2)
    second, end = await index.snapshots.list_snapshots(page_size=2, page_token=token)
    assert [one.name for one in (*first, *second)] == ["a", "b", "c"]
    assert end == ""
    with pytest.raises(InvalidInput) as caught:
        await index.snapshots.list_snapshots(page_token="made-up")
    assert str(caught.value.field) == "page_token"

    await index.snapshots.delete_snapshot("b")

    assert [one.name for one in (await index.snapshots.list_snapshots())[0]] == ["a", "c"]
    assert sorted(path.name for path in (store / "snapshots" / "_").iterdir()) == ["a", "c"]
    with pytest.raises(NotFound, match="the choices are: a, c"):
        await index.snapshots.delete_snapshot("b")
    assert left(store) == []


@each("name", ["", "Upper", "1st", "a/b", "..", "a" * 64])
async def test_what_is_no_name_is_told_with_its_field(index: Index, name: str) -> None:
    await index.snapshots.create_snapshot("docs", "first")

    with pytest.raises(InvalidInput, match="is no snapshot name") as caught:
        await index.snapshots.create_snapshot("docs", name)
    assert str(caught.value.field) == "name"
    with pytest.raises(InvalidInput, match="is no collection name") as caught:
        await index.snapshots.restore_snapshot("first", name)
    assert str(caught.value.field) == "collection"
    with pytest.raises(NotFound):
        await index.snapshots.restore_snapshot(name, "again")


async def test_there_is_an_end_to_the_number_of_snapshots(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieback.index.snapshots.catalog.MOST_SNAPSHOTS", 2)
    for name in ("a", "b"):
        await index.snapshots.create_snapshot("docs", name)

    with pytest.raises(StorageFull, match="delete some"):
        await index.snapshots.create_snapshot("docs", "c")


async def test_no_snapshot_is_made_of_a_damaged_collection(index: Index, store: Path) -> None:
    await index.close()
    for path in (store / "collections" / "docs.lance" / "data").iterdir():
        path.write_bytes(b"damaged")
    reopened = Index.open(store)

    with pytest.raises(Damaged, match="no snapshot of the collection 'docs' can be made"):
        await reopened.snapshots.create_snapshot("docs", "first")
    await reopened.close()


async def test_compaction_that_was_put_off_during_a_snapshot_is_made_up_for(index: Index) -> None:
    opened = index._owned.to_write("docs")
    with opened.writer.pinned():
        for turn in range(150):
            await index.upsert("docs", [item("turning", turn=turn)])
        await asyncio.sleep(1.3)  # an idle collection is compacted after a second
        assert len(opened.memory.stale) >= 149

    for _ in range(50):
        await asyncio.sleep(0.1)
        if not opened.memory.stale:
            break

    assert opened.memory.stale == []
