"""A collection keeps vectors of the tokens of its texts: pooled, coded, on the disk, with their sections."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from support.present import present
from support.reindexing import NEW, WIDER
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from support.tokens import EXACT, OWN, PLAIN, SINGLE, WIDE, text, tokens_of
from tieback.collections.record import Record
from tieback.collections.token_coding import TokenCoding
from tieback.core.errors import (
    QuotaExceeded,
    StorageFull,
)
from tieback.core.tenant import PRINCIPAL, AccessLevel, Principal, TenantQuota
from tieback.core.types.collection import IndexedSection
from tieback.core.types.reindexing import PendingItem, ReindexedItem
from tieback.index import Index
from tieback.index.memory.item_rows import ItemRows
from tieback.index.store.records import Put, schema, to_rows
from tieback.index.vectors.token_rows import TokenRows
from tieback_contract.hits import Hit
from tieback_contract.locators import LocatorKind
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector, SpaceRef


async def hit_of(index: Index, words: str, name: str = "texts") -> Hit:
    return (await searched(index, name, text=words, token_vectors=True)).hits[0]


async def rows_of(index: Index, words: str, name: str = "texts") -> MultiVector | None:
    return (await hit_of(index, words, name)).multi_vector


async def assert_kept(index: Index, words: str, name: str = "texts") -> None:
    """That the rows of a text are those that it was written with."""
    found, own = present(await rows_of(index, words, name)), tokens_of(words)
    assert found.space == OWN
    assert found.values == pytest.approx(own.values, abs=1e-6)
    assert found.locators.places.tolist() == own.locators.places.tolist()


@pytest.fixture
async def texts(index: Index) -> Index:
    """An index with a collection "texts" that keeps every row as it is, and two texts in it."""
    await index.create_collection("texts", SPACE, WIDTH, token_vectors=PLAIN)
    reply = await index.upsert("texts", [text("a", "red apples fall"), text("b", "blue boats sail away")])
    assert list(reply.results) == [None, None]
    return index


async def test_hits_come_with_the_rows_of_their_texts_where_they_are_asked_for(texts: Index) -> None:
    await assert_kept(texts, "red apples fall")
    await assert_kept(texts, "blue boats sail away")
    plain = (await searched(texts, "texts", text="red apples fall")).hits[0]
    assert plain.multi_vector is None


@pytest.mark.parametrize(
    ("codec", "far"), [("float32", 1e-6), ("float16", 1e-3), ("int8", 0.01), ("binary", 0.7)]
)
async def test_rows_are_about_those_that_were_written_by_every_codec(
    index: Index, codec: str, far: float
) -> None:
    kept = TokenVectors(OWN, WIDE, SINGLE, MethodChoice(codec))
    await index.create_collection("texts", SPACE, WIDTH, token_vectors=kept)
    await index.upsert("texts", [text("a", "red apples fall")])

    found, own = present(await rows_of(index, "apples")), tokens_of("red apples fall")

    assert np.linalg.norm(found.values - own.values, axis=1).max() < far
    assert found.locators.places.tolist() == own.locators.places.tolist()


async def test_rows_are_pooled_and_a_row_has_the_bytes_of_its_words(index: Index) -> None:
    kept = TokenVectors(OWN, WIDE, MethodChoice("neighbours", {"factor": 3}), EXACT)
    await index.create_collection("texts", SPACE, WIDTH, token_vectors=kept)
    words = "red red red blue blue blue"

    await index.upsert("texts", [text("a", words)])

    found = present(await rows_of(index, "red"))
    assert found.values == pytest.approx(tokens_of("red blue").values, abs=1e-6)
    assert found.locators.places.tolist() == [[0, 11], [12, 26]]


async def test_a_collection_tells_how_it_keeps_them_and_how_many_bytes_they_take(texts: Index) -> None:
    known = await texts.get_collection("texts")

    assert known.token_vectors == PLAIN
    assert known.token_vectors.stored_bytes == (3 + 4) * (4 * WIDE + 8)
    assert texts.size.token_bytes == known.token_vectors.stored_bytes
    assert (await texts.get_collection("docs")).token_vectors is None


async def test_rows_go_with_their_items_and_places_are_used_again(texts: Index) -> None:
    await texts.upsert("texts", [text("a", "green pears ripen")])
    await assert_kept(texts, "green pears ripen")
    await assert_kept(texts, "blue boats sail away")

    await texts.delete_items("texts", ["b"])
    await texts.upsert("texts", [text("c", "four words once more"), text("d", "one")])

    for words in ("green pears ripen", "four words once more", "one"):
        await assert_kept(texts, words)
    now = present((await texts.get_collection("texts")).token_vectors)
    assert now.stored_bytes == (3 + 4 + 1) * (4 * WIDE + 8)
    rows = present(texts._owned.to_read("texts").memory.tokens)
    assert rows._used == 3 + 4 + 1  # "a" anew has its own places, and "c" those of "b"


async def test_sections_without_rows_are_found_without(texts: Index) -> None:
    await texts.upsert("texts", [item("bare", section(axis(1), "bare words"))])
    photo = section(axis(2), "a photo", modality=Modality.IMAGE, regions=[axis(0)])
    await texts.upsert("texts", [item("photo", photo)])

    assert await rows_of(texts, "bare") is None
    assert await rows_of(texts, "photo") is None
    both = (await searched(texts, "texts", text="photo", token_vectors=True, multi_vectors=True)).hits[0]
    assert present(both.multi_vector).locators.kind is LocatorKind.BOX
    await assert_kept(texts, "red apples fall")


async def test_rows_are_there_after_a_restart_and_after_compaction(texts: Index, store: Path) -> None:
    await texts.upsert("texts", [text("a", "green pears ripen")])
    texts._owned.to_write("texts").writer._compact()
    await texts.close()

    again = Index.open(store)

    assert (await again.get_collection("texts")).token_vectors == PLAIN
    for words in ("green pears ripen", "blue boats sail away"):
        await assert_kept(again, words)
    await again.close()


KILLED = textwrap.dedent("""
    import asyncio, sys
    sys.path.insert(0, sys.argv[2])
    from support.tokens import SERVED, text
    from tieback.index import Index

    async def main():
        index = Index.open(sys.argv[1], served=SERVED)
        for number in range(100):
            reply = await index.upsert("texts", [text("x", f"number {'very ' * number}high")])
            assert list(reply.results) == [None]
            print(number, flush=True)

    asyncio.run(main())
