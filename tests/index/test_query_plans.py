"""The plan of a collection's queries: kept, changed, refused where no query could be answered so."""

from collections.abc import Callable
from typing import Any

import pytest
from support.each import each
from support.sections import SPACE, WIDTH, item, section
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound
from tieback.index import Index
from tieback_contract.collections import Source
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import NO_OPTIONS, Granularity, QueryOptions

PLAN = QueryOptions(
    rank_fusion=MethodChoice("reciprocal_rank", {"k": 5}),
    hits_per_item=2,
    vector_search=MethodChoice("nearest"),
)


async def test_a_plan_is_kept_with_the_collection_and_survives_a_restart(
    index: Index, open_index: Callable[..., Index]
) -> None:
    made = await index.create_collection("planned", SPACE, WIDTH, plan=PLAN)
    await index.record_source("planned", Source("library", "desk", "/library"))
    await index.close()

    again = open_index()
    found = await again.get_collection("planned")
    listed, _ = await again.list_collections()
    await again.close()

    assert made.plan == found.plan == PLAN
    assert [one.name for one in found.sources] == ["library"]
    assert {one.name: one.plan for one in listed} == {"docs": NO_OPTIONS, "planned": PLAN}


async def test_a_plan_is_replaced_as_a_whole(index: Index) -> None:
    await index.update_collection("docs", PLAN)
    changed = await index.update_collection("docs", QueryOptions(diversity=0.3))

    assert changed.plan == (await index.get_collection("docs")).plan == QueryOptions(diversity=0.3)
    assert (await index.update_collection("docs", NO_OPTIONS)).plan == NO_OPTIONS


async def test_a_collection_is_made_again_only_with_the_plan_that_it_has(index: Index) -> None:
    await index.update_collection("docs", PLAN)

    same = await index.create_collection("docs", SPACE, WIDTH)
    with pytest.raises(AlreadyExists, match="leave the plan out"):
        await index.create_collection("docs", SPACE, WIDTH, plan=QueryOptions(diversity=0.3))

    assert same.plan == PLAN


async def test_a_plan_is_restored_with_its_collection(index: Index) -> None:
    await index.update_collection("docs", PLAN)
    await index.upsert("docs", [item("a", section((1, 0, 0, 0)))])
    await index.snapshots.create_snapshot("docs", "before")
    await index.update_collection("docs", NO_OPTIONS)
    await index.snapshots.restore_snapshot("before", "again")

    assert (await index.get_collection("again")).plan == PLAN


@each(
    "plan, field",
    [
        ({"query_expansion": MethodChoice("rocchio", {"depth": 3})}, "plan.query_expansion.parameters.depth"),
        ({"vector_search": MethodChoice("within", {"similarity": "x"})}, "plan.vector_search"),
        ({"diversity": 1.5}, "plan.diversity"),
        ({"hits_per_item": 5000}, "plan.hits_per_item"),
        ({"diversity": 0.5, "reranker": MethodChoice("late_interaction")}, "plan.reranker"),
        ({"ranker": MethodChoice("linear"), "query_expansion": MethodChoice("rocchio")}, "plan.ranker"),
        ({"granularity": Granularity.DOCUMENT, "hits_per_item": 1}, "plan.granularity"),
        ({"hybrid": False, "vector_search": MethodChoice("none")}, "plan.hybrid"),
    ],
)
async def test_a_plan_that_no_query_could_follow_is_refused(
    index: Index, plan: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await index.update_collection("docs", QueryOptions(**plan))

    assert str(refused.value.field).startswith(field)
    assert (await index.get_collection("docs")).plan == NO_OPTIONS


async def test_a_method_that_there_is_not_is_refused_with_the_choices(index: Index) -> None:
    with pytest.raises(NotFound, match="weighted_sum"):
        await index.update_collection("docs", QueryOptions(rank_fusion=MethodChoice("sum")))
    with pytest.raises(NotFound, match="docs"):
        await index.update_collection("books", PLAN)
