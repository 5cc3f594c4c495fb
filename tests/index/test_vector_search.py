"""How far a vector is searched for: exactly, within a similarity, wider or narrower, by a wanted recall."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.requests import searched
from support.sections import item, section, vector
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.types.search import Reached, SearchReply
from tieback.index import Index
from tieback.index.vectors.ivf import InvertedVectors
from tieback.methods.vector_search import EVERY
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity
from tieback_contract.vectors import SpaceRef, Vector

NORTH = vector(1, 0, 0, 0)
EXACT, NONE = MethodChoice("exact"), MethodChoice("none")
WIDE = SpaceRef("wide", "r1", "f1")


def names(reply: SearchReply) -> list[str]:
    return [hit.item_id for hit in reply.hits]


def recall(found: list[list[str]], exact: list[list[str]]) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, exact, strict=True)]))


@pytest.fixture
async def coded(index: Index) -> Index:
    """A collection whose rows in memory are one bit a dimension: shortlists of as many as are asked for."""
    rows = np.random.default_rng(0).standard_normal((3000, 32)).astype(np.float32)
    codec = MethodChoice("binary", {"oversampling": 1})
    await index.create_collection("coded", WIDE, 32, codec=codec)
    items = [item(f"{n:04}", section(Vector(row, WIDE))) for n, row in enumerate(rows)]
    for begin in range(0, len(items), 1000):
        await index.upsert("coded", items[begin : begin + 1000])
    return index


def asking(index: Index) -> Callable[[MethodChoice | None], Any]:
    queries = np.random.default_rng(1).standard_normal((20, 32)).astype(np.float32)

    async def ask(how: MethodChoice | None) -> list[list[str]]:
        return [
            names(await searched(index, "coded", vector=Vector(q, WIDE), vector_search=how)) for q in queries
        ]

    return ask


async def test_exact_finds_what_a_shortlist_misses_and_a_wider_one_finds_more(coded: Index) -> None:
    rows = np.random.default_rng(0).standard_normal((3000, 32)).astype(np.float32)
    queries = np.random.default_rng(1).standard_normal((20, 32)).astype(np.float32)
    best = [[f"{n:04}" for n in np.argsort(-(rows @ q))[:10]] for q in queries]
    ask = asking(coded)

    exact = await ask(EXACT)
    recalls = [
        recall(await ask(MethodChoice("coarse_to_fine", {"breadth": breadth})), exact)
        for breadth in (1, 4, 16, 64)
    ]

    assert exact == best
    assert await ask(None) == await ask(MethodChoice("nearest"))
    assert recall(await ask(None), exact) == recalls[0] < 0.9
    assert recalls == sorted(recalls)
    assert recalls[-1] > 0.99


async def test_a_wanted_recall_chooses_the_breadth_by_a_measurement(coded: Index) -> None:
    ask = asking(coded)
    exact = await ask(EXACT)
    query = Vector(np.ones(32, np.float32), WIDE)
    chosen = {}
    for wanted in (0.5, 0.9, 0.99):
        how = MethodChoice("wanted_recall", {"recall": wanted})
        reply = await searched(coded, "coded", vector=query, vector_search=how)
        assert reply.reached is not None
        assert reply.reached.recall >= wanted
        assert recall(await ask(how), exact) >= wanted - 0.1
        chosen[wanted] = reply.reached.breadth

    assert chosen[0.5] < chosen[0.9] <= chosen[0.99]


async def test_a_measurement_is_kept_until_the_collection_has_doubled(coded: Index) -> None:
    how = MethodChoice("wanted_recall", {"recall": 0.9})
    query = Vector(np.ones(32, np.float32), WIDE)

    async def measured() -> float:
        reply = await searched(coded, "coded", vector=query, vector_search=how, explain=True)
        return sum(stage.seconds for stage in reply.timing.stages if stage.name == "measure_recall")

    first, second = await measured(), await measured()
    rows = np.random.default_rng(2).standard_normal((3001, 32)).astype(np.float32)
    for begin in range(0, len(rows), 1000):
        part = rows[begin : begin + 1000]
        await coded.upsert(
            "coded", [item(f"n{begin + n}", section(Vector(row, WIDE))) for n, row in enumerate(part)]
        )
    third = await measured()

    assert second < first / 10
    assert third > second * 10


async def test_where_every_section_is_compared_anyway_nothing_is_measured(index: Index) -> None:
    await index.upsert("docs", [item("a", section((1, 0, 0, 0)))])
    reply = await searched(index, "docs", vector=NORTH, vector_search=MethodChoice("wanted_recall"))

    assert reply.reached == Reached(1.0, 1.0)


def test_lists_are_looked_into_by_the_breadth() -> None:
    rows = np.random.default_rng(0).standard_normal((4000, 16)).astype(np.float32)
    inverted = InvertedVectors.trained(np.arange(4000), rows, half=False)
    allowed = np.ones(4000, bool)

    def found(breadth: float) -> float:
        hits = 0
        for query in rows[:50] + 0.3:
            best = np.argsort(-(rows @ query))[:10]
            hits += len(np.intersect1d(best, inverted.search(query, 10, allowed, breadth)[0]))
        return hits / 500

    recalls = [found(breadth) for breadth in (0.01, 1, 4, EVERY)]

    assert recalls == sorted(recalls)
    assert recalls[0] < recalls[1]
    assert recalls[-1] == 1


@pytest.fixture
async def circle(index: Index) -> Index:
    """Sections around a circle, the farther the later, and the word of the last one."""
    await index.upsert(
        "docs",
        [
            item(f"{n}", section((np.cos(n / 4), np.sin(n / 4), 0, 0), "west" if n == 9 else "calm"))
            for n in range(10)
        ],
    )
    return index


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("asked", [{}, {"text": "west"}, {"balance_modalities": True}], ids=str)
async def test_all_that_is_similar_enough_is_found_and_nothing_else(
    circle: Index, asked: dict[str, Any], granularity: Granularity
) -> None:
    how = MethodChoice("within", {"similarity": float(np.cos(1.01))})
    reply = await searched(
        circle,
        "docs",
        vector=NORTH,
        limit=100,
        vector_search=how,
        granularity=granularity,
        explain=True,
        **asked,
    )

    assert names(reply) == ["0", "1", "2", "3", "4"]
    (step,) = [stage for stage in reply.timing.stages if stage.name == "range"]
    assert [(one.reason, one.count) for one in step.dropped] == [("range", 5)]


async def test_within_a_similarity_the_best_region_counts_half(index: Index) -> None:
    await index.upsert(
        "docs", [item("photo", section((0, 1, 0, 0), modality=Modality.IMAGE, regions=[(1, 0, 0, 0)]))]
    )

    async def found(similarity: float) -> list[str]:
        how = MethodChoice("within", {"similarity": similarity})
        return names(await searched(index, "docs", vector=NORTH, vector_search=how))

    assert await found(0.49) == ["photo"]
    assert await found(0.51) == []


@each(
    "asked, field",
    [
        ({"text": "x", "vector_search": EXACT}, "options.vector_search"),
        ({"vector": NORTH, "vector_search": NONE}, "vector"),
        ({"vector": NORTH, "rank_fusion": MethodChoice("reciprocal_rank")}, "options.rank_fusion"),
        ({"text": "x", "rank_fusion": MethodChoice("reciprocal_rank")}, "options.rank_fusion"),
        (
            {"vector": NORTH, "vector_search": MethodChoice("wanted_recall", {"recall": 1.01})},
            "options.vector_search.parameters.recall",
        ),
        (
            {"vector": NORTH, "vector_search": MethodChoice("coarse_to_fine", {"breadth": 0})},
            "options.vector_search.parameters.breadth",
        ),
        (
            {"vector": NORTH, "vector_search": MethodChoice("exact", {"breadth": 2})},
            "options.vector_search.parameters.breadth",
        ),
    ],
)
async def test_what_a_search_does_not_use_is_refused_with_its_field(
    index: Index, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await searched(index, "docs", **asked)

    assert str(refused.value.field) == field


async def test_an_unknown_method_is_told_the_choices(index: Index) -> None:
    with pytest.raises(NotFound) as refused:
        await searched(index, "docs", vector=NORTH, vector_search=MethodChoice("flat"))

    assert "exact" in refused.value.choices