""")


def kill_while_it_writes(store: Path) -> None:
    """Kills a server that has acknowledged six writes, and writes on."""
    command = [sys.executable, "-c", KILLED, str(store), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writing:
        for line in present(writing.stdout):
            if int(line) == 5:
                os.kill(writing.pid, signal.SIGKILL)
                break


async def test_a_server_that_is_killed_while_it_writes_has_every_acknowledged_row(
    texts: Index, store: Path
) -> None:
    await texts.close()
    await asyncio.to_thread(kill_while_it_writes, store)

    again = Index.open(store)

    (hit,) = [one for one in (await searched(again, "texts", text="number")).hits if one.item_id == "x"]
    assert hit.text.count("very") >= 5
    await assert_kept(again, hit.text)
    await assert_kept(again, "red apples fall")
    await again.close()


async def test_a_snapshot_has_the_rows_also_on_another_server(texts: Index, tmp_path: Path) -> None:
    await texts.snapshots.create_snapshot("texts", "kept")
    await texts.delete_items("texts", ["a"])
    made = await texts.snapshots.restore_snapshot("kept", "again")
    data, total = b"", 1
    while len(data) < total:
        part = await texts.snapshots.export_snapshot("kept", len(data))
        data, total = data + part.data, part.total
    other = Index.open(tmp_path / "other")
    await other.snapshots.import_snapshot("taken", 0, data, last=True)
    await other.snapshots.restore_snapshot("taken", "moved")

    assert made.token_vectors == PLAIN
    await assert_kept(texts, "red apples fall", "again")
    await assert_kept(other, "red apples fall", "moved")
    await other.close()


async def test_a_collection_that_is_encoded_again_has_the_rows_that_it_is_given(texts: Index) -> None:
    moved = SpaceRef("tokens", "r2", "f2")

    def again(pending: PendingItem) -> ReindexedItem:
        along = vector(*np.eye(WIDER, dtype=np.float32)[5], space=NEW)
        known = [
            IndexedSection(along, "", Modality.TEXT, None, tokens_of(one.content.data, moved))
            for one in pending.item.sections
            if one.content is not None and isinstance(one.content.data, str)
        ]
        return ReindexedItem(pending.item.id, pending.version, known)

    await texts.begin_reindex("texts", NEW, WIDER, TokenVectors(moved, WIDE, SINGLE, EXACT))
    page = await texts.list_pending("texts")
    assert await texts.write_reindexed("texts", [again(one) for one in page]) == [None, None]
    await assert_kept(texts, "red apples fall")  # until the end it is as it was
    await texts.finish_reindex("texts")

    found = present(await rows_of(texts, "red apples fall"))
    assert found.space == moved
    assert found.values == pytest.approx(tokens_of("red apples fall").values, abs=1e-6)


async def test_a_reindex_for_other_rows_begins_anew(texts: Index) -> None:
    await texts.begin_reindex("texts", NEW, WIDER, PLAIN)
    page = await texts.list_pending("texts")
    along = vector(*np.eye(WIDER, dtype=np.float32)[5], space=NEW)
    one = ReindexedItem(page[0].item.id, page[0].version, [IndexedSection(along, "", Modality.TEXT)])
    assert await texts.write_reindexed("texts", [one]) == [None]

    assert (await texts.begin_reindex("texts", NEW, WIDER, PLAIN)).done == 1
    assert (await texts.begin_reindex("texts", NEW, WIDER)).done == 0


async def test_rows_count_in_the_quota(store: Path) -> None:
    index = Index.open(store)
    rows, without = 40 * (4 * WIDE + 8), 2000
    tenant = Principal("acme", AccessLevel.ADMIN, TenantQuota(bytes=rows + without))
    PRINCIPAL.set(tenant)
    await index.create_collection("texts", SPACE, WIDTH, token_vectors=PLAIN)
    words = " ".join(f"w{n}" for n in range(40))

    (first,) = (await index.upsert("texts", [text("a", words)])).results
    with pytest.raises(QuotaExceeded):
        await index.upsert("texts", [text("b", words)])

    assert first is None
    assert rows < (await index.get_usage()).byte_count < rows + without
    await index.close()


async def test_rows_are_given_of_the_best_hits_as_far_as_there_is_room(index: Index) -> None:
    wide = 16_384  # a row takes 32 KiB in half precision, and 512 have room
    own = TokenVectors(OWN, wide, SINGLE, MethodChoice("binary"))
    await index.create_collection("texts", SPACE, WIDTH, token_vectors=own)
    for place in range(3):
        words = " ".join(f"w{n}" for n in range(place, 200 + place))
        known = section(axis(0) * (3 - place), words, tokens=tokens_of(words, width=wide))
        await index.upsert("texts", [item(f"i{place}", known)])

    hits = (await searched(index, "texts", vector=vector(*axis(0)), token_vectors=True)).hits

    assert [hit.item_id for hit in hits] == ["i0", "i1", "i2"]
    assert [hit.multi_vector is not None for hit in hits] == [True, True, False]


async def test_a_full_disk_refuses_rows_before_anything_of_them_is_stored(small_disk: Path) -> None:
    index = Index.open(small_disk / "store")
    wide = 65_536
    kept = TokenVectors(OWN, wide, SINGLE, EXACT)
    await index.create_collection("texts", SPACE, WIDTH, token_vectors=kept)
    words = " ".join(f"w{n}" for n in range(8))

    # The file begins with room for 72 rows, which are 18 MiB.
    with pytest.raises(StorageFull, match="nothing of this request was written"):
        await index.upsert("texts", [item("a", section(axis(0), words, tokens=tokens_of(words, width=wide)))])

    assert (await index.get_collection("texts")).item_count == 0
    await index.close()


def test_bytes_that_are_no_whole_rows_are_damage() -> None:
    coding = TokenCoding(PLAIN)
    one = text("a", "red apples")
    stored = coding.encode(present(one.sections[0].tokens))
    record = Record(
        one.item, ["red apples"], [Modality.TEXT], np.zeros((1, WIDTH), np.float32), tokens={0: stored}
    )
    batch = to_rows([Put(1, record)], schema(WIDTH, {}))

    ((place, read),) = ItemRows.of(batch).tokens(coding.row_bytes)
    assert (place, read.tolist()) == (0, stored.tolist())
    with pytest.raises(ValueError, match="reshape"):
        list(ItemRows.of(batch).tokens(coding.row_bytes + 1))


def test_a_text_of_many_rows_is_read_as_it_was_put(tmp_path: Path) -> None:
    coding = TokenCoding(PLAIN)
    rows = TokenRows(coding, tmp_path)
    every = {n: tokens_of(" ".join(f"w{n}-{k}" for k in range(1 + 7 * n % 90))) for n in range(60)}
    for position, tokens in every.items():
        stored = coding.encode(tokens)
        rows.reserve(len(stored))
        rows.put(position, stored)

    found = rows.take([*reversed(range(60)), 99], 10_000)

    assert found[-1] is None
    for position, multi in zip(reversed(range(60)), found, strict=False):
        assert present(multi).values == pytest.approx(every[position].values, abs=1e-6)
