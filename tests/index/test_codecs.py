"""A collection keeps its vectors by a codec: hits are those of the vectors as they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.learning import until_learned
from support.reindexing import NEW, WIDER, encode_again
from support.requests import searched
from support.sections import SPACE, axis, item, section, vector
from tieback.collections.record import Record
from tieback.collections.served import ServedSpaces
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, StorageFull
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Put
from tieback.index.vectors.codec_choice import vectors_of
from tieback_contract.arrays import Array
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.hits import Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

WIDTH, COUNT, LIMIT = 96, 300, 10
FUNNELS = {
    "int8": MethodChoice("int8"),
    "binary": MethodChoice("binary", {"oversampling": 16}),
    "binary and int8": MethodChoice("binary", {"oversampling": 16, "rescoring": "int8"}),
    "prefix": MethodChoice("prefix", {"dimensions": 64, "rows": "float16", "oversampling": 16}),
}
LEARNED = {
    "itq": MethodChoice("itq", {"learned_from": 256, "oversampling": 16}),
    "product": MethodChoice("product", {"learned_from": 256, "dimensions_per_byte": 4}),
}
CODECS = {"float16": MethodChoice("float16"), **FUNNELS, **LEARNED}
coded = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


def clustered(count: int = COUNT, seed: int = 0) -> Array:
    """Unit vectors around twenty centres, as embeddings of a real collection lie."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(5).standard_normal((20, WIDTH))
    vectors = centres[rng.integers(0, 20, count)] + 0.8 * rng.standard_normal((count, WIDTH))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def items(vectors: Array, **metadata: Any) -> list[IndexedItem]:
    return [
        item(f"i{n:04}", section(row, f"word{n % 50}"), number=float(n), **metadata)
        for n, row in enumerate(vectors)
    ]


async def filled(index: Index, name: str, codec: MethodChoice | None) -> None:
    await index.create_collection(name, SPACE, WIDTH, codec=codec)
    reply = await index.upsert(name, items(clustered()))
    assert list(reply.results) == [None] * COUNT
    if codec in LEARNED.values():
        assert await until_learned(index, name) == COUNT


async def found(index: Index, name: str, query: Array, **how: Any) -> Sequence[Hit]:
    return (await searched(index, name, vector=vector(*query), limit=LIMIT, **how)).hits


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.item_id for hit in hits]


def scores(hits: Sequence[Hit]) -> list[float]:
    return [hit.score for hit in hits]


@pytest.fixture
async def coded_index(index: Index, codec: MethodChoice) -> Index:
    """The same items in "plain", by no codec, and in "coded", by one."""
    await filled(index, "plain", None)
    await filled(index, "coded", codec)
    return index


@coded
async def test_hits_and_similarities_are_those_of_the_vectors(coded_index: Index) -> None:
    agreeing = 0
    for query in clustered(20, seed=1):
        plain, hits = [await found(coded_index, name, query) for name in ("plain", "coded")]
        agreeing += len(set(ids(plain)) & set(ids(hits)))
        assert scores(hits) == pytest.approx(scores(plain), abs=0.01)

    assert agreeing >= 0.98 * 20 * LIMIT


@coded
@pytest.mark.parametrize("filter", ["number < 50", "number >= 100", "number = 7", "NOT number < 3"])
async def test_a_filter_leaves_the_best_of_what_it_lets_through(coded_index: Index, filter: str) -> None:
    agreeing = most = 0
    for query in clustered(10, seed=2):
        plain, hits = [await found(coded_index, name, query, filter=filter) for name in ("plain", "coded")]
        assert len(plain) == len(hits)
        agreeing, most = agreeing + len(set(ids(plain)) & set(ids(hits))), most + len(plain)

    assert agreeing >= 0.98 * most


@coded
async def test_words_ignored_dimensions_and_balanced_modalities_work_as_without(coded_index: Index) -> None:
    photos = [
        item(f"p{n}", section(row, "a photo", modality=Modality.IMAGE))
        for n, row in enumerate(clustered(60, seed=6))
    ]
    query = clustered(1, seed=3)[0]
    ignored = [IgnoredDimensions(Modality.TEXT, 0, 30)]
    for name in ("plain", "coded"):
        await coded_index.upsert(name, photos)

    for how in (
        {"text": "word7 photo"},
        {"ignored": ignored},
        {"balance_modalities": True},
        {"text": "word3", "ignored": ignored, "balance_modalities": True},
    ):
        plain, hits = [await found(coded_index, name, query, **how) for name in ("plain", "coded")]
        assert len(set(ids(plain)) & set(ids(hits))) >= LIMIT - 1, how
        assert scores(hits) == pytest.approx(scores(plain), abs=0.05), how


