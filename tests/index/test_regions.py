"""Pictures that are stored by their regions: found by the best of them, and by the whole."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.each import each
from support.held_training import held_training
from support.requests import searched
from support.sections import SPACE, axis, item, regions_of, section, vector
from tieback.collections.record import Record, Regions
from tieback.collections.validation import MOST_REGIONS, check_items
from tieback.core.errors import InvalidInput, SpaceMismatch
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Item, Section
from tieback.core.types.search import SearchReply
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Put, Remove
from tieback.index.vectors import faiss
from tieback.index.vectors.flat import FlatVectors
from tieback.index.vectors.growing import FLAT_UP_TO
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

WIDTH = 16
Row = Sequence[float] | Array


def photo(whole: Vector | Row, *rows: Row, text: str = "", **about: Any) -> tuple[Section, IndexedSection]:
    return section(whole, text, modality=Modality.IMAGE, regions=rows, **about)


def boxes(*places: tuple[float, ...]) -> Locators:
    return Locators.of(LocatorKind.BOX, places)


def names(reply: SearchReply) -> list[str]:
    return [hit.item_id for hit in reply.hits]


@pytest.fixture
async def album(index: Index) -> Index:
    """A text, a photo of one vector, and two photos with regions."""
    await index.upsert(
        "docs",
        [
            item("text", section((0.5, 0, 0, 0), "words")),
            item("plain", photo((0.4, 0, 0, 0), text="a plain photo")),
            item(
                "small", photo((0, 0, 0, 0.5), (0, 0, 0, 0), (1.25, 0, 0, 0), text="small in the lower half")
            ),
            item(
                "large", photo((0.5, 0, 0, 0), (0.5, 0, 0, 0), (0, 0, 0, 0), text="large in the upper half")
            ),
        ],
    )
    return index


async def test_a_section_with_regions_scores_the_mean_of_its_whole_and_its_best_region(album: Index) -> None:
    reply = await searched(album, "docs", vector=vector(1, 0, 0, 0))

    scores = {hit.item_id: hit.score for hit in reply.hits}
    assert scores == pytest.approx({"small": 0.625, "text": 0.5, "large": 0.5, "plain": 0.4})
    assert names(reply)[0] == "small"
    assert all(hit.score == hit.vector_score for hit in reply.hits)


async def test_a_hit_says_where_in_the_picture_the_best_region_is(album: Index) -> None:
    reply = await searched(album, "docs", vector=vector(1, 0, 0, 0))

    where = {hit.item_id: hit.region for hit in reply.hits}
    assert where == {"small": (0, 0.5, 1, 0.5), "large": (0, 0, 1, 0.5), "text": None, "plain": None}
    (hit,) = (await searched(album, "docs", text="lower")).hits
    assert (hit.item_id, hit.region) == ("small", None)  # words were looked for, which are the whole's


async def test_words_and_vector_together_give_the_score_of_regions_to_what_only_the_words_found(
    album: Index,
) -> None:
    filler = [item(f"filler{n}", section((2, 0, 0, 0), "nothing")) for n in range(150)]
    await album.upsert("docs", filler)

    reply = await searched(album, "docs", vector=vector(1, 0, 0, 0), text="lower", limit=200)

    (hit,) = [hit for hit in reply.hits if hit.item_id == "small"]
    assert hit.vector_score == pytest.approx(0.625)
    assert hit.region == (0, 0.5, 1, 0.5)


async def test_balanced_modalities_compare_photos_by_their_regions_too(album: Index) -> None:
    reply = await searched(
        album, "docs", vector=vector(1, 0, 0, 0), balance_modalities=True, filter='modality = "image"'
    )

    assert names(reply) == ["small", "large", "plain"]
    assert reply.hits[0].vector_score == pytest.approx(0.625)


async def test_regions_go_with_their_section_and_come_back_after_a_restart(album: Index, store: Path) -> None:
    await album.delete_items("docs", ["large"])
    await album.upsert("docs", [item("small", photo((0, 0, 0, 0.5), (0, 1, 0, 0)))])
    await album.close()

    again = Index.open(store)

    reply = await searched(again, "docs", vector=vector(1, 0, 0, 0))
    assert {hit.item_id: hit.score for hit in reply.hits} == pytest.approx(
        {"text": 0.5, "plain": 0.4, "small": 0}
    )
    (hit,) = (await searched(again, "docs", vector=vector(0, 1, 0, 0), limit=1)).hits
    assert (hit.item_id, hit.score, hit.region) == ("small", 0.5, (0, 0, 1, 1))
    assert (await again.get_collection("docs")).vector_count == again.size.vectors == 4
    await again.close()


@each(
    "changes, field",
    [
        ({"space": SpaceRef("pico", "r2", "f1")}, "space"),
        ({"values": np.ones((2, 3), np.float32)}, "values"),
        ({"values": np.ones(4, np.float32)}, "values"),
        ({"values": np.array([[np.nan, 0, 0, 0]] * 2, np.float32)}, "values"),
        ({"values": np.array([[1e5, 0, 0, 0]] * 2, np.float32)}, "values"),
        ({"values": np.ones((MOST_REGIONS + 1, 4), np.float32)}, "values"),
        ({"locators": boxes((0, 0, 1, 1))}, "boxes"),
        ({"locators": boxes((0, 0, 1, 1), (0.5, 0, 0.6, 1))}, "boxes[1]"),
        ({"locators": boxes((-0.1, 0, 1, 1), (0, 0, 1, 1))}, "boxes[0]"),
        ({"locators": boxes((0, 0, 1, 1), (0, np.nan, 1, 1))}, "boxes[1]"),
    ],
)
async def test_regions_that_do_not_fit_are_refused_by_their_field(
    index: Index, changes: dict[str, Any], field: str
) -> None:
    bad = dataclasses.replace(regions_of((1, 0, 0, 0), (0, 1, 0, 0)), **changes)
    good = item("good")

    reply = await index.upsert(
        "docs",
        [good, item("bad", section(axis(0)), section(axis(0), modality=Modality.IMAGE, regions=bad))],
    )

    assert reply.results[0] is None
    assert isinstance(reply.results[1], InvalidInput)
    assert isinstance(reply.results[1], SpaceMismatch) == (field == "space")
    assert str(reply.results[1].field) == f"items[1].sections[1].regions.{field}"


async def test_only_pictures_have_regions(index: Index) -> None:
    reply = await index.upsert("docs", [item("a", section(axis(0), "words", regions=[axis(1)]))])

    assert isinstance(reply.results[0], InvalidInput)
    assert str(reply.results[0].field) == "items[0].sections[0].regions"


async def test_windows_of_a_sound_are_no_regions_of_a_picture(index: Index) -> None:
    windows = dataclasses.replace(
        regions_of((1, 0, 0, 0)), locators=Locators.of(LocatorKind.TIME_RANGE, [(0, 1)])
    )

    reply = await index.upsert("docs", [item("a", photo(axis(0)), section(axis(0), regions=windows))])

    assert isinstance(reply.results[0], InvalidInput)
    assert str(reply.results[0].field) == "items[0].sections[1].regions"


def clustered(count: int, seed: int = 0) -> Array:
    """Unit vectors around forty centres, as embeddings of a real collection lie."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((40, WIDTH))
    found = centres[rng.integers(0, 40, count)] + 0.5 * rng.standard_normal((count, WIDTH))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def put(version: int, whole: Array, rows: Sequence[Array] | Array, name: str | None = None) -> Put:
    known = photo(vector(*whole, space=SPACE), *rows)
    return Put(version, record_of(item(name or f"i{version}", known), WIDTH))


