from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.each import each
from support.requests import searched
from support.sections import SPACE, WIDTH, item, regions_of, section, vector
from tieback.core.errors import InvalidInput, Unsupported
from tieback.core.types.search import NAMES
from tieback.milvus import MilvusIndex
from tieback.milvus.refusals import NOT_OFFERED, OF_COLLECTIONS, REASON
from tieback.query_stages.checks import path_of
from tieback.query_stages.stages import by_name
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity, QueryOptions
from tieback_contract.token_vectors import TokenVectors

NORTH = vector(1, 0, 0, 0)
ASKED: dict[str, list[dict[str, Any]]] = {
    "feedback": [{"query_expansion": MethodChoice("rocchio")}],
    "documents": [{"granularity": Granularity.DOCUMENT}],
    "signals": [{"signals": [NAMES[0]]}],
    "hit_vectors": [{"vectors": True}],
    "explain": [{"explain": True}],
    "depth": [
        {"vector_search": MethodChoice("exact")},
        {"vector_search": MethodChoice("coarse_to_fine")},
        {"vector_search": MethodChoice("wanted_recall")},
        {"vector_search": MethodChoice("within"), "text": "x"},
    ],
}


@each("name, asked", [(name, asked) for name, each in ASKED.items() for asked in each])
async def test_a_search_for_what_is_not_offered_is_refused_by_its_field(
    index: MilvusIndex, name: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await searched(index, "docs", vector=NORTH, **asked)

    stage = by_name()[name]
    assert (caught.value.field, caught.value.message) == (path_of(stage), NOT_OFFERED[name])
    assert caught.value.reason == REASON


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("codec", {"codec": MethodChoice("int8")}),
        (
            "token_vectors",
            {"token_vectors": TokenVectors(SPACE, 4, MethodChoice("ward"), MethodChoice("int8"))},
        ),
    ],
)
async def test_a_collection_with_what_is_not_offered_is_refused_by_its_field(
    index: MilvusIndex, field: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await index.create_collection("other", SPACE, WIDTH, **asked)

    assert (str(caught.value.field), caught.value.message) == (field, OF_COLLECTIONS[field])


@pytest.mark.parametrize(
    ("field", "plan"),
    [
        ("query_expansion", QueryOptions(query_expansion=MethodChoice("rocchio"))),
        ("granularity", QueryOptions(granularity=Granularity.DOCUMENT)),
        ("ranker", QueryOptions(ranker=MethodChoice("linear"))),
        ("vector_search", QueryOptions(vector_search=MethodChoice("exact"))),
    ],
)
async def test_a_plan_that_chooses_it_for_every_query_is_refused(
    index: MilvusIndex, field: str, plan: QueryOptions
) -> None:
    with pytest.raises(InvalidInput) as changed:
        await index.update_collection("docs", plan)
    with pytest.raises(InvalidInput) as made:
        await index.create_collection("other", SPACE, WIDTH, plan=plan)

    assert str(changed.value.field) == str(made.value.field) == f"plan.{field}"


def test_every_field_of_the_list_is_tried() -> None:
    assert set(NOT_OFFERED) == {*ASKED, "rank"}


async def test_what_milvus_cannot_keep_of_an_item_is_refused_and_the_others_are_written(
    index: MilvusIndex,
) -> None:
    photo = section((1, 0, 0, 0), modality=Modality.IMAGE, regions=regions_of((1, 0, 0, 0)))
    items = [
        item("photo", photo),
        item("long", section((1, 0, 0, 0)), section((1, 0, 0, 0), "x" * 65_536)),
        item("many", note=["é" * 1000 for _ in range(30)]),
        item("sound"),
    ]

    reply = await index.upsert("docs", items)

    refused = [error for error in reply.results if isinstance(error, InvalidInput)]
    assert [str(error.field) for error in refused] == [
        "items[0].sections[0].regions",
        "items[1].sections[1].text",
        "items[2].item.metadata",
    ]
    assert reply.results[3] is None
    assert (await index.get_collection("docs")).item_count == 1


@each(
    "call",
    [
        lambda index: index.snapshots.create_snapshot("docs", "s"),
        lambda index: index.snapshots.restore_snapshot("s", "docs"),
        lambda index: index.snapshots.delete_snapshot("s"),
        lambda index: index.snapshots.export_snapshot("s", 0),
        lambda index: index.snapshots.import_snapshot("s", 0, b"", last=True),
        lambda index: index.begin_reindex("docs", SPACE, WIDTH),
        lambda index: index.list_pending("docs"),
        lambda index: index.write_reindexed("docs", []),
        lambda index: index.finish_reindex("docs"),
        lambda index: index.discard_reindex("docs"),
        lambda index: index.stored.sample("docs", 1),
        lambda index: index.stored.read("docs", []),
    ],
)
async def test_snapshots_and_reindexing_are_unimplemented_with_the_way_out(
    index: MilvusIndex, call: Callable[[MilvusIndex], Awaitable[Any]]
) -> None:
    with pytest.raises(Unsupported, match=r"Milvus's own tools|index the items into it"):
        await call(index)
