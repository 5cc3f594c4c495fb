import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import lancedb
import pytest
from support.present import present
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.core.errors import StartupError, StorageFull
from tieback.index import Index

WRITER = textwrap.dedent("""
    import asyncio, sys
    from support.sections import SPACE, WIDTH, axis, item, section
    from tieback.index import Index

    async def write(index, lane):
        for n in range(10_000):
            name = f"{lane}-{n}"
            reply = await index.upsert("docs", [item(name, section(axis(n), f"word{lane}x{n}"))])
            assert reply.results == [None]
            print(name, flush=True)

    async def main():
        index = Index.open(sys.argv[1])
        await index.create_collection("docs", SPACE, WIDTH)
        await asyncio.gather(*(write(index, lane) for lane in range(4)))

    asyncio.run(main())
""")


@pytest.fixture
def acknowledged(store: Path) -> list[str]:
    """What a server that was killed in the middle of its writing had acknowledged."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, store], stdout=subprocess.PIPE, env=environment, text=True
    )
    said = present(child.stdout)
    acknowledged = [said.readline().strip() for _ in range(120)]
    child.send_signal(signal.SIGKILL)
    acknowledged += said.read().split()
    child.wait()
    said.close()
    return acknowledged


async def test_what_was_acknowledged_survives_kill_9(store: Path, acknowledged: list[str]) -> None:
    index = Index.open(store)

    kept = {kept.id for kept in (await index.list_items("docs", page_size=1000))[0]}
    assert len(acknowledged) >= 120
    assert set(acknowledged) <= kept
    for name in acknowledged[-20:]:
        (hit,) = (await searched(index, "docs", text=f"word{name.replace('-', 'x')}", limit=1)).hits
        assert hit.item_id == name
        reply = await searched(index, "docs", vector=vector(1, 1, 1, 1), filter=f"item_id = {name}")
        assert [hit.item_id for hit in reply.hits] == [name]
    assert (await index.upsert("docs", [item("after")])).results == [None]
    await index.close()


async def test_every_file_of_a_commit_is_forced_to_the_disk_before_the_acknowledgement(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    table = store / "collections" / "docs.lance"
    before = set(table.rglob("*"))

    await index.upsert("docs", [item("a")])

    fresh = set(table.rglob("*")) - before
    assert fresh
    assert set(map(str, fresh)) <= set(synced)
    manifest = next(path for path in synced if path.endswith(".manifest"))
    others = [str(path) for path in fresh if path.is_file() and path.parent.name != "_versions"]
    assert others
    assert all(synced.index(path) < synced.index(manifest) for path in others)
    assert {str(table / "data"), str(table / "_versions")} <= set(synced)


async def test_a_commit_that_a_power_cut_interrupted_is_dropped_and_the_acknowledged_ones_stay(
    index: Index, store: Path
) -> None:
    await index.upsert("docs", [item("kept", section(axis(1), "kept"))])
    await index.close()
    table = store / "collections" / "docs.lance"
    raw = lancedb.connect(store / "collections").open_table("docs")
    raw.add(raw.search().limit(1).to_arrow())  # beyond the acknowledged version
    newest = min(table.glob("_versions/*.manifest"))
    newest.write_bytes(b"\0" * newest.stat().st_size)  # its blocks never arrived
    (table / "_versions" / "latest_version_hint.json").write_bytes(b"")

    again = Index.open(store)

    assert [hit.item_id for hit in (await searched(again, "docs", text="kept")).hits] == ["kept"]
    await again.upsert("docs", [item("new")])
    assert again.size.sections == 2
    await again.close()


async def test_a_second_server_on_one_store_is_refused_and_told_which_has_it(
    index: Index, store: Path
) -> None:
    with pytest.raises(
        StartupError, match=rf"in use by another server \(process {os.getpid()}\).*TIEBACK_STORE"
    ):
        Index.open(store)

    await index.upsert("docs", [item("a")])
    await index.close()
    await Index.open(store).close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (1, "a newer tieback .*; install that version, or .* TIEBACK_STORE"),
        (-1, "an older tieback .*; name another folder with TIEBACK_STORE, and index again"),
    ],
)
async def test_a_store_of_another_format_is_refused_with_what_to_do_and_stays_as_it_is(
    index: Index, store: Path, change: int, words: str
) -> None:
    await index.upsert("docs", [item("a")])
    await index.close()
    about = store / "store.json"
    known = json.loads(about.read_text())
    about.write_text(json.dumps(known | {"format": known["format"] + change}))

    with pytest.raises(StartupError, match=f"was written by {words}"):
        Index.open(store)

    about.write_text(json.dumps(known))
    again = Index.open(store)
    assert again.size.sections == 1
    await again.close()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 1}', '{"format": 1, "page_key": "xyz"}'])
async def test_a_damaged_store_file_is_refused(index: Index, store: Path, content: str) -> None:
    await index.close()
    (store / "store.json").write_text(content)

    with pytest.raises(StartupError, match="is damaged"):
        Index.open(store)


async def test_a_folder_of_other_things_is_not_taken_for_a_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(StartupError, match=r"other things.*'thesis\.tex'"):
        Index.open(tmp_path)

    assert (tmp_path / "thesis.tex").read_text() == "years of work"


async def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StartupError, match="cannot be opened"):
        Index.open(tmp_path / "file")


async def test_what_a_killed_server_left_half_done_is_removed_at_start(index: Index, store: Path) -> None:
    await index.close()
    (store / "making" / "half.lance").mkdir()
    (store / "leaving" / "old.lance").mkdir()

    again = Index.open(store)

    assert [c.name for c in (await again.list_collections())[0]] == ["docs"]
    assert not list(store.glob("making/*")) + list(store.glob("leaving/*"))
    await again.close()


async def test_a_full_disk_refuses_writes_keeps_reads_and_recovers(small_disk: Path) -> None:
    index = Index.open(small_disk / "store")
    await index.create_collection("docs", item("a").sections[0].vector.space, 4)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 4_500_000)
    acknowledged, text = [], "lorem ipsum " * 2000

    with pytest.raises(StorageFull, match="free space or delete a collection"):
        for n in range(500):
            await index.upsert(
                "docs", [item(f"i{n}", section(axis(n), f"word{n} {os.urandom(20_000).hex()}"))]
            )
            acknowledged.append(f"i{n}")
    files = set((small_disk / "store").rglob("*"))
    with pytest.raises(StorageFull):
        await index.upsert("docs", [item("more", section(axis(0), os.urandom(200_000).hex()))])

    assert acknowledged
    assert set((small_disk / "store").rglob("*")) == files  # the attempt left nothing that takes up space
    assert await ids(index) == acknowledged
    assert (await searched(index, "docs", text="word0")).hits[0].item_id == "i0"
    ballast.unlink()
    await index.upsert("docs", [item("z", section(axis(0), text))])
    assert await ids(index) == [*acknowledged, "z"]
    await index.close()
    again = Index.open(small_disk / "store")
    assert await ids(again) == [*acknowledged, "z"]
    await again.close()


async def test_a_commit_that_the_disk_did_not_take_is_taken_back(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await index.upsert("docs", [item("kept")])
    files = set(store.rglob("*.*"))
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".manifest":
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        real(descriptor)

    with monkeypatch.context() as patched, pytest.raises(StorageFull):
        patched.setattr(os, "fsync", fsync)
        await index.upsert("docs", [item("lost", section(axis(0), "lost"))])

    assert not (await searched(index, "docs", text="lost")).hits
    assert set(store.rglob("*.*")) <= files
    await index.upsert("docs", [item("next", section(axis(0), "next"))])
    await index.close()
    again = Index.open(store)
    assert {kept.id for kept in (await again.list_items("docs"))[0]} == {"kept", "next"}
    assert [hit.item_id for hit in (await searched(again, "docs", text="next lost")).hits] == ["next"]
    await again.close()


async def test_a_commit_whose_acknowledgement_the_disk_did_not_take_is_taken_back(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await index.upsert("docs", [item("kept")])

    def fdatasync(descriptor: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with monkeypatch.context() as patched, pytest.raises(StorageFull):
        patched.setattr(os, "fdatasync", once(fdatasync, os.fdatasync))
        await index.upsert("docs", [item("lost")])
    await index.upsert("docs", [item("next")])
    await index.close()

    again = Index.open(store)
    assert {kept.id for kept in (await again.list_items("docs"))[0]} == {"kept", "next"}
    await again.close()


def once(first: Callable[[int], None], later: Callable[[int], None]) -> Callable[[int], None]:
    """Calls `first`, and from then on `later`."""
    calls = iter([first])
    return lambda descriptor: next(calls, later)(descriptor)


async def test_a_collection_is_made_though_its_maker_gives_up(index: Index, store: Path) -> None:
    making = asyncio.create_task(index.create_collection("notes", SPACE, WIDTH))
    await asyncio.sleep(0.005)
    making.cancel()

    await index.create_collection("notes", SPACE, WIDTH)
    assert (await index.upsert("notes", [item("a")])).results == [None]
    deleting = asyncio.create_task(index.delete_collection("notes"))
    await asyncio.sleep(0.001)
    deleting.cancel()
    await index.create_collection("notes", SPACE, WIDTH)
    assert (await index.upsert("notes", [item("b")])).results == [None]
    await index.close()
    again = Index.open(store)
    assert [one.damage for one in (await again.list_collections())[0]] == ["", ""]
    await again.close()


async def test_no_collection_is_half_made_on_a_full_disk(small_disk: Path) -> None:
    index = Index.open(small_disk / "store")
    with pytest.raises(OSError, match="No space left"), (small_disk / "ballast").open("wb") as ballast:
        while True:
            ballast.write(b"x" * 4096)

    with pytest.raises(StorageFull):
        await index.create_collection("docs", item("a").sections[0].vector.space, 4)

    (small_disk / "ballast").unlink()
    await index.create_collection("docs", item("a").sections[0].vector.space, 4)
    await index.close()


async def ids(index: Index) -> list[str]:
    listed, _ = await index.list_items("docs", page_size=1000)
    return sorted((kept.id for kept in listed), key=lambda name: (len(name) == 1, int(name[1:] or 0)))


async def test_stale_rows_are_compacted_away_while_searches_go_on(index: Index, store: Path) -> None:
    data = store / "collections" / "docs.lance"
    for turn in range(5):
        await index.upsert(
            "docs", [item(f"i{n}", section(axis(n), f"word{n}"), turn=turn) for n in range(400)]
        )
    before = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())

    async with asyncio.timeout(20):
        while len(list(data.glob("data/*.lance"))) > 1:
            hits = (await searched(index, "docs", text="word7", vector=vector(0, 0, 0, 1))).hits
            assert hits[0].metadata["turn"] == 4
            assert len(hits) == 10

    after = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    assert after < 0.6 * before
    await index.delete_items("docs", [f"i{n}" for n in range(100)])
    await index.close()
    again = Index.open(store)
    assert again.size.sections == 300
    opened = again._owned.to_write("docs")
    opened.writer._compact()
    assert sum(batch.num_rows for batch in opened.table.scan(["version"])) == 300
    assert (await searched(again, "docs", text="word207")).hits[0].item_id == "i207"
    await again.close()


def removed_files_held_open(store: Path) -> list[str]:
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [str(link) for link in links if link.is_relative_to(store) and str(link).endswith("(deleted)")]


async def test_compaction_keeps_no_removed_file_open(index: Index, store: Path) -> None:
    writer = index._owned.to_write("docs").writer
    for turn in range(3):
        for part in range(3):
            sections = [section(axis(1), f"apple {turn} word{n} more{7 * n}") for n in range(200)]
            await index.upsert("docs", [item(f"{turn}-{part}-{n}", one) for n, one in enumerate(sections)])
            await searched(index, "docs", text="word7 more14")
        writer._compact()

    assert removed_files_held_open(store) == []
    assert (await searched(index, "docs", text="apple", limit=5)).hits


async def test_an_idle_index_uses_no_processor_time(index: Index) -> None:
    await index.upsert("docs", [item("a")])
    await searched(index, "docs", text="a")

    begin = time.process_time()
    await asyncio.sleep(0.6)

    assert time.process_time() - begin < 0.012