def record_of(indexed: IndexedItem, width: int) -> Record:
    (record,) = check_items([indexed], SPACE, width, Limits())
    assert isinstance(record, Record)
    return record


def in_memory(count: int, flat_up_to: int = FLAT_UP_TO) -> tuple[Memory, Array, Array]:
    """Photos with none to four regions, in turn."""
    memory = Memory(WIDTH, flat_up_to=flat_up_to)
    wholes, rows = clustered(count), clustered(4 * count, seed=1).reshape(count, 4, WIDTH)
    memory.apply(put(n, wholes[n], rows[n][: n % 5]) for n in range(count))
    return memory, wholes, rows


def brute_force(wholes: Array, rows: Array, query: Array) -> Array:
    return np.array(
        [
            (whole @ query + (rows[n][: n % 5] @ query).max()) / 2 if n % 5 else whole @ query
            for n, whole in enumerate(wholes)
        ]
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 700),
    limit=st.integers(1, 150),
    alike=st.booleans(),
    share=st.sampled_from([0.05, 0.5, 1.0]),
)
def test_the_best_sections_are_those_of_brute_force_whatever_is_stored_and_let_through(
    seed: int, count: int, limit: int, alike: bool, share: float
) -> None:
    rng = np.random.default_rng(seed)
    memory = Memory(4)
    scale = 8 if alike else 1  # coarse values: wholes and regions that are alike, and many ties
    wholes = np.round(rng.standard_normal((count, 4)) * scale) / scale
    several = [np.round(rng.standard_normal((n, 4)) * 8) / 8 for n in rng.integers(0, 5, count)]
    memory.apply(put4(n, wholes[n], *several[n]) for n in range(count))
    query = np.round(rng.standard_normal(4) * 8).astype(np.float32)
    allowed = memory.living() & (rng.random(count) < share)

    positions, scores = memory.nearest(query, limit, allowed)

    every = np.array(
        [
            (whole @ query + (rows @ query).max()) / 2 if len(rows) else whole @ query
            for whole, rows in zip(wholes, several, strict=True)
        ]
    )
    assert allowed[positions].all()
    assert len(set(positions.tolist())) == len(positions)
    assert scores == pytest.approx(every[positions], abs=1e-4)
    assert scores == pytest.approx(np.sort(every[allowed])[::-1][:limit], abs=1e-4)


