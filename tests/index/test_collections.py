from collections.abc import Callable
from pathlib import Path

import pytest
from support.each import each
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.collections.served import ServedSpaces
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound
from tieback.core.types.fusion import Routing
from tieback.index import Index
from tieback_contract.vectors import SpaceRef

JOINT = SpaceRef("joint", "r1", "f1")


async def test_a_collection_says_its_space_and_what_it_holds(index: Index) -> None:
    await index.upsert("docs", [item("a", section(axis(0)), section(axis(1))), item("b")])

    collection = await index.get_collection("docs")

    assert (collection.space, collection.width) == (SPACE, WIDTH)
    assert (collection.item_count, collection.section_count) == (2, 3)
    assert index.size.sections == 3


async def test_making_the_equal_collection_again_returns_it_with_what_it_holds(index: Index) -> None:
    await index.upsert("docs", [item("a")])

    again = await index.create_collection("docs", SPACE, WIDTH)

    assert again.item_count == 1


@each("space, width", [(SpaceRef("pico", "r2", "f1"), 4), (SpaceRef("pico", "r1", "f2"), 4), (SPACE, 8)])
async def test_a_name_taken_by_another_space_or_width_is_refused_with_both_named(
    index: Index, space: SpaceRef, width: int
) -> None:
    with pytest.raises(AlreadyExists, match=f"pico@r1.*f1.*width 4.*{space}.*{space.fingerprint}.*{width}"):
        await index.create_collection("docs", space, width)


@each("name", ["", "Docs", "1docs", "-docs", "do cs", "docs/../etc", "d" * 64, "docs\n", "é"])
async def test_a_bad_collection_name_is_refused(index: Index, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await index.create_collection(name, SPACE, WIDTH)

    assert str(caught.value.field) == "name"


@each("width", [0, -1, 10**6])
async def test_an_impossible_width_is_refused(index: Index, width: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        await index.create_collection("more", SPACE, width)

    assert str(caught.value.field) == "width"


async def test_an_unknown_collection_is_not_found_and_the_choices_are_named(index: Index) -> None:
    for call in (
        index.get_collection("dosc"),
        index.delete_collection("dosc"),
        index.upsert("dosc", [item("a")]),
        index.delete_items("dosc", ["a"]),
        index.get_item("dosc", "a"),
        index.list_items("dosc"),
        index.count_items("dosc"),
        searched(index, "dosc", vector=vector(1, 0, 0, 0)),
    ):
        with pytest.raises(NotFound, match="did you mean 'docs'") as caught:
            await call
        assert caught.value.choices == ["docs"]


async def test_a_deleted_collection_is_gone_and_its_name_is_free(index: Index, store: Path) -> None:
    await index.upsert("docs", [item("a")])

    await index.delete_collection("docs")

    with pytest.raises(NotFound):
        await index.get_collection("docs")
    assert not list(store.glob("*/docs*"))
    made = await index.create_collection("docs", SpaceRef("other", "r", "f"), 2)
    assert (made.width, made.item_count) == (2, 0)


async def test_collections_are_there_after_a_restart(index: Index, open_index: Callable[..., Index]) -> None:
    await index.create_collection("more", SPACE, 7)
    before = (await index.list_collections())[0]
    await index.close()

    again = open_index()

    assert (await again.list_collections())[0] == before
    await again.close()


async def test_a_collection_keeps_the_routing_of_its_queries(
    index: Index, open_index: Callable[..., Index]
) -> None:
    routing = Routing("soft", {"a": 0.5}, {"sharpness": 2})
    made = await index.create_collection("routed", JOINT, WIDTH, routing)
    await index.close()

    again = open_index()

    assert made.routing == (await again.get_collection("routed")).routing == routing
    assert (await again.get_collection("docs")).routing == Routing()
    await again.close()


async def test_a_collection_made_again_keeps_its_routing_unless_another_is_given(index: Index) -> None:
    routing = Routing("uniform")
    await index.create_collection("routed", JOINT, WIDTH, routing)

    assert (await index.create_collection("routed", JOINT, WIDTH)).routing == routing
    assert (await index.create_collection("routed", JOINT, WIDTH, routing)).routing == routing
    with pytest.raises(AlreadyExists, match="weighted otherwise"):
        await index.create_collection("routed", JOINT, WIDTH, Routing("soft"))


async def test_an_unknown_policy_of_a_collection_is_not_found(index: Index) -> None:
    with pytest.raises(NotFound, match="did you mean 'uniform'"):
        await index.create_collection("routed", JOINT, WIDTH, Routing("unifrom"))


async def test_collections_are_listed_by_name_in_pages(index: Index) -> None:
    for name in ("zebra", "ant", "cow"):
        await index.create_collection(name, SPACE, WIDTH)

    first, token = await index.list_collections(page_size=3)
    second, last = await index.list_collections(page_size=3, page_token=token)

    assert [c.name for c in first] == ["ant", "cow", "docs"]
    assert [c.name for c in second] == ["zebra"]
    assert (bool(token), last) == (True, "")


async def test_a_collection_in_a_sparse_space_is_refused_with_the_reason(
    open_index: Callable[..., Index],
) -> None:
    index = open_index(served=ServedSpaces(sparse=["terms"]))

    with pytest.raises(InvalidInput, match="the space 'terms' is sparse") as refusal:
        await index.create_collection("docs", SpaceRef("terms", "r1", "f1"), WIDTH)

    assert str(refusal.value.field) == "space"
    await index.close()
