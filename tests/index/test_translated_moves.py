"""A collection whose old encoder is gone: its stored vectors are read as a transform translates them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from support.reindexing import NEW, WIDER
from support.requests import searched
from support.sections import SPACE, WIDTH, item, section, vector
from tieback.artifacts import Artifact
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.moving import StartedMove
from tieback.core.types.reindexing import ReindexedItem
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.migration.translated_vectors import TranslatedVectors
from tieback.methods import compatibility
from tieback.methods.projection import unit_rows
from tieback.models.joint.transforms import COMPATIBILITY, CompatibleTransform
from tieback_contract.arrays import Array
from tieback_contract.hits import Hit, ReadIn
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity

COUNT = 400
rng = np.random.default_rng(5)
TURN = rng.standard_normal((WIDTH, WIDER)).astype(np.float32)
OLD_ROWS = unit_rows(rng.standard_normal((COUNT, WIDTH))).astype(np.float32)
NEW_ROWS = unit_rows(OLD_ROWS @ TURN + 0.1 * rng.standard_normal((COUNT, WIDER))).astype(np.float32)


def artifact(translated: float | None, led: float) -> Artifact:
    """A transform that was measured to keep so much by each way."""
    state = compatibility.fit("subspace", OLD_ROWS, NEW_ROWS)
    facts = {"method": "subspace", "old_width": WIDTH, "width": WIDTH, "translated": translated, "led": led}
    return Artifact(COMPATIBILITY, state, facts, (SPACE, NEW))


TRANSFORM = CompatibleTransform(artifact(0.9, 0.8))
TRANSLATED = TRANSFORM.translate(OLD_ROWS)


def name(number: int) -> str:
    return f"i{number:04}"


def written(number: int) -> IndexedItem:
    return item(name(number), section(OLD_ROWS[number], f"text {number}"))


def as_new(number: int) -> IndexedSection:
    return IndexedSection(vector(*NEW_ROWS[number], space=NEW), f"text {number}", Modality.TEXT)


async def begun(store: Path, count: int, learned: Artifact) -> Index:
    """An index with a collection that has begun to be moved."""
    index = Index.open(store)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [written(number) for number in range(count)])
    learned.save(store / "upgrades/_/docs")
    transform = CompatibleTransform(learned)
    assert await index.moves.transform("docs", NEW) == (transform.revision, transform.trust)
    moving = await index.moves.begin(
        "docs", StartedMove(NEW, WIDER, translation=transform.revision, trust=transform.trust), None
    )
    assert moving.translates_stored is transform.translates_stored
    return index


async def moved(index: Index, numbers: Iterable[int]) -> None:
    pending = await index.moves.read("docs", [name(number) for number in numbers])
    made = [ReindexedItem(one.item.id, one.version, [as_new(int(one.item.id[1:]))]) for one in pending]
    assert not any(await index.moves.write("docs", made))


async def search(index: Index, number: int, limit: int = COUNT, **more: object) -> Sequence[Hit]:
    reply = await searched(index, "docs", vector=vector(*NEW_ROWS[number], space=NEW), limit=limit, **more)  # type: ignore[arg-type]
    return reply.hits


def check_exact(hits: Sequence[Hit], query: int, are_new: set[int], rows: Array = TRANSLATED) -> None:
    """Each hit was compared by its new vector or by its translated one, and says how far that is trusted."""
    for hit in hits:
        number = int(hit.item_id[1:])
        is_new = number in are_new
        assert (hit.read_in, hit.trust) == ((ReadIn.NEW, 1.0) if is_new else (ReadIn.TRANSLATED, 0.9))
        exact = float(NEW_ROWS[query] @ (NEW_ROWS if is_new else rows)[number])
        assert hit.own_score == pytest.approx(exact, abs=2e-3), "kept in half precision"


async def test_stored_vectors_are_read_translated_before_any_section_has_a_new_one(store: Path) -> None:
    index = await begun(store, COUNT, artifact(0.9, 0.8))
    hits = await search(index, 7)
    assert sorted(hit.item_id for hit in hits) == [name(number) for number in range(COUNT)]
    check_exact(hits, 7, set())
    assert [hit.item_id for hit in hits[:5]] == [
        name(row) for row in np.argsort(-(TRANSLATED @ NEW_ROWS[7]))[:5].tolist()
    ]
    await index.close()


async def test_new_vectors_keep_their_scores_and_translated_ones_are_brought_to_their_scale(
    store: Path,
) -> None:
    index = await begun(store, COUNT, artifact(0.9, 0.8))
    await moved(index, range(300))
    hits = await search(index, 350)
    assert len({hit.item_id for hit in hits}) == COUNT
    check_exact(hits, 350, set(range(300)))
    kept = [hit for hit in hits if hit.read_in is ReadIn.NEW]
    assert [hit.score for hit in kept] == pytest.approx([hit.own_score for hit in kept], abs=1e-5)
    scaled = [hit for hit in hits if hit.read_in is ReadIn.TRANSLATED]
    assert [hit.score for hit in scaled] != pytest.approx([hit.own_score for hit in scaled], abs=1e-3)
    assert name(350) in [hit.item_id for hit in hits[:10]]
    await moved(index, range(COUNT))
    check_exact(await search(index, 350), 350, set(range(COUNT)))
    await index.moves.finish("docs")
    assert {hit.read_in for hit in await search(index, 350, limit=5)} == {""}
    await index.close()


async def test_what_is_written_and_removed_meanwhile_and_a_restart_change_no_reading(store: Path) -> None:
    index = await begun(store, 300, artifact(0.9, 0.8))
    await moved(index, range(270))
    native = item(name(310), section(vector(*NEW_ROWS[310], space=NEW), "text 310"))
    await index.upsert("docs", [written(5), native, written(320)])
    await index.delete_items("docs", [name(9), name(280)])
    expected = sorted({name(n) for n in [*range(300), 310, 320]} - {name(9), name(280)})
    are_new = set(range(270)) - {5, 9} | {310}
    hits = await search(index, 310)
    assert sorted(hit.item_id for hit in hits) == expected
    check_exact(hits, 310, are_new)
    await index.close()

    index = Index.open(store)
    again = await search(index, 310)
    check_exact(again, 310, are_new)
    assert [hit.item_id for hit in again] == [hit.item_id for hit in hits]
    assert [hit.score for hit in again] == pytest.approx([hit.score for hit in hits], abs=1e-3)
    await index.moves.discard("docs")
    collection = await index.get_collection("docs")
    assert (collection.space, collection.moving, collection.item_count) == (SPACE, None, 300)
    await index.close()


async def test_queries_are_led_where_that_keeps_more_and_for_documents(store: Path) -> None:
    index = await begun(store, COUNT, artifact(0.7, 0.8))
    led = TRANSFORM(NEW_ROWS[7:8])[0]
    [hit] = await search(index, 7, limit=1)
    assert (hit.item_id, hit.read_in, hit.trust) == (name(7), ReadIn.TRANSLATED, 0.8)
    assert hit.own_score == pytest.approx(float(led @ OLD_ROWS[7]), abs=1e-5)
    await index.close()


async def test_a_search_by_documents_is_by_led_queries_and_says_what_these_are_worth(store: Path) -> None:
    index = await begun(store, COUNT, artifact(0.9, 0.8))
    hits = await search(index, 7, limit=3, granularity=Granularity.DOCUMENT)
    assert {(hit.read_in, hit.trust) for hit in hits} == {(ReadIn.TRANSLATED, 0.8)}
    await index.close()


def test_a_transform_translates_where_that_keeps_as_much() -> None:
    learned = [
        CompatibleTransform(artifact(*kept)) for kept in ((0.9, 0.9), (0.8, 0.9), (None, 0.9), (1.1, 1.05))
    ]
    assert [one.translates_stored for one in learned] == [True, False, False, True]
    assert [one.trust for one in learned] == [0.9, 0.9, 0.9, 1.0]


@pytest.mark.parametrize("learned", [artifact(0.9, 0.8), artifact(0.7, 0.8)], ids=["translated", "led"])
async def test_a_collection_with_a_graph_is_moved_to_another_with_a_graph(
    store: Path, learned: Artifact
) -> None:
    def graphed(memory: Memory) -> bool:
        memory._wholes.flat_up_to = 100
        memory.train()
        return memory.vectors.structure == "graph"

    index = await begun(store, COUNT, learned)
    translates = CompatibleTransform(learned).translates_stored
    memory = index._owned.to_write("docs").memory
    assert graphed(memory)
    await moved(index, range(300))
    assert memory.next is not None
    assert graphed(memory.next.made)
    hits = await search(index, 350)
    assert len({hit.item_id for hit in hits}) >= 0.97 * COUNT, "a graph finds nearly all"
    if translates:
        check_exact(hits, 350, set(range(300)))
    await index.close()

    index = Index.open(store)
    assert index._owned.to_write("docs").memory.vectors.structure == "graph"
    again = await search(index, 350)
    assert [hit.item_id for hit in again[:20]] == [hit.item_id for hit in hits[:20]]
    assert {hit.read_in for hit in again} == {ReadIn.NEW, ReadIn.TRANSLATED}
    await moved(index, range(COUNT))
    await index.moves.finish("docs")
    memory = index._owned.to_write("docs").memory
    assert memory.vectors.structure == "graph"
    expected = [name(row) for row in np.argsort(-(NEW_ROWS @ NEW_ROWS[350]))[:10].tolist()]
    assert [hit.item_id for hit in await search(index, 350, limit=10)] == expected
    await index.close()
    index = Index.open(store)
    assert index._owned.to_write("docs").memory.vectors.structure == "graph"
    assert [hit.item_id for hit in await search(index, 350, limit=10)] == expected
    await index.close()


async def test_many_translated_vectors_are_sorted_into_lists(index: Index) -> None:
    await index.upsert("docs", [written(number) for number in range(COUNT)])
    memory: Memory = index._owned.to_write("docs").memory
    await index.moves.begin("docs", StartedMove(NEW, WIDER), None)
    following = memory.next
    assert following is not None
    following.translated = many = TranslatedVectors(memory, TRANSFORM.translate, WIDER, flat_up_to=100)
    many.fill()
    assert many.wants_training()
    before = memory.resident_bytes
    many.train()
    assert not many.wants_training()
    assert memory.resident_bytes > before - many.resident_bytes > 0
    positions, scores = many.nearest(NEW_ROWS[7], 3, memory.living())
    assert memory.ids_at(int(positions[0]))[0] == name(int(np.argmax(TRANSLATED @ NEW_ROWS[7])))
    assert scores == pytest.approx(many.scores(positions, NEW_ROWS[7]), abs=1e-3)
