"""The plan of a collection's queries in the SDK and the command line, with a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from support.command_line import documents
from support.small_library import small_library
from tieback_client import AlreadyExists, Client, InvalidArgument, Item, QueryOptions
from tieback_client.cli import app
from tieback_contract.method_choice import MethodChoice

EXACT = MethodChoice("exact")
PLAN = QueryOptions.of(
    hybrid=True,
    query_expansion=("rocchio", {"documents": 5}),
    diversity=0.25,
    granularity="document",
    vector_search="exact",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("plans")) as address:
        with Client(address) as client:
            client.create_collection("notes", plan=PLAN)
            client.ingest("notes", [Item("tides", "The moon pulls the sea.")]).collect()
        yield address


def command(library: str, *words: str) -> Result:
    return CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": library})


def test_a_collection_is_made_with_a_plan_and_its_queries_follow_it(library: str) -> None:
    with Client(library) as client:
        found = client.retrieve("notes", "the moon").plan.options
        own = client.retrieve("notes", "the moon", granularity="section", diversity=0).plan.options

        assert client.get_collection("notes").plan == PLAN
        assert (found.granularity, found.diversity, found.vector_search) == ("document", 0.25, EXACT)
        assert (own.granularity, own.diversity, own.vector_search) == ("section", 0, EXACT)
        with pytest.raises(AlreadyExists, match="leave the plan out"):
            client.create_collection("notes", plan=QueryOptions(hybrid=False))


def test_a_plan_is_changed_and_wrong_ones_name_the_field(library: str) -> None:
    with Client(library) as client:
        client.create_collection("others")
        changed = client.update_collection("others", plan=QueryOptions(hybrid=False))

        assert changed.plan == client.get_collection("others").plan == QueryOptions(hybrid=False)
        with pytest.raises(InvalidArgument) as refused:
            client.update_collection("others", plan=QueryOptions(diversity=2))
        assert refused.value.field == "plan.diversity"
        assert client.update_collection("others", plan=None).plan == QueryOptions()


def test_the_command_line_sets_and_shows_a_plan(library: str) -> None:
    with Client(library) as client:
        client.create_collection("shown")

    done = command(
        library,
        *["collections", "set", "shown", "--query-expansion", "rocchio:documents=5", "--hits-per-item", "2"],
    )
    shown = command(library, "collections", "show", "shown")
    (told,) = documents(command(library, "collections", "show", "shown", "--json"))

    assert "queries of shown: query_expansion rocchio (documents=5), hits_per_item 2" in done.stderr
    assert "query_expansion rocchio (documents=5), hits_per_item 2" in " ".join(shown.stdout.split())
    assert told["plan"]["hits_per_item"] == 2
    assert "as served" in command(library, *["collections", "set", "shown", "--defaults"]).stderr


@pytest.mark.parametrize("options", [[], ["--defaults", "--no-hybrid"]], ids=str)
def test_to_set_nothing_is_a_mistake(library: str, options: list[str]) -> None:
    result = command(library, "collections", "set", "notes", *options)

    assert result.exit_code == 2
    assert "Give options of queries, or --defaults alone." in result.stderr


def test_a_reranker_that_the_server_does_not_have_is_not_kept(library: str) -> None:
    with Client(library) as client:
        client.create_collection("reranked")

    result = command(library, "collections", "set", "reranked", "--reranker", "nope")

    assert result.exit_code == 1
    assert "'nope'" in result.stderr
    assert "none" in result.stderr
    assert command(library, "collections", "set", "reranked", "--reranker", "none").exit_code == 0
