"""A collection learns its codec from its own vectors, once, and keeps what it learned wherever it goes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.learning import until_learned
from support.reindexing import NEW, WIDER, encode_again
from support.requests import searched
from support.sections import SPACE, item, section, vector
from tieback.collections.record import Record
from tieback.core.errors import InvalidInput, StorageFull
from tieback.core.state import State
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Put, Remove
from tieback.index.store.table import DiskLedger
from tieback.index.vectors.codec_choice import codec_of, learned_vectors, vectors_of
from tieback.index.vectors.learned_state import FOLDER
from tieback.methods.codecs import LearnedCodec
from tieback_contract.arrays import Array
from tieback_contract.hits import Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

WIDTH, ENOUGH, LIMIT = 32, 256, 10
CODECS = {
    "itq": {"learned_from": ENOUGH, "oversampling": 16},
    "straight_through": {"learned_from": ENOUGH, "oversampling": 16, "steps": 20},
    "product": {"learned_from": ENOUGH, "oversampling": 16, "dimensions_per_byte": 4},
}
CHOICES = [MethodChoice(name, parameters) for name, parameters in CODECS.items()]
ITQ = CHOICES[0]


def unit(count: int, seed: int = 0, width: int = WIDTH) -> Array:
    rows = np.random.default_rng(seed).standard_normal((count, width))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def items(vectors: Array, first: int = 0) -> list[IndexedItem]:
    return [item(f"i{first + n:04}", section(row, f"word{n % 50}")) for n, row in enumerate(vectors)]


async def ids(index: Index, name: str, query: Array) -> list[str]:
    hits: Sequence[Hit] = (await searched(index, name, vector=vector(*query), limit=LIMIT)).hits
    return [hit.item_id for hit in hits]


def states(store: Path, collection: str) -> dict[str, bytes]:
    """The files of what a collection learned, by their names."""
    folder = store / "collections" / f"{collection}.lance" / FOLDER
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
async def learned(index: Index) -> Index:
    """An index with a collection "coded" of 300 items that has learned its codec."""
    await index.create_collection("coded", SPACE, WIDTH, codec=ITQ)
    await index.upsert("coded", items(unit(300)))
    await until_learned(index, "coded")
    return index


@pytest.mark.parametrize("codec", CHOICES, ids=CODECS)
async def test_vectors_are_compared_as_they_are_until_there_are_enough_to_learn_from(
    index: Index, codec: MethodChoice
) -> None:
    for name, one in (("plain", None), ("coded", codec)):
        await index.create_collection(name, SPACE, WIDTH, codec=one)
        await index.upsert(name, items(unit(ENOUGH - 1)))
    few, plain = [await index.get_collection(name) for name in ("coded", "plain")]
    queries = unit(20, seed=1)
    for query in queries:
        assert await ids(index, "coded", query) == await ids(index, "plain", query)
    assert (few.codec_trained_on, few.resident_bytes) == (0, plain.resident_bytes)

    for name in ("plain", "coded"):
        await index.upsert(name, items(unit(ENOUGH, seed=2), first=ENOUGH))

    assert ENOUGH <= await until_learned(index, "coded") <= 2 * ENOUGH
    agreeing = 0
    for query in queries:
        coded, exact = [await ids(index, name, query) for name in ("coded", "plain")]
        agreeing += len(set(coded) & set(exact))
    assert agreeing >= 0.97 * len(queries) * LIMIT


@pytest.mark.parametrize("codec", CHOICES, ids=CODECS)
def test_learned_rows_take_less_memory(tmp_path: Path, codec: MethodChoice) -> None:
    rows = unit(4000, width=128)
    plain, small = Memory(128), Memory(128, wholes=vectors_of(128, codec, tmp_path))
    for memory in (plain, small):
        memory.apply(
            Put(n, Record(item(f"i{n}").item, [""], [Modality.TEXT], row[None])) for n, row in enumerate(rows)
        )

    small.train()

    assert small.codec_trained_on == 4000
    assert small.resident_bytes < 0.15 * plain.resident_bytes


async def test_a_restart_reads_what_was_learned_and_learns_nothing(learned: Index, store: Path) -> None:
    queries, kept = unit(10, seed=4), states(store, "coded")
    before = [await ids(learned, "coded", query) for query in queries]
    await learned.close()

    again = Index.open(store)

    assert (await again.get_collection("coded")).codec_trained_on == 300
    assert [await ids(again, "coded", query) for query in queries] == before
    assert states(store, "coded") == kept
    await again.close()


async def test_later_writes_and_compactions_leave_what_was_learned_as_it_is(
    learned: Index, store: Path
) -> None:
    kept = states(store, "coded")

    await learned.upsert("coded", items(unit(600, seed=5)))
    await learned.delete_items("coded", [f"i{n:04}" for n in range(0, 600, 2)])
    learned._owned.to_write("coded").writer._compact()
    await learned.upsert("coded", items(unit(20, seed=6), first=2000))

    assert len(kept) == 3
    assert states(store, "coded") == kept
    assert (await learned.get_collection("coded")).codec_trained_on == 300
    assert (await ids(learned, "coded", unit(20, seed=6)[7]))[0] == "i2007"
    await learned.close()
    again = Index.open(store)
    assert (await again.get_collection("coded")).codec_trained_on == 300
    await again.close()


async def test_a_restored_snapshot_has_what_was_learned(learned: Index, store: Path) -> None:
    kept = states(store, "coded")
    await learned.snapshots.create_snapshot("coded", "first")
    await learned.delete_collection("coded")

    await learned.snapshots.restore_snapshot("first", "again")

    assert (await learned.get_collection("again")).codec_trained_on == 300
    assert states(store, "again") == kept
    assert (await ids(learned, "again", unit(300)[7]))[0] == "i0007"


async def test_a_snapshot_has_nothing_of_what_is_just_being_written(learned: Index, store: Path) -> None:
    kept = states(store, "coded")
    partial = store / "collections" / "coded.lance" / FOLDER / ".0123-4567"
    partial.mkdir()
    (partial / "artifact.json").write_text("{")

    await learned.snapshots.create_snapshot("coded", "first")
    await learned.snapshots.restore_snapshot("first", "again")

    assert states(store, "again") == kept


async def test_a_snapshot_of_before_learns_by_itself_once_it_is_restored(index: Index) -> None:
    await index.create_collection("coded", SPACE, WIDTH, codec=ITQ)
    await index.upsert("coded", items(unit(200)))
    await index.snapshots.create_snapshot("coded", "first")
    await index.snapshots.restore_snapshot("first", "again")
    assert (await index.get_collection("again")).codec_trained_on == 0

    await index.upsert("again", items(unit(100, seed=2), first=200))

    assert await until_learned(index, "again") == 300
    assert (await index.get_collection("coded")).codec_trained_on == 0


async def test_a_collection_that_is_encoded_again_learns_again_in_the_new_space(
    index: Index, store: Path
) -> None:
    await index.create_collection("coded", SPACE, 8, codec=ITQ)

    with pytest.raises(InvalidInput, match="6 dimensions are 6") as refusal:
        await index.begin_reindex("coded", NEW, WIDER)

    assert str(refusal.value.field) == "codec.parameters.bits_per_dimension"
    pairs = MethodChoice("product", {"learned_from": ENOUGH, "dimensions_per_byte": 2})
    await index.create_collection("pairs", SPACE, 8, codec=pairs)
    await index.upsert("pairs", items(unit(300, width=8)))
    await until_learned(index, "pairs")
    before = states(store, "pairs")
    await index.begin_reindex("pairs", NEW, WIDER)
    await encode_again(index, "pairs")
    await index.finish_reindex("pairs")
    assert await until_learned(index, "pairs") >= ENOUGH
    assert not set(states(store, "pairs")) & set(before)
    await index.close()
    again = Index.open(store)
    known = await again.get_collection("pairs")
    assert (known.width, known.damage, known.codec_trained_on >= ENOUGH) == (WIDER, "", True)
    await again.close()


def damage(folder: Path) -> None:
    (file,) = folder.glob("*/state.safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def cut_short(folder: Path) -> None:
    """As a server leaves it that is killed while it writes."""
    (whole,) = folder.iterdir()
    whole.rename(folder / f".{whole.name}-0123abcd")
    (folder / f".{whole.name}-0123abcd" / "artifact.json").unlink()


@pytest.mark.parametrize("harm", [damage, cut_short, shutil.rmtree])
async def test_what_is_no_longer_whole_is_learned_again(
    learned: Index, store: Path, harm: Callable[[Path], Any]
) -> None:
    before = states(store, "coded")
    await learned.close()
    harm(store / "collections" / "coded.lance" / FOLDER)

    again = Index.open(store)

    assert await until_learned(again, "coded") == 300
    assert (await again.get_collection("coded")).damage == ""
    assert set(states(store, "coded")) == set(before)
    assert (await ids(again, "coded", unit(300)[7]))[0] == "i0007"
    await again.close()


def test_what_is_written_while_the_codec_is_learned_is_there_afterwards(tmp_path: Path) -> None:
    made = codec_of(WIDTH, ITQ)
    assert isinstance(made, LearnedCodec)
    rows = unit(400)

    def fit(vectors: Array) -> State:
        put(memory, {5: rows[300], 380: rows[380]})  # one anew, and a new one
        memory.apply([Remove(1000, "i6")])
        return made.fit(vectors)

    memory = Memory(WIDTH, wholes=learned_vectors(WIDTH, replace(made, fit=fit), ITQ, tmp_path))
    put(memory, dict(enumerate(rows[:300])))

    memory.train()

    assert memory.codec_trained_on == 300
    living = memory.living()
    best = [memory.nearest(rows[n], 1, living)[0][0] for n in (7, 300, 380)]
    assert [memory.order_key(int(position))[0] for position in best] == ["i7", "i5", "i380"]
    assert "i6" not in memory.items
    assert memory.section_count == 300


def put(memory: Memory, rows: dict[int, Array]) -> None:
    memory.apply(
        Put(n, Record(item(f"i{n}").item, [""], [Modality.TEXT], row[None])) for n, row in rows.items()
    )


def test_a_collection_that_is_removed_while_its_codec_is_learned_leaves_nothing(tmp_path: Path) -> None:
    made = codec_of(WIDTH, ITQ)
    assert isinstance(made, LearnedCodec)
    folder = tmp_path / "coded.lance"
    folder.mkdir()

    def fit(vectors: Array) -> State:
        folder.rmdir()
        return made.fit(vectors)

    memory = Memory(WIDTH, wholes=learned_vectors(WIDTH, replace(made, fit=fit), ITQ, folder))
    put(memory, dict(enumerate(unit(300))))

    memory.train()

    assert list(tmp_path.iterdir()) == []
    assert memory.codec_trained_on == 0


def test_what_was_learned_goes_where_the_folder_is_moved_to_meanwhile(tmp_path: Path) -> None:
    made = codec_of(WIDTH, ITQ)
    assert isinstance(made, LearnedCodec)
    folder, moved = tmp_path / "made", tmp_path / "coded.lance"
    folder.mkdir()

    def fit(vectors: Array) -> State:
        folder.rename(moved)
        return made.fit(vectors)

    memory = Memory(WIDTH, wholes=learned_vectors(WIDTH, replace(made, fit=fit), ITQ, folder))
    put(memory, dict(enumerate(unit(300))))

    memory.train()

    assert learned_vectors(WIDTH, made, ITQ, moved).trained_on == 300
    assert list(tmp_path.iterdir()) == [moved]


async def test_a_commit_that_is_taken_back_leaves_what_was_learned_since_the_last(
    learned: Index, store: Path
) -> None:
    folder, aside = store / "collections" / "coded.lance" / FOLDER, store / "aside"
    folder.rename(aside)
    ledger = DiskLedger(folder.parent)
    aside.rename(folder)
    kept = states(store, "coded")

    ledger.remove_new()

    assert len(kept) == 3
    assert states(store, "coded") == kept


async def test_a_full_disk_leaves_a_collection_exact_until_there_is_room(small_disk: Path) -> None:
    index = Index.open(small_disk / "store")
    await index.create_collection("coded", SPACE, WIDTH, codec=ITQ)
    await index.upsert("coded", items(unit(ENOUGH - 1)))
    memory = index._owned.to_write("coded").memory
    put(memory, {900: unit(1, seed=3)[0]})
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 8192))

    with pytest.raises(StorageFull):
        memory.train()

    assert (await index.get_collection("coded")).codec_trained_on == 0
    assert (await ids(index, "coded", unit(300)[7]))[0] == "i0007"
    ballast.unlink()
    memory.train()
    assert (await index.get_collection("coded")).codec_trained_on == ENOUGH
    await index.close()


@each(
    "codec, field",
    [
        (MethodChoice("product", {"dimensions_per_byte": 5}), "dimensions_per_byte"),
        (MethodChoice("itq", {"bits_per_dimension": 0.1}), "bits_per_dimension"),
        (MethodChoice("itq", {"learned_from": 10}), "learned_from"),
        (MethodChoice("itq", {"rescoring": "product"}), "rescoring"),
        (MethodChoice("binary", {"rescoring": "itq"}), "rescoring"),
        (MethodChoice("prefix", {"dimensions": 16, "rows": "itq"}), "rows"),
    ],
)
async def test_a_learned_codec_that_does_not_go_with_the_vectors_is_refused(
    index: Index, codec: MethodChoice, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await index.create_collection("more", SPACE, WIDTH, codec=codec)

    assert str(refusal.value.field) == f"codec.parameters.{field}"