@coded
async def test_replaced_and_removed_items_are_not_found_and_new_ones_are(coded_index: Index) -> None:
    gone, moved, new = clustered()[5], clustered()[6], -clustered()[6]

    await coded_index.delete_items("coded", ["i0005"])
    await coded_index.upsert("coded", [item("i0006", section(new, "moved"))])
    await coded_index.upsert("coded", [item("fresh", section(gone, "new"))])

    assert "i0005" not in ids(await found(coded_index, "coded", gone))
    assert ids(await found(coded_index, "coded", gone))[0] == "fresh"
    assert ids(await found(coded_index, "coded", new))[0] == "i0006"
    assert "i0006" not in ids(await found(coded_index, "coded", moved))


@coded
async def test_a_restart_gives_the_same_answers(coded_index: Index, store: Path) -> None:
    await coded_index.delete_items("coded", [f"i{n:04}" for n in range(0, 100, 3)])
    await coded_index.upsert("coded", items(clustered(40, seed=8)))
    queries = clustered(10, seed=4)
    before = [await found(coded_index, "coded", query) for query in queries]
    known = await coded_index.get_collection("coded")
    await coded_index.close()

    again = Index.open(store)

    assert [ids(await found(again, "coded", query)) for query in queries] == [ids(hits) for hits in before]
    collection = await again.get_collection("coded")
    assert (collection.codec, collection.item_count) == (known.codec, known.item_count)
    await again.close()


@coded
async def test_photos_with_regions_are_found_as_without(index: Index, codec: MethodChoice) -> None:
    rows, parts = clustered(60), clustered(180, seed=7).reshape(60, 3, WIDTH)
    photos = [
        item(f"p{n}", section(row, modality=Modality.IMAGE, regions=list(parts[n][: n % 4])))
        for n, row in enumerate(rows)
    ]
    for name, one in (("plain", None), ("coded", codec)):
        await index.create_collection(name, SPACE, WIDTH, codec=one)
        await index.upsert(name, photos)

    for query in clustered(5, seed=9):
        plain, hits = [await found(index, name, query) for name in ("plain", "coded")]
        assert len(set(ids(plain)) & set(ids(hits))) >= LIMIT - 1
        assert scores(hits) == pytest.approx(scores(plain), abs=0.01)


async def test_candidates_with_equal_rows_are_all_compared(index: Index) -> None:
    await index.create_collection("same", SPACE, WIDTH, codec=MethodChoice("binary", {"oversampling": 1}))
    rows = np.ones((9, WIDTH), np.float32)
    rows[:, 0] = range(1, 10)
    await index.upsert("same", items(rows))

    (hit,) = (await searched(index, "same", vector=vector(*axis(0, WIDTH)), limit=1)).hits

    assert (hit.item_id, hit.score) == ("i0008", 9)


async def test_a_collection_keeps_its_codec_with_the_parameters_that_it_was_made_with(
    index: Index, store: Path
) -> None:
    made = await index.create_collection("signs", SPACE, WIDTH, codec=MethodChoice("binary"))
    await index.close()

    again = Index.open(store)

    known = await again.get_collection("signs")
    assert known.codec == made.codec
    assert (known.codec.name, set(known.codec.parameters)) == ("binary", {"oversampling", "rescoring"})
    assert (await again.get_collection("docs")).codec == MethodChoice("float32")
    await again.close()


async def test_a_collection_made_again_keeps_its_codec_unless_another_is_given(index: Index) -> None:
    codec = MethodChoice("binary", {"oversampling": 8})
    await index.create_collection("signs", SPACE, WIDTH, codec=codec)

    assert (await index.create_collection("signs", SPACE, WIDTH)).codec.name == "binary"
    assert (await index.create_collection("signs", SPACE, WIDTH, codec=codec)).codec.name == "binary"
    for other in (MethodChoice("int8"), MethodChoice("binary", {"oversampling": 9})):
        with pytest.raises(AlreadyExists, match=r"'binary' with .*leave the codec out"):
            await index.create_collection("signs", SPACE, WIDTH, codec=other)


