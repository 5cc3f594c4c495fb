"""Originals: kept by their content, once per tenant, for as long as something refers to them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from support.acting import begun
from support.originals import files, photo
from support.present import present
from support.sections import SPACE, WIDTH, axis, vector
from tieback.core.errors import NotFound, QuotaExceeded, StorageFull
from tieback.core.tenant import AccessLevel, CollectionKey, Principal, Share, TenantQuota
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.reindexing import PendingItem
from tieback.index import Index
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

NEW = SpaceRef("pico", "r2", "f2")


async def pending(index: Index, name: str = "docs") -> list[PendingItem]:
    await index.begin_reindex(name, NEW, WIDTH)
    return await index.list_pending(name)


@pytest.fixture
async def index(store: Path) -> AsyncIterator[Index]:
    index = Index.open(store, originals_bytes=1000)
    await index.create_collection("docs", SPACE, WIDTH)
    yield index
    await index.close()


async def test_what_was_ingested_is_given_back_to_be_encoded_again(index: Index) -> None:
    cloud = np.arange(12, dtype=np.float32).reshape(4, 3)
    item = photo("a", b"red", b"green")
    others = [Content(Modality.POINTS, cloud), Content(Modality.TEXT, "words")]
    sections = [*item.item.sections, *(Section(str(2 + n), one) for n, one in enumerate(others))]
    kinds = [Modality.IMAGE, Modality.IMAGE, Modality.POINTS, Modality.TEXT]
    known = [IndexedSection(vector(*axis(0)), "w", kind) for kind in kinds]
    await index.upsert("docs", [IndexedItem(Item("a", sections), known)])

    [found] = await pending(index)

    red, green, points, text = (section.content for section in found.item.sections)
    assert (red, green, text) == tuple(sections[n].content for n in (0, 1, 3))
    data = present(points).data
    assert isinstance(data, np.ndarray)
    assert np.array_equal(data, cloud)
    assert (await index.get_item("docs", "a")).sections[0].content is None


async def test_the_same_bytes_are_stored_once_and_removed_with_the_last_that_refers_to_them(
    index: Index, store: Path
) -> None:
    await index.upsert("docs", [photo("a", b"red", b"red"), photo("b", b"red", b"blue")])
    assert files(store) == [b"blue", b"red"]

    await index.delete_items("docs", ["a"])
    assert files(store) == [b"blue", b"red"]
    await index.upsert("docs", [photo("b", b"blue")])
    assert files(store) == [b"blue"]
    await index.create_collection("other", SPACE, WIDTH)
    await index.upsert("other", [photo("c", b"blue")])
    await index.delete_collection("docs")
    assert files(store) == [b"blue"]
    await index.delete_collection("other")
    assert files(store) == []


async def test_what_a_section_was_encoded_from_can_be_read(index: Index) -> None:
    text = IndexedItem(
        Item("b", [Section("1", Content(Modality.TEXT, "words"))]),
        [IndexedSection(vector(*axis(0)), "words", Modality.TEXT)],
    )
    await index.upsert("docs", [photo("a", b"red", b"green"), text])

    assert (await index.stored.get_original("docs", "a", "1")).data == b"green"
    assert (await index.stored.get_original("docs", "b", "1")).data == "words"


@pytest.mark.parametrize(
    ("item", "section", "reason", "said"),
    [
        ("x", "1", "ITEM_NOT_FOUND", "no item of that id"),
        ("a", "9", "SECTION_NOT_FOUND", "0, 1"),
        ("a", "1", "ORIGINAL_NOT_FOUND", "TIEBACK_ORIGINALS_BYTES"),
    ],
)
async def test_an_original_that_cannot_be_read_says_why(
    index: Index, store: Path, item: str, section: str, reason: str, said: str
) -> None:
    await index.upsert("docs", [photo("a", b"red", b"green")])
    for path in (store / "originals").glob("*/*"):
        path.unlink()

    with pytest.raises(NotFound, match=said) as error:
        await index.stored.get_original("docs", item, section)

    assert error.value.reason == reason


async def test_originals_are_read_by_those_a_collection_is_shared_with_and_nobody_else(store: Path) -> None:
    index = Index.open(store, originals_bytes=1000)
    await begun(Principal("globex"), index.create_collection("docs", SPACE, WIDTH))
    await begun(Principal("globex"), index.upsert("docs", [photo("a", b"red")]))
    guest = Principal(
        "acme", shared={CollectionKey("globex", "docs"): Share(AccessLevel.READ, TenantQuota())}
    )

    read = await begun(guest, index.stored.get_original("globex/docs", "a", "0"))
    with pytest.raises(NotFound, match="collection"):
        await begun(Principal("acme"), index.stored.get_original("globex/docs", "a", "0"))

    assert read.data == b"red"
    await index.close()


async def test_tenants_share_no_original(index: Index, store: Path) -> None:
    for tenant in ("acme", "globex"):
        await begun(Principal(tenant), index.create_collection("docs", SPACE, WIDTH))
        await begun(Principal(tenant), index.upsert("docs", [photo("a", b"red")]))
    assert sorted(path.parent.name for path in (store / "originals").glob("*/*")) == ["acme", "globex"]

    await begun(Principal("acme"), index.delete_collection("docs"))

    assert [path.parent.name for path in (store / "originals").glob("*/*")] == ["globex"]


async def test_past_the_limit_nothing_of_the_write_is_kept(index: Index, store: Path) -> None:
    await index.upsert("docs", [photo("a", b"1" * 600)])

    with pytest.raises(StorageFull, match="TIEBACK_ORIGINALS_BYTES"):
        await index.upsert("docs", [photo("b", b"2" * 401), photo("c", b"3")])

    assert files(store) == [b"1" * 600]
    assert (await index.get_collection("docs")).item_count == 1
    await index.upsert("docs", [photo("b", b"2" * 400), photo("c", b"1" * 600)])
    assert index.size.originals == 1000


async def test_originals_count_in_the_quota_and_those_of_a_refused_write_are_removed(
    index: Index, store: Path
) -> None:
    tenant = Principal("acme", quota=TenantQuota(bytes=500))
    await begun(tenant, index.create_collection("docs", SPACE, WIDTH))

    with pytest.raises(QuotaExceeded):
        await begun(tenant, index.upsert("docs", [photo("a", b"1" * 600)]))

    assert files(store) == []


async def test_off_by_the_setting_none_is_kept_and_those_that_are_there_stay(store: Path) -> None:
    index = Index.open(store, originals_bytes=1000)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [photo("a", b"red")])
    await index.close()

    index = Index.open(store, originals_bytes=0)
    await index.upsert("docs", [photo("b", b"blue")])

    assert files(store) == [b"red"]
    assert [one.item.sections[0].content is None for one in await pending(index)] == [False, True]
    await index.close()


async def test_a_start_sweeps_what_nothing_refers_to_and_no_more(store: Path) -> None:
    index = Index.open(store, originals_bytes=1000)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [photo("a", b"red")])
    await index.begin_reindex("docs", NEW, WIDTH)
    await index.close()
    (store / "originals" / "_" / ("0" * 64)).write_bytes(b"orphan")
    (store / "originals" / "_" / ("1" * 64 + ".partial")).write_bytes(b"half")

    index = Index.open(store, originals_bytes=1000)

    assert files(store) == [b"red"]
    assert index.size.originals == 3
    await index.close()


async def test_beside_a_damaged_collection_nothing_of_the_tenant_is_swept(store: Path) -> None:
    index = Index.open(store, originals_bytes=1000)
    for name in ("docs", "sound"):
        await index.create_collection(name, SPACE, WIDTH)
        await index.upsert(name, [photo("a", name.encode())])
    await index.close()
    for path in (store / "collections" / "docs.lance" / "data").glob("*"):
        path.write_bytes(b"damaged")

    index = Index.open(store, originals_bytes=1000)
    await index.delete_items("sound", ["a"])

    assert index.size.damaged == 1
    assert files(store) == [b"docs", b"sound"]
    await index.close()


async def test_an_original_that_is_damaged_or_missing_is_missing(index: Index, store: Path) -> None:
    await index.upsert("docs", [photo("a", b"red", b"blue")])
    for path in (store / "originals").glob("*/*"):
        if path.read_bytes() == b"red":
            path.write_bytes(b"rot")
        else:
            path.unlink()

    [found] = await pending(index)

    assert [section.content for section in found.item.sections] == [None, None]


async def test_writes_and_removals_of_the_same_bytes_at_once_lose_none_that_is_referred_to(
    index: Index, store: Path
) -> None:
    async def turn(name: str) -> None:
        for _ in range(8):
            await index.upsert("docs", [photo(name, b"shared", name.encode())])
            await index.delete_items("docs", [name])
        await index.upsert("docs", [photo(name, b"shared", name.encode())])

    await asyncio.gather(*(turn(f"n{n}") for n in range(6)))

    assert files(store) == sorted([b"shared", *(f"n{n}".encode() for n in range(6))])


WRITER = textwrap.dedent("""
    import asyncio, sys
    from support.originals import photo
    from support.sections import SPACE, WIDTH
    from tieback.index import Index

    def say(*words):  # in one write, so that a kill tears no line
        print(" ".join(words) + "\\n", end="", flush=True)

    async def write(index, lane):
        for n in range(10_000):
            name = f"{lane}-{n}"
            await index.upsert("docs", [photo(name, name.encode() * 50, b"shared" * (n % 3 + 1))])
            say("put", name)
            if n % 4 == 3:
                gone = f"{lane}-{n - 2}"
                say("removing", gone)
                await index.delete_items("docs", [gone])

    async def main():
        index = Index.open(sys.argv[1], originals_bytes=10**9)
        await index.create_collection("docs", SPACE, WIDTH)
        await asyncio.gather(*(write(index, lane) for lane in range(3)))

    asyncio.run(main())
