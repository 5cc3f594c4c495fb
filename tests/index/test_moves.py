"""A collection between two spaces: one ranking over both, and nothing mixed, doubled or missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.reindexing import NEW, WIDER
from support.requests import searched
from support.sections import SPACE, WIDTH, item, section, vector
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound
from tieback.core.types.collection import FollowingVectors, IndexedItem, IndexedSection, ReindexedPiece
from tieback.core.types.moving import SecondVector, StartedMove
from tieback.core.types.reindexing import ReindexedItem
from tieback.index import Index
from tieback_contract.arrays import Array
from tieback_contract.hits import Hit, ReadIn
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

COUNT = 400
rng = np.random.default_rng(3)
TURN = rng.standard_normal((WIDTH, WIDER)).astype(np.float32)


def unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


OLD_ROWS = unit(rng.standard_normal((COUNT, WIDTH)))
NEW_ROWS = unit(OLD_ROWS @ TURN)


def name(number: int) -> str:
    return f"i{number:04}"


def written(number: int, **more: Any) -> IndexedItem:
    metadata: dict[str, Any] = {"even": number % 2 == 0} | more
    return item(name(number), section(OLD_ROWS[number], f"word{number % 7} text {number}"), **metadata)


def as_new(row: Array) -> IndexedSection:
    return IndexedSection(vector(*row, space=NEW), "", Modality.TEXT)


async def filled(index: Index, count: int = COUNT) -> None:
    await index.upsert("docs", [written(number) for number in range(count)])


async def moved(index: Index, numbers: Iterable[int]) -> None:
    pending = await index.moves.read("docs", [name(number) for number in numbers])
    errors = await index.moves.write(
        "docs",
        [
            ReindexedItem(one.item.id, one.version, [as_new(NEW_ROWS[int(one.item.id[1:])])])
            for one in pending
        ],
    )
    assert not any(errors)


async def begun(index: Index) -> StartedMove:
    return await index.moves.begin("docs", StartedMove(NEW, WIDER, request={"collection": "docs"}), None)


def asked(number: int) -> tuple[Array, Array]:
    query = unit(OLD_ROWS[number] + 0.3 * unit(np.random.default_rng(number).standard_normal(WIDTH)))
    return query, unit(query @ TURN)


async def search(index: Index, number: int, **more: object) -> Sequence[Hit]:
    old, new = asked(number)
    second = SecondVector(vector(*new, space=NEW))
    reply = await searched(index, "docs", vector=vector(*old), second=second, **more)  # type: ignore[arg-type]
    return reply.hits


def check_exact(hits: Sequence[Hit], number: int, are_new: set[int]) -> None:
    """Each hit was compared in the space that it is in, by the vectors of that space."""
    old, new = asked(number)
    for hit in hits:
        row = int(hit.item_id[1:])
        is_new = row in are_new
        assert hit.read_in is (ReadIn.NEW if is_new else ReadIn.OLD)
        exact = float(new @ NEW_ROWS[row]) if is_new else float(old @ OLD_ROWS[row])
        assert hit.own_score == pytest.approx(exact, abs=1e-5)


async def test_a_search_reads_every_section_once_in_the_space_that_it_is_in(index: Index) -> None:
    await filled(index)
    await begun(index)
    await moved(index, range(300))
    hits = await search(index, 5, limit=COUNT)
    assert sorted(hit.item_id for hit in hits) == [name(number) for number in range(COUNT)]
    check_exact(hits, 5, set(range(300)))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_both_spaces_are_in_one_ranking_by_calibrated_scores(index: Index) -> None:
    await filled(index)
    await begun(index)
    await moved(index, range(0, COUNT, 1))
    all_new = [hit.item_id for hit in await search(index, 7, limit=10)]
    new = asked(7)[1]
    assert all_new == [name(row) for row in np.argsort(-(NEW_ROWS @ new))[:10].tolist()]


async def test_until_enough_sections_are_there_the_old_space_is_read_alone(index: Index) -> None:
    await filled(index)
    await begun(index)
    await moved(index, range(200))
    hits = await search(index, 5, limit=10)
    check_exact(hits, 5, set())
    old, _ = asked(5)
    assert [hit.item_id for hit in hits] == [name(row) for row in np.argsort(-(OLD_ROWS @ old))[:10].tolist()]


async def test_filters_words_limits_and_balance_hold_between_two_spaces(index: Index) -> None:
    await filled(index)
    await begun(index)
    await moved(index, range(300))
    hits = await search(index, 8, limit=COUNT, filter="even = true")
    assert sorted(hit.item_id for hit in hits) == [name(number) for number in range(0, COUNT, 2)]
    hybrid = await search(index, 8, limit=20, text="word3")
    assert len({hit.item_id for hit in hybrid}) == 20
    check_exact(hybrid, 8, set(range(300)))
    assert len(await search(index, 8, limit=5, hits_per_item=1, balance_modalities=True)) == 5
    near = await search(index, 8, limit=COUNT, vector_search=MethodChoice("within", {"similarity": 0.5}))
    assert near
    assert all(hit.score >= 0.5 for hit in near)


async def test_what_is_written_meanwhile_is_in_both_spaces_and_what_is_removed_in_none(index: Index) -> None:
    await filled(index, 300)
    await begun(index)
    await moved(index, range(300))
    extra = written(310)
    following = FollowingVectors([as_new(NEW_ROWS[310])])
    await index.upsert("docs", [IndexedItem(extra.item, extra.sections, following), written(5, changed=True)])
    await index.delete_items("docs", [name(9)])
    hits = await search(index, 310, limit=COUNT)
    assert sorted(hit.item_id for hit in hits) == sorted(
        {name(n) for n in range(300)} - {name(9)} | {name(310)}
    )
    check_exact(hits, 310, set(range(300)) - {5, 9} | {310})
    assert await index.moves.in_order_of_use("docs") == [name(5)]


async def test_the_most_used_items_are_next_and_then_the_newest(index: Index) -> None:
    await filled(index)
    await begun(index)
    await moved(index, range(260))
    for _ in range(3):
        await search(index, 300, limit=3, filter='item_id = "i0300"')
    await search(index, 310, limit=1, filter='item_id = "i0310"')
    order = await index.moves.in_order_of_use("docs")
    assert order[:3] == [name(300), name(310), name(399)]
    assert len(order) == COUNT - 260


async def test_a_section_that_the_new_space_splits_is_one_hit_with_its_best_pieces_score(
    index: Index,
) -> None:
    await filled(index, 300)
    text = "one two three four"
    await index.upsert("docs", [item("long", section(OLD_ROWS[350], text), section(OLD_ROWS[351], "short"))])
    await begun(index)
    await moved(index, range(300))
    [pending] = await index.moves.read("docs", ["long"])
    first, second = pending.item.sections
    pieces = [
        ReindexedPiece(0, first.id, (0, 7)),
        ReindexedPiece(0, "more", (8, 18)),
        ReindexedPiece(1, second.id),
    ]
    rows = [as_new(NEW_ROWS[row]) for row in (352, 353, 351)]
    assert await index.moves.write("docs", [ReindexedItem("long", pending.version, rows, pieces)]) == [None]
    hits = [hit for hit in await search(index, 353, limit=COUNT) if hit.item_id == "long"]
    assert sorted(hit.section_id for hit in hits) == sorted((first.id, second.id))
    new = asked(353)[1]
    whole = next(hit for hit in hits if hit.section_id == first.id)
    assert whole.text == text
    assert whole.own_score == pytest.approx(max(float(new @ NEW_ROWS[row]) for row in (352, 353)), abs=1e-5)


async def test_it_ends_in_the_new_space_or_as_it_was(index: Index) -> None:
    await filled(index, 300)
    await begun(index)
    await moved(index, range(299))
    with pytest.raises(InvalidInput, match="1 of 300 items"):
        await index.moves.finish("docs")
    with pytest.raises(AlreadyExists, match="roll it back"):
        await index.begin_reindex("docs", NEW, WIDER)
    await index.moves.discard("docs")
    assert {hit.read_in for hit in await search(index, 5, limit=9)} == {""}
    collection = await index.get_collection("docs")
    assert (collection.space, collection.moving) == (SPACE, None)
    with pytest.raises(NotFound):
        await index.moves.discard("docs")

    await begun(index)
    await moved(index, range(300))
    await index.moves.finish("docs")
    collection = await index.get_collection("docs")
    assert (collection.space, collection.moving, collection.item_count) == (NEW, None, 300)
    hits = await search(
        index, 5, limit=10
    )  # with the vectors of both spaces, as a caller that knows of neither
    new = asked(5)[1]
    assert [hit.item_id for hit in hits] == [
        name(row) for row in np.argsort(-(NEW_ROWS[:300] @ new))[:10].tolist()
    ]


async def test_a_restart_goes_on_between_the_two_spaces(store: Path) -> None:
    index = Index.open(store)
    await index.create_collection("docs", SPACE, WIDTH)
    await filled(index)
    await begun(index)
    await moved(index, range(300))
    await index.upsert("docs", [written(5, changed=True)])
    await index.moves.pause("docs", paused=True)
    await index.close()

    index = Index.open(store)
    moving = (await index.get_collection("docs")).moving
    assert moving is not None
    assert (moving.space, moving.done, moving.total, moving.paused) == (NEW, 299, COUNT, True)
    assert moving.request == {"collection": "docs"}
    hits = await search(index, 5, limit=COUNT)
    assert len({hit.item_id for hit in hits}) == COUNT
    check_exact(hits, 5, set(range(300)) - {5})
    await index.close()


WIDE, WIDE_NEXT, DIMENSIONS = SpaceRef("wide", "r1", "f1"), SpaceRef("wide", "r2", "f2"), 32


async def coded(index: Index, codec: MethodChoice, moved: int) -> tuple[Array, Array]:
    """A collection of rows in a codec, of which so many have a new vector; the rows of both spaces.

    The old rows are far from each other. The new ones are in two heaps, where a shortlist finds fewer.
    """
    draw = np.random.default_rng(0)
    old = unit(draw.standard_normal((600, DIMENSIONS)))
    heaps = draw.standard_normal((2, DIMENSIONS))[np.arange(600) % 2]
    new = unit(heaps + 0.2 * draw.standard_normal((600, DIMENSIONS)))
    await index.create_collection("coded", WIDE, DIMENSIONS, codec=codec)
    items = [item(name(n), section(Vector(row, WIDE))) for n, row in enumerate(old)]
    await index.upsert("coded", items)
    await index.moves.begin(
        "coded", StartedMove(WIDE_NEXT, DIMENSIONS, request={"collection": "coded"}), None
    )
    for begin in range(0, moved, 60):
        pending = await index.moves.read("coded", [name(n) for n in range(begin, begin + 60)])
        made = [
            ReindexedItem(
                one.item.id,
                one.version,
                [IndexedSection(Vector(new[int(one.item.id[1:])], WIDE_NEXT), "", Modality.TEXT)],
            )
            for one in pending
        ]
        assert not any(await index.moves.write("coded", made))
    return old, new


@pytest.mark.parametrize("moved", [300, 600])
async def test_a_wanted_recall_is_kept_of_what_both_spaces_hold(index: Index, moved: int) -> None:
    old, new = await coded(index, MethodChoice("binary", {"oversampling": 2}), moved)
    how = MethodChoice("wanted_recall", {"recall": 0.9})
    draw = np.random.default_rng(1)
    missed, chosen = [], set()
    for number in range(0, moved, moved // 20):
        one, two = [
            Vector(unit(rows[number] + 0.02 * draw.standard_normal(DIMENSIONS)), space)
            for space, rows in ((WIDE, old), (WIDE_NEXT, new))
        ]
        found = {}
        for search in (how, MethodChoice("exact")):
            reply = await searched(
                index, "coded", vector=one, second=SecondVector(two), vector_search=search, limit=10
            )
            found[search.name] = {hit.item_id for hit in reply.hits}
            if reply.reached is not None:
                chosen.add(reply.reached.breadth)
        missed.append(len(found["exact"] - found["wanted_recall"]) / 10)
    alone = await searched(index, "coded", vector=Vector(old[0], WIDE), vector_search=how)
    assert alone.reached is not None
    assert np.mean(missed) <= 0.15
    assert min(chosen) > alone.reached.breadth, "the new vectors need a wider search than the old ones"
