"""Search, retrieval and answers by documents over gRPC, by both clients of the SDK and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from support.small_library import small_library
from tieback_client import AsyncClient, Client, InvalidArgument, Item, Section
from tieback_client.cli.app import tieback

TEXTS = {
    "tide": ["tide moon gravity", "tide moon lunar"],
    "ocean": ["lunar gravity ocean"],
    "bread": ["bread oven flour"],
}


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


def test_a_search_by_documents_gives_sections_beside_the_hit(client: Client) -> None:
    (tide,) = client.search("notes", text="tide", granularity="document").hits

    assert tide.item_id == "tide"
    assert [one.item_id for one in tide.sections] == ["tide"]
    assert {tide.section_id, tide.sections[0].section_id} == {"1", "2"}
    assert tide.sections[0].text in TEXTS["tide"]


def test_retrieval_by_documents_gives_each_item_once_and_the_plan_says_so(client: Client) -> None:
    plain = client.retrieve("notes", "tide moon")
    found = client.retrieve("notes", "tide moon", granularity="document")

    assert (plain.plan.options.granularity, found.plan.options.granularity) == ("section", "document")
    assert sorted(one.hit.item_id for one in found.hits) == sorted(TEXTS)
    first = found.hits[0]
    assert first.hit.item_id == "tide"
    assert [one.hit.item_id for one in first.sections] == ["tide"]
    assert first.sections[0].hit.score <= first.hit.score
    assert not first.hit.sections


async def test_the_async_client_takes_the_same(address: str) -> None:
    async with AsyncClient(address) as client:
        found = await client.search("notes", text="tide", granularity="document")

    assert [hit.item_id for hit in found.hits] == ["tide"]


@pytest.mark.parametrize("how", [{"collapse_pieces": True}, {"hits_per_item": 2}])
def test_what_a_search_by_documents_does_not_use_is_refused(client: Client, how: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match="a document is one hit"):
        client.retrieve("notes", "tide", granularity="document", **how)  # type: ignore[arg-type]  # by name


def test_an_unknown_granularity_is_refused_before_anything_is_sent(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="the choices are: section, document"):
        client.search("notes", text="tide", granularity="page")  # type: ignore[arg-type]  # on purpose


def test_the_command_line_ranks_documents_and_names_their_other_sections(address: str) -> None:
    asked = ["search", "tide", "moon", "-c", "notes", "--granularity", "document", "--server", address]
    shown = CliRunner().invoke(tieback, asked)
    given = json.loads(CliRunner().invoke(tieback, [*asked, "--json"]).output)

    assert shown.exit_code == 0
    assert shown.output.count("also: ") == 1
    assert given["plan"]["options"]["granularity"] == "document"
    assert [len(one["sections"]) for one in given["hits"]] == [1, 0, 0]