""")


def killed(store: Path, after: int) -> list[list[str]]:
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), *sys.path])
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, store],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
    )  # fmt: skip
    said = present(child.stdout)
    lines = [said.readline().split() for _ in range(after)]
    child.send_signal(signal.SIGKILL)
    lines += [line.split() for line in said.read().splitlines()]
    child.wait()
    said.close()
    return lines


@pytest.mark.parametrize("after", [7, 40, 91])
async def test_after_kill_9_every_acknowledged_item_has_its_originals_and_nothing_else_is_kept(
    store: Path, after: int
) -> None:
    lines = killed(store, after)

    index = Index.open(store, originals_bytes=10**9)

    put, removing = ({line[1] for line in lines if line[0] == word} for word in ("put", "removing"))
    found = {one.item.id: one.item for one in await pending(index)}
    after_page = max(found)
    while page := await index.list_pending("docs", after_page):
        found |= {one.item.id: one.item for one in page}
        after_page = page[-1].item.id
    assert put - removing <= found.keys()
    contents = [present(section.content) for item in found.values() for section in item.sections]
    assert set(files(store)) == {content.data for content in contents}
    await index.close()


async def test_an_original_is_kept_only_where_the_modality_is_that_of_its_content(
    index: Index, store: Path
) -> None:
    wrong = photo("a", b"red")
    known = [IndexedSection(vector(*axis(0)), "w", Modality.AUDIO)]

    reply = await index.upsert("docs", [IndexedItem(wrong.item, known)])

    assert reply.results == [None]
    assert files(store) == []
