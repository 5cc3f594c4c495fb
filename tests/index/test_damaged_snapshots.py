"""What cannot be restored is refused with the way out, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.originals import files, photo
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section
from tieback.collections.served import ServedSpaces
from tieback.core.errors import DamagedSnapshot, NotFound, TiebackError, Unsupported
from tieback.index import Index
from tieback_contract.collections import Source
from tieback_contract.vectors import SpaceRef


@pytest.fixture
async def folder(store: Path) -> Path:
    """The folder of a snapshot "first" of a collection with a photo and a source; the store is closed."""
    index = Index.open(store, originals_bytes=1000)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.record_source("docs", Source("books", "laptop", "/books"))
    await index.upsert("docs", [item(f"i{n}", section(axis(n), f"word{n}")) for n in range(9)])
    await index.upsert("docs", [photo("red", b"red")])
    await index.snapshots.create_snapshot("docs", "first")
    await index.close()
    return store / "snapshots" / "_" / "first"


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def replaced(path: Path, content: bytes) -> None:
    """Other content in a file of its own: the collection may have the same file."""
    path.unlink()
    path.write_bytes(content)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The manifest as another tieback would have written it, with its hash."""
    known = json.loads((folder / "manifest.json").read_text())
    change(known)
    written = json.dumps(known["content"], sort_keys=True, separators=(",", ":")).encode()
    known["sha256"] = hashlib.sha256(written).hexdigest()
    replaced(folder / "manifest.json", json.dumps(known).encode())


async def refusal(index: Index, *, any_space: bool = False) -> TiebackError:
    """Why the snapshot is not restored; nothing else changes by that."""
    listed = (await index.list_collections())[0]
    with pytest.raises(TiebackError) as caught:
        await index.snapshots.restore_snapshot("first", "again", any_space=any_space)
    assert (await index.list_collections())[0] == listed
    store = index._store.directory
    assert list((store / "making").iterdir()) == []
    assert files(store) == [b"red"]
    return caught.value


async def test_one_byte_that_changed_in_any_file_is_enough_to_refuse_it(folder: Path, store: Path) -> None:
    paths = kept(folder)
    assert {path.relative_to(folder).parts[0] for path in paths} == {
        "manifest.json",
        "originals",
        "sources.json",
        "table",
    }
    index = Index.open(store, originals_bytes=1000)

    for path in paths:
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 0x40
            replaced(path, bytes(changed))
            error = await refusal(index)
            assert isinstance(error, DamagedSnapshot), (path.name, place)
            assert str(store) not in error.message
        replaced(path, content)

    assert (await index.snapshots.restore_snapshot("first", "again")).item_count == 10
    await index.close()


@pytest.mark.parametrize("how", ["removed", "cut short", "lengthened", "a link"])
async def test_a_file_that_is_missing_or_of_another_size_is_refused(
    folder: Path, store: Path, how: str
) -> None:
    index = Index.open(store, originals_bytes=1000)

    for path in kept(folder):
        content = path.read_bytes()
        if how == "removed":
            path.unlink()
        elif how == "a link":
            path.rename(store / "elsewhere")
            path.symlink_to(store / "elsewhere")
        else:
            replaced(path, content[:-1] if how == "cut short" else content + b" x")
        if path.name != "manifest.json" or how != "a link":
            assert isinstance(await refusal(index), DamagedSnapshot), path.name
        path.unlink(missing_ok=True)
        path.write_bytes(content)

    assert (await index.snapshots.restore_snapshot("first", "again")).item_count == 10
    await index.close()


async def test_a_snapshot_whose_manifest_is_damaged_is_listed_and_can_be_deleted(
    folder: Path, store: Path
) -> None:
    replaced(folder / "manifest.json", b"{}")

    index = Index.open(store, originals_bytes=1000)

    (listed,) = (await index.snapshots.list_snapshots())[0]
    assert (listed.name, listed.collection, listed.item_count) == ("first", "", 0)
    assert "manifest of the snapshot 'first' is damaged: delete it" in listed.damage
    assert listed.byte_count > 100
    assert isinstance(await refusal(index), DamagedSnapshot)
    await index.snapshots.delete_snapshot("first")
    assert not folder.exists()
    assert (await index.get_usage()).byte_count < 1000
    await index.close()


async def test_another_format_is_told_with_what_reads_it(folder: Path, store: Path) -> None:
    rewritten(folder, lambda known: known.update(format=2))
    index = Index.open(store, originals_bytes=1000)

    error = await refusal(index)

    assert isinstance(error, Unsupported)
    assert "is of format 2, and this tieback reads format 1: restore it with the version" in error.message
    await index.close()


@pytest.mark.parametrize("store_format", [5, 99])
async def test_another_store_is_told_with_the_version_that_reads_it(
    folder: Path, store: Path, store_format: int
) -> None:
    rewritten(folder, lambda known: known["content"].update(store_format=store_format, tieback="9.9"))
    index = Index.open(store, originals_bytes=1000)

    error = await refusal(index)

    assert isinstance(error, Unsupported)
    assert f"written by tieback 9.9, whose store has format {store_format}" in error.message
    await index.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(item_count=11),
        lambda content: content["description"].update(width=5),
        lambda content: content["description"].update(space=["pico", "r2", "f1"]),
        lambda content: content.update(
            files=[one for one in content["files"] if "manifest" not in one["name"]]
        ),
        lambda content: content.update(
            files=[one for one in content["files"] if "/data/" not in one["name"]]
        ),
        lambda content: content["files"][0].update(name="../../store.json"),
        lambda content: content["files"][0].update(name="table/../../../store.json"),
        lambda content: content["files"][0].update(name="/etc/hostname"),
        lambda content: content.pop("created"),
    ],
)
async def test_a_manifest_that_was_made_up_is_refused(
    folder: Path, store: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    rewritten(folder, lambda known: change(known["content"]))
    index = Index.open(store, originals_bytes=1000)

    assert isinstance(await refusal(index), DamagedSnapshot)
    await index.close()


async def test_a_space_that_is_not_served_is_refused_unless_any_is_allowed(folder: Path, store: Path) -> None:
    index = Index.open(store, originals_bytes=1000, served=ServedSpaces([SpaceRef("other", "r1", "f1")]))

    error = await refusal(index)

    assert isinstance(error, NotFound)
    assert (error.kind, error.name) == ("space", "pico")
    assert "serve it (TIEBACK_SPACES) and restore it then, or say any_space" in error.message
    restored = await index.snapshots.restore_snapshot("first", "again", any_space=True)
    assert (restored.item_count, restored.stale) == (10, "")
    assert (await searched(index, "again", text="word3")).hits[0].item_id == "i3"
    await index.close()


async def test_a_space_that_is_served_in_another_revision_makes_a_stale_collection(
    folder: Path, store: Path
) -> None:
    served = ServedSpaces([SpaceRef("pico", "r2", "f2")])
    index = Index.open(store, originals_bytes=1000, served=served)

    restored = await index.snapshots.restore_snapshot("first", "again")

    assert "run tieback reindex again" in restored.stale
    assert (await index.get_collection("again")).stale == restored.stale
    assert (await searched(index, "again", text="word3")).hits[0].item_id == "i3"
    await index.close()
