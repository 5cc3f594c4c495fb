"""Hits that differ: by maximal marginal relevance, and at most so many of one item."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.checked_queries import query_of
from support.each import each
from support.requests import searched
from support.sections import WIDTH, item, section, vector
from tieback.collections.diversity import diversified
from tieback.collections.record import Record
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.search import SearchReply
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.query.search import search
from tieback.index.store.records import Put
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.modality import Modality

NORTH = vector(1, 0, 0, 0)
ASKED: list[dict[str, Any]] = [
    {"vector": NORTH},
    {"vector": NORTH, "text": "storm"},
    {"text": "storm"},
]


def names(reply: SearchReply) -> list[str]:
    return [hit.item_id for hit in reply.hits]


def test_a_duplicate_moves_down_where_diversity_outweighs_its_relevance() -> None:
    scores = np.array([1.0, 0.9, 0.8])  # 1, 0.5 and 0 within their range
    vectors = np.array([[1.0, 0], [2, 0], [0, 1]])

    assert diversified(scores, vectors, 0.5, 3) == [0, 2, 1]  # 0.25 − 0.5 against 0
    assert diversified(scores, vectors, 0.3, 3) == [0, 1, 2]  # 0.35 − 0.3 against 0
    assert diversified(scores, vectors, 0.5, 2) == [0, 2]


def test_with_all_diversity_the_next_is_the_one_least_like_any_before() -> None:
    vectors = np.array([[1, 0, 0], [0.9, 0.436, 0], [0.6, 0.8, 0], [0, 0, 1]])

    assert diversified(np.array([4.0, 3, 2, 1]), vectors, 1, 4) == [0, 3, 2, 1]


def test_equal_scores_zero_vectors_and_few_candidates_are_no_fault() -> None:
    assert diversified(np.ones(2), np.zeros((2, 3)), 0.5, 5) == [0, 1]
    assert diversified(np.ones(1), np.ones((1, 3)), 1, 1) == [0]
    assert diversified(np.zeros(0), np.zeros((0, 3)), 0.5, 5) == []


def test_an_opposite_vector_is_no_better_than_one_at_a_right_angle() -> None:
    vectors = np.array([[1.0, 0], [0, 1], [-1, 0]])

    assert diversified(np.array([1.0, 0.5, 0.5]), vectors, 0.9, 2) == [0, 1]


@pytest.fixture
async def news(index: Index) -> Index:
    """Three reports of one event, and one of another that is farther from the query."""
    await index.upsert(
        "docs",
        [
            item("a", section((0.9, 0.436, 0, 0), "a storm at sea")),
            item("b", section((0.899, 0.437, 0, 0), "a storm at sea")),
            item("c", section((0.898, 0.438, 0, 0), "a storm at sea, again")),
            item("d", section((0.7, -0.5, 0.5, 0), "the storm of words in the long debate")),
        ],
    )
    return index


async def test_a_duplicate_makes_room_for_another_hit(news: Index) -> None:
    plain = await searched(news, "docs", vector=NORTH, limit=2)
    diverse = await searched(news, "docs", vector=NORTH, limit=2, diversity=0.7)

    assert names(plain) == ["a", "b"]
    assert names(diverse) == ["a", "d"]
    assert [hit.score for hit in diverse.hits] == pytest.approx([0.9, 0.7], abs=1e-3)


async def test_hits_of_words_are_diversified_by_the_vectors_of_their_sections(news: Index) -> None:
    plain = await searched(news, "docs", text="storm", limit=2)
    diverse = await searched(news, "docs", text="storm", limit=2, diversity=0.7)

    assert "d" not in names(plain)
    assert names(diverse) == [names(plain)[0], "d"]


@pytest.mark.parametrize("asked", ASKED, ids=" and ".join)
async def test_all_hits_are_there_whatever_their_order(news: Index, asked: dict[str, Any]) -> None:
    plain = await searched(news, "docs", **asked)
    diverse = await searched(news, "docs", **asked, diversity=1)

    assert sorted(names(diverse)) == sorted(names(plain))
    assert diverse.hits[0] == plain.hits[0]


async def test_ignored_dimensions_make_no_hit_different(index: Index) -> None:
    """Two texts differ in a dimension that is ignored of texts; a third one is less relevant and differs."""
    await index.upsert(
        "docs",
        [
            item("a", section((0.8, 0.6, 0, 0))),
            item("b", section((0.79, -0.6, 0, 0))),
            item("c", section((0.5, 0, 0.8, 0))),
        ],
    )
    ignored = [IgnoredDimensions(Modality.TEXT, 1, 2)]

    counted = await searched(index, "docs", vector=NORTH, limit=2, diversity=0.7)
    without = await searched(index, "docs", vector=NORTH, limit=2, diversity=0.7, ignored=ignored)

    assert names(counted) == ["a", "b"]
    assert names(without) == ["a", "c"]


@pytest.mark.parametrize("asked", ASKED, ids=" and ".join)
async def test_an_item_has_as_many_hits_as_are_asked_for_and_others_fill_up(
    index: Index, asked: dict[str, Any]
) -> None:
    book = item("book", *(section((0.9 - n / 100, 0, 0, 0), "storm") for n in range(60)))
    notes = [item(f"note{n}", section((0.1 - n / 100, 0, 0, 0), "storm and more")) for n in range(4)]
    await index.upsert("docs", [book, *notes])
    how = asked | {"limit": 4}

    assert names(await searched(index, "docs", **how)) == ["book"] * 4
    assert names(await searched(index, "docs", **how, hits_per_item=1)) == [
        "book",
        "note0",
        "note1",
        "note2",
    ]
    two = names(await searched(index, "docs", **how, hits_per_item=2))
    assert two == ["book", "book", "note0", "note1"]


async def test_hits_per_item_diversity_and_collapsing_work_together(index: Index) -> None:
    pieces = [section((0.9 - n / 100, 0.3, 0, 0), "x", continues=n > 0) for n in range(3)]
    other = section((0.85, 0.3, 0, 0), "y")
    await index.upsert(
        "docs",
        [
            item("a", *pieces, other),
            item("b", section((0.86, 0.3, 0, 0), "x")),
            item("c", section((0.6, 0, 0.7, 0), "z")),
        ],
    )

    hits = (
        await searched(
            index, "docs", vector=NORTH, limit=2, collapse_pieces=True, hits_per_item=1, diversity=0.8
        )
    ).hits

    assert [(hit.item_id, hit.section_id) for hit in hits] == [("a", "1"), ("c", "1")]
    assert [one.section_id for one in hits[0].pieces] == ["2", "3"]


@each(
    "wrong, field",
    [
        ({"diversity": 1.5}, "options.diversity"),
        ({"diversity": -0.1}, "options.diversity"),
        ({"diversity": float("nan")}, "options.diversity"),
        ({"hits_per_item": -1}, "options.hits_per_item"),
        ({"hits_per_item": 1001}, "options.hits_per_item"),
    ],
)
async def test_what_is_out_of_range_is_refused_with_the_field(
    index: Index, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await searched(index, "docs", vector=NORTH, **wrong)

    assert str(refusal.value.field) == field


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
    most=st.integers(1, 4),
    limit=st.integers(1, 12),
)
def test_hits_per_item_equals_its_definition_over_the_whole_ranking(
    sizes: list[int], order: Any, most: int, limit: int
) -> None:
    memory = Memory(WIDTH)
    places = list(range(sum(sizes)))
    order.shuffle(places)
    for name, size in enumerate(sizes):
        own = [places.pop() for _ in range(size)]
        sections = [Section(str(n), Content(Modality.TEXT, "x")) for n in range(size)]
        vectors = np.array([[1 + place, 0, 0, 0] for place in own], np.float32)
        record = Record(Item(f"i{name}", sections), ["x"] * size, [Modality.TEXT] * size, vectors)
        memory.apply([Put(name + 1, record)])

    def ask(limit: int, most: int) -> list[tuple[str, str]]:
        query = query_of(np.asarray(NORTH.values), limit, hits_per_item=most)
        return [(hit.item_id, hit.section_id) for hit in search(memory, query, lambda doing: None).hits]

    kept: list[tuple[str, str]] = []
    for one in ask(1000, 0):
        if sum(other[0] == one[0] for other in kept) < most:
            kept.append(one)
    assert ask(limit, most) == kept[:limit]
