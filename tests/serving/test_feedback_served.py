"""Feedback, diversity and hits per item over gRPC, by both clients of the SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.small_library import small_library
from tieback_client import AsyncClient, Client, InvalidArgument, Item, NotFound, Section
from tieback_contract.method_choice import MethodChoice

TEXTS = {
    "tide": ["tide moon gravity", "tide moon lunar"],
    "ocean": ["lunar gravity ocean"],
    "bread": ["bread oven flour"],
}
ROCCHIO = ("rocchio", {"documents": 2, "agreement": 0})


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("library")) as address:
        items = [Item(name, [Section(part) for part in parts]) for name, parts in TEXTS.items()]
        with Client(address) as client:
            client.ingest("notes", items).collect()
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def test_words_of_the_best_hits_find_what_the_query_does_not(client: Client) -> None:
    plain = client.search("notes", text="tide")
    expanded = client.search("notes", text="tide", query_expansion=ROCCHIO)

    assert {hit.item_id for hit in plain.hits} == {"tide"}
    assert {hit.item_id for hit in expanded.hits} == {"tide", "ocean"}
    assert (plain.expanded, expanded.expanded) == (False, True)


def test_the_plan_of_a_query_says_what_was_used(client: Client) -> None:
    plain = client.retrieve("notes", "tide").plan.options
    found = client.retrieve("notes", "tide", query_expansion=ROCCHIO, diversity=0.25, hits_per_item=1)

    used = found.plan.options
    assert (plain.query_expansion, plain.diversity, plain.hits_per_item) == (MethodChoice("none"), 0, 5)
    assert (used.query_expansion, used.diversity, used.hits_per_item) == (MethodChoice.of(ROCCHIO), 0.25, 1)
    assert sorted(one.hit.item_id for one in found.hits) == ["bread", "ocean", "tide"]


async def test_the_async_client_takes_the_same(address: str) -> None:
    async with AsyncClient(address) as client:
        found = await client.search("notes", text="tide", query_expansion=ROCCHIO, hits_per_item=1)

    assert sorted(hit.item_id for hit in found.hits) == ["ocean", "tide"]


def test_bad_choices_are_named_by_their_fields(client: Client) -> None:
    with pytest.raises(InvalidArgument) as weight:
        client.search("notes", text="tide", query_expansion=("rocchio", {"weight": 0}))
    with pytest.raises(InvalidArgument) as diversity:
        client.retrieve("notes", "tide", diversity=0.5, reranker="late_interaction")
    with pytest.raises(InvalidArgument) as number:
        client.retrieve("notes", "tide", diversity=float("nan"))
    with pytest.raises(NotFound) as unknown:
        client.retrieve("notes", "tide", query_expansion="magic")

    assert weight.value.field == "options.query_expansion.parameters.weight"
    assert diversity.value.field == "options.diversity"
    assert number.value.field == "options.diversity"
    assert "rocchio" in str(unknown.value)
