"""A damaged collection is kept apart: the others are served, and what is left of it is read."""

import errno
import logging
import os
import random
from datetime import timedelta
from pathlib import Path

import lancedb
import pytest
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.core.errors import Damaged, NotFound, Unavailable
from tieback.index import Index

PARTS = ["data/*.lance", "_versions/*.manifest", "acknowledged"]


@pytest.fixture
async def two(index: Index) -> None:
    """Beside "docs", a collection "notes" that nothing happens to; each has an item "a"."""
    await index.create_collection("notes", SPACE, WIDTH)
    for name in ("docs", "notes"):
        await index.upsert(name, [item("a", section(axis(1), "apple"))])
    await index.close()


def damage(store: Path, part: str, how: str) -> None:
    for path in (store / "collections" / "docs.lance").glob(part):
        if how == "removed":
            path.unlink()
        else:
            path.write_bytes(b"" if how == "emptied" else b"\xa5" * path.stat().st_size)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["emptied", "removed", "overwritten"])
async def test_a_damaged_collection_is_named_and_the_others_are_served(
    two: None, store: Path, caplog: pytest.LogCaptureFixture, part: str, how: str
) -> None:
    damage(store, part, how)

    index = Index.open(store)

    assert "collection docs is damaged" in caplog.text
    docs, notes = (await index.list_collections())[0]
    assert "delete it and index its items again" in docs.damage
    assert str(store) not in docs.damage
    assert (notes.damage, notes.item_count) == ("", 1)
    assert (await searched(index, "notes", text="apple")).hits[0].item_id == "a"
    assert (await index.upsert("notes", [item("b")])).results == [None]
    assert index.size.damaged == 1
    with pytest.raises(Damaged, match=r"'docs' cannot be written.*restore it from a backup.*or delete it"):
        await index.upsert("docs", [item("b")])
    with pytest.raises(Damaged, match="cannot be written"):
        await index.delete_items("docs", ["a"])
    with pytest.raises(Damaged, match="cannot be written"):
        await index.create_collection("docs", SPACE, WIDTH)
    await index.close()


async def test_what_is_left_of_a_damaged_collection_is_read(index: Index, store: Path) -> None:
    await index.upsert("docs", [item("a", section(axis(1), "apple"))])
    await index.upsert("docs", [item("b", section(axis(2), "berry"))])
    await index.close()
    newest = min((store / "collections" / "docs.lance").glob("_versions/*.manifest"))
    newest.write_bytes(b"")
    files = {path: path.read_bytes() for path in (store / "collections").rglob("*") if path.is_file()}

    again = Index.open(store)

    assert "can be read" in (await again.get_collection("docs")).damage
    assert [kept.id for kept in (await again.list_items("docs"))[0]] == ["a"]
    assert (await again.get_item("docs", "a")).id == "a"
    assert [hit.item_id for hit in (await searched(again, "docs", text="apple")).hits] == ["a"]
    assert [hit.item_id for hit in (await searched(again, "docs", vector=vector(0, 1, 0, 0))).hits] == ["a"]
    await again.close()
    assert {path: path.read_bytes() for path in files} == files  # for whoever repairs it by hand


@pytest.mark.parametrize("part", ["data/*.lance", "_versions/*.manifest"])
async def test_where_nothing_can_be_read_it_is_said_and_the_collection_can_be_deleted(
    two: None, store: Path, part: str
) -> None:
    damage(store, part, "removed")
    index = Index.open(store)

    for read in (
        index.get_item("docs", "a"),
        index.list_items("docs"),
        searched(index, "docs", vector=vector(0, 1, 0, 0)),
    ):
        with pytest.raises(Damaged, match=r"'docs' cannot be read: its files are damaged or missing"):
            await read
    await index.delete_collection("docs")

    with pytest.raises(NotFound, match="the choices are: notes"):
        await index.get_collection("docs")
    await index.create_collection("docs", SPACE, WIDTH)
    assert (await index.upsert("docs", [item("b")])).results == [None]
    await index.close()
    again = Index.open(store)
    assert [one.damage for one in (await again.list_collections())[0]] == ["", ""]
    await again.close()


async def test_a_store_that_an_older_server_left_without_its_acknowledged_version_is_recovered(
    index: Index, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed within compaction, it had removed the acknowledged version's files and not noted the next."""
    caplog.set_level(logging.WARNING)
    for turn in range(3):
        await index.upsert("docs", [item("a", section(axis(1), "apple"), turn=turn), item("b")])
    await index.close()
    table = lancedb.connect(store / "collections").open_table("docs")
    with pytest.warns(UserWarning, match="removes every version"):
        table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
    acknowledged = int((store / "collections" / "docs.lance" / "acknowledged").read_text())
    assert acknowledged not in [one["version"] for one in table.list_versions()]

    again = Index.open(store)

    assert "is taken in its place" in caplog.text
    assert (await again.get_collection("docs")).damage == ""
    assert [(kept.id, dict(kept.metadata)) for kept in (await again.list_items("docs"))[0]] == [
        ("a", {"turn": 2.0}),
        ("b", {}),
    ]
    assert (await again.upsert("docs", [item("c")])).results == [None]
    await again.close()
    once_more = Index.open(store)
    assert (await once_more.get_collection("docs")).item_count == 3
    await once_more.close()


async def test_whatever_file_of_a_collection_was_cut_or_zeroed_the_server_starts(
    two: None, store: Path
) -> None:
    chance = random.Random(0)
    files = [path for path in (store / "collections" / "docs.lance").rglob("*") if path.is_file()]
    whole = {path: path.read_bytes() for path in sorted(files)}

    for path, content in whole.items():
        cut = chance.randint(0, len(content))
        for broken in (content[:cut], content[:cut] + bytes(len(content) - cut)):
            path.write_bytes(broken)
            index = Index.open(store)
            assert {one.name for one in (await index.list_collections())[0]} == {"docs", "notes"}
            assert (await searched(index, "notes", text="apple")).hits[0].item_id == "a"
            await index.close()
            for one, was in whole.items():
                one.parent.mkdir(parents=True, exist_ok=True)
                one.write_bytes(was)


async def test_a_deletion_that_fails_leaves_the_collection_as_it_was(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await index.upsert("docs", [item("a", section(axis(1), "apple"))])
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if Path(target).parent.name == "leaving":
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, target)

    with monkeypatch.context() as patched, pytest.raises(Unavailable, match="is there as before"):
        patched.setattr(Path, "rename", rename)
        await index.delete_collection("docs")

    assert (await searched(index, "docs", text="apple")).hits[0].item_id == "a"
    assert (await index.upsert("docs", [item("b")])).results == [None]
    await index.delete_collection("docs")
    await index.close()
    again = Index.open(store)
    assert (await again.list_collections())[0] == []
    await again.close()