def test_a_section_deep_in_both_rankings_is_found_where_it_is_best_in_their_mean() -> None:
    memory = Memory(4)
    loud = [put4(n, (2, 0, 0, 0), (-2, 0, 0, 0)) for n in range(600)]  # best wholes, bad regions
    parted = [put4(600 + n, (-2, 0, 0, 0), (2, 0, 0, 0)) for n in range(600)]  # and the other way round
    memory.apply([*loud, *parted, put4(5000, (1, 0, 0, 0), (1, 0, 0, 0))])

    positions, scores = memory.nearest(np.array([1, 0, 0, 0], np.float32), 1, memory.living())

    assert memory.order_key(int(positions[0]))[0] == "i5000"
    assert scores == pytest.approx([1.0])


def put4(version: int, whole: Row, *rows: Row) -> Put:
    return Put(version, record_of(item(f"i{version}", photo(whole, *rows)), 4))


def test_half_precision_moves_no_score_by_more_than_what_is_said_of_it() -> None:
    memory, wholes, rows = in_memory(300)

    for query in clustered(20, seed=2):
        positions, scores = memory.nearest(query, 300, memory.living())
        exact = brute_force(wholes, rows, query)[positions]
        most = np.abs(rows * query).sum(axis=-1).max() * 2.0**-11 / 2
        assert np.abs(scores - exact).max() <= most + 1e-6


def test_many_regions_are_sorted_into_lists_of_their_own_and_keep_their_recall() -> None:
    memory, wholes, rows = in_memory(1500, flat_up_to=2000)
    assert memory.wants_training()

    memory.train()

    assert not memory.wants_training()
    assert isinstance(memory.vectors, FlatVectors)  # 1500 wholes, 3000 regions
    assert not memory.regions.exact
    recalled = 0
    for query in clustered(50, seed=3):
        best = set(np.argsort(-brute_force(wholes, rows, query))[:10].tolist())
        positions, _ = memory.nearest(query, 10, memory.living())
        recalled += len(best & {int(memory.order_key(int(one))[0][1:]) for one in positions})
    assert recalled / 500 > 0.95


@pytest.mark.parametrize("flat_up_to", [100, 10_000])
def test_replaced_and_removed_photos_leave_no_region_behind(flat_up_to: int) -> None:
    memory, *_ = in_memory(300, flat_up_to=flat_up_to)
    memory.train()
    target = clustered(1, seed=7)[0]

    for turn in range(3):  # places are used again, each by another section
        memory.apply([Remove(1000 + 10 * turn, f"i{n}") for n in range(4 + 5 * turn, 9 + 5 * turn)])
        memory.apply(
            [put(1005 + 10 * turn, -target, [9 * target] * 3, "a"), put(1006 + 10 * turn, target, [])]
        )

    assert memory.vector_count == memory.section_count + memory.regions.count
    (best, *_), scores = memory.nearest(target, 5, memory.living())
    assert memory.order_key(int(best))[0] == "a"
    assert scores[0] == pytest.approx(4.0, abs=0.01)
    memory.apply([Remove(2000, "a")])
    positions, scores = memory.nearest(target, 500, memory.living())
    assert scores[0] == pytest.approx(1.0, abs=0.01)
    assert len(positions) == memory.section_count


def test_regions_that_are_written_while_lists_are_trained_are_there_afterwards() -> None:
    memory, *_ = in_memory(300, flat_up_to=400)
    target = clustered(1, seed=7)[0]

    with held_training(memory):
        memory.apply([Remove(1000, "i4"), Remove(1001, "i9"), put(1002, -target, [9 * target] * 4, "new")])

    assert not memory.regions.exact
    (best, *_), scores = memory.nearest(target, 3, memory.living())
    assert memory.order_key(int(best))[0] == "new"
    assert scores[0] == pytest.approx(4.0, abs=0.01)


def test_a_search_by_regions_takes_about_as_long_as_a_scan_of_the_same_vectors() -> None:
    width, count = 1024, 300
    drawn = np.random.default_rng(0)
    wholes = drawn.normal(size=(count, width)).astype(np.float32)
    rows = drawn.normal(size=(count, 9, width)).astype(np.float16)
    memory = Memory(width)
    boxes = np.tile(np.array([[0, 0, 0.5, 0.5]], np.float32), (9, 1))
    for n in range(count):
        photo = Item(f"i{n}", [Section("1", None)])
        of_photo = {0: Regions(rows[n], boxes)}
        memory.apply([Put(n + 1, Record(photo, [""], [Modality.IMAGE], wholes[n : n + 1], of_photo))])
    regions = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    regions.add(rows.reshape(-1, width).astype(np.float32))
    query, allowed = wholes[0], memory.living()

    def took(work: Callable[[], object]) -> float:
        best = np.inf
        for _ in range(30):
            began = time.thread_time()
            work()
            best = min(best, time.thread_time() - began)
        return best

    searched = took(lambda: memory.nearest(query, 10, allowed))
    scanned = took(lambda: (wholes @ query, regions.search(query[None], 10)))

    assert searched < 4 * scanned