@pytest.mark.parametrize(
    ("codec", "field"),
    [
        (MethodChoice("binary", {"oversampling": 0.5}), "codec.parameters.oversampling"),
        (MethodChoice("float16", {"oversampling": 2}), "codec.parameters.oversampling"),
        (MethodChoice("prefix", {"dimensions": WIDTH}), "codec.parameters.dimensions"),
        (MethodChoice("prefix", {"dimensions": 20, "rows": "prefix"}), "codec"),
        (MethodChoice("int8", {"rescoring": "binary"}), "codec.parameters.rescoring"),
    ],
)
async def test_a_codec_that_does_not_go_with_the_vectors_is_refused(
    index: Index, codec: MethodChoice, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await index.create_collection("more", SPACE, WIDTH, codec=codec)

    assert str(refusal.value.field).startswith(field)
    with pytest.raises(NotFound):
        await index.get_collection("more")


@pytest.mark.parametrize("codec", [MethodChoice("zip"), MethodChoice("binary", {"rescoring": "zip"})])
async def test_an_unknown_codec_is_not_found_and_the_choices_are_named(
    index: Index, codec: MethodChoice
) -> None:
    with pytest.raises(NotFound, match="codec") as refusal:
        await index.create_collection("more", SPACE, WIDTH, codec=codec)

    assert "binary" in refusal.value.choices


async def test_a_prefix_is_one_that_the_card_of_the_space_offers(tmp_path: Path) -> None:
    nested = SpaceRef("nested", "r", "f")
    index = Index.open(
        tmp_path / "own", served=ServedSpaces([SPACE, nested], widths={"nested": (32, 64, WIDTH)})
    )

    for space, says in ((SPACE, "its card has no widths"), (nested, "its card has the widths 32, 64, 96")):
        with pytest.raises(InvalidInput, match=says) as refusal:
            await index.create_collection(
                "cut", space, WIDTH, codec=MethodChoice("prefix", {"dimensions": 33})
            )
        assert str(refusal.value.field) == "codec"
    codec = MethodChoice("prefix", {"dimensions": 32})
    assert (await index.create_collection("cut", nested, WIDTH, codec=codec)).codec.name == "prefix"
    await index.close()


async def test_a_collection_that_is_encoded_again_keeps_its_codec(index: Index) -> None:
    await index.create_collection("signs", SPACE, 4, codec=MethodChoice("binary"))
    await index.upsert("signs", [item("a"), item("b")])

    await index.begin_reindex("signs", NEW, WIDER)
    await encode_again(index, "signs")
    await index.finish_reindex("signs")

    known = await index.get_collection("signs")
    assert (known.codec.name, known.width, known.item_count) == ("binary", WIDER, 2)
    along = vector(*np.eye(WIDER, dtype=np.float32)[5], space=NEW)
    assert sorted(ids((await searched(index, "signs", vector=along)).hits)) == ["a", "b"]


async def test_a_prefix_does_not_go_into_a_narrower_space(index: Index) -> None:
    await index.create_collection("cut", SPACE, WIDTH, codec=MethodChoice("prefix", {"dimensions": 32}))

    with pytest.raises(InvalidInput, match="prefix of 32 dimensions"):
        await index.begin_reindex("cut", NEW, WIDER)


async def test_a_full_disk_refuses_a_write_before_anything_of_it_is_stored(small_disk: Path) -> None:
    index = Index.open(small_disk / "store")
    wide = 32_768
    await index.create_collection("signs", SPACE, wide, codec=MethodChoice("binary"))
    one = np.ones(wide, np.float32)

    # The file begins with room for 65 rows, which are 8 MiB.
    with pytest.raises(StorageFull, match="nothing of this request was written"):
        await index.upsert("signs", [item("a", section(one, "word"))])

    assert (await index.get_collection("signs")).item_count == 0
    assert not (await searched(index, "signs", text="word")).hits
    await index.close()
    again = Index.open(small_disk / "store")
    assert (await again.get_collection("signs")).item_count == 0
    await again.close()


async def test_a_start_on_a_full_disk_keeps_a_collection_apart_until_its_rows_have_room(
    small_disk: Path,
) -> None:
    index = Index.open(small_disk / "store")
    wide = 8192
    await index.create_collection("signs", SPACE, wide, codec=MethodChoice("binary"))
    await index.upsert("signs", [item("a", section(np.ones(wide, np.float32), "word"))])
    await index.close()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 500_000))

    full = Index.open(small_disk / "store")
    assert "the disk is full" in (await full.get_collection("signs")).damage
    await full.close()
    ballast.unlink()
    again = Index.open(small_disk / "store")

    known = await again.get_collection("signs")
    assert (known.damage, known.item_count) == ("", 1)
    await again.close()


@pytest.mark.parametrize(("codec", "most"), [("int8", 1 / 3), ("binary", 1 / 16), ("float16", 0.5)])
async def test_vectors_take_less_memory_and_the_collection_says_how_much(
    index: Index, tmp_path: Path, codec: str, most: float
) -> None:
    rows = np.random.default_rng(0).standard_normal((3000, 384)).astype(np.float32)
    choice = MethodChoice(codec)
    plain, small = Memory(384), Memory(384, wholes=vectors_of(384, choice, tmp_path))
    for memory in (plain, small):
        memory.apply(
            Put(n, Record(item(f"i{n}").item, [""], [Modality.TEXT], row[None])) for n, row in enumerate(rows)
        )

    assert small.resident_bytes <= most * plain.resident_bytes
    await index.create_collection("few", SPACE, WIDTH, codec=choice)
    await index.upsert("few", items(clustered(50)))
    known = await index.get_collection("few")
    others = await index.get_collection("docs")
    assert index.size.vector_bytes - others.resident_bytes == known.resident_bytes > 0
