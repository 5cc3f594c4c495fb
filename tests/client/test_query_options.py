"""The options of a query are the same at every door: the contract, the SDK, the command line."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from click.testing import CliRunner
from support.each import each
from support.small_library import small_library
from tieback.query_stages.stage import SEARCH
from tieback.query_stages.stages import stages
from tieback.v1 import annotations_pb2, query_pb2
from tieback_client import Client, Granularity, InvalidArgument, MethodChoice, QueryOptions
from tieback_client.cli import app
from tieback_contract.query import OPTIONS, Option, QueryKeywords, options_from_json, options_json

VALUES: dict[type, Any] = {
    bool: False,
    int: 3,
    float: 0.5,
    str: "colour",
    Granularity: Granularity.DOCUMENT,
    Mapping: {"search": 0.5},
    Sequence: [MethodChoice("some", {"beta": 2})],
}
SAID = {MethodChoice: "some:beta=2,how=so", Mapping: "search=0.5", Sequence: "some:beta=2"}
OTHERS = [one for one in OPTIONS if not one.is_of_search]


def value_of(one: Option) -> Any:
    return VALUES.get(one.kind, MethodChoice("some", {"beta": 2, "how": "so"}))


EVERY = QueryOptions(**{one.name: value_of(one) for one in OPTIONS})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("options")) as address:
        with Client(address) as client:
            client.create_collection("notes")
        yield address


def test_the_message_the_keywords_and_the_methods_of_a_client_have_every_option() -> None:
    names = [one.name for one in OPTIONS]

    assert [field.name for field in query_pb2.QueryOptions.DESCRIPTOR.fields] == names
    assert list(QueryKeywords.__annotations__) == names
    for method in (Client.search, Client.retrieve, Client.answer):
        assert list(inspect.signature(method).parameters)[-len(names) :] == names
        assert all(f"`{name}`: " in (method.__doc__ or "") for name in names)


@each("one", OPTIONS)
def test_an_option_is_described_and_has_the_family_of_the_contract(one: Option) -> None:
    field = query_pb2.QueryOptions.DESCRIPTOR.fields_by_name[one.name]
    family: Any = annotations_pb2.method_family

    assert one.description.endswith(".")
    assert field.GetOptions().Extensions[family] == one.family
    assert (one.range is not None) == (one.kind in (int, float))


@each("one", OPTIONS)
def test_a_stage_reads_each_option_and_a_search_takes_those_of_its_own_stages(one: Option) -> None:
    methods = {stage.of for stage in stages() if one.name in stage.options}

    assert (SEARCH in methods) == one.is_of_search
    assert methods


def test_every_option_is_sent_as_it_was_chosen(client: Client, served: Any) -> None:
    client.retrieve("notes", "the moon", **EVERY.chosen())
    client.retrieve("notes", "the moon", reranker="some", granularity="section")

    every, two = (request.options for request in served.log.retrievals)
    assert {field.name for field, _ in every.ListFields()} == {one.name for one in OPTIONS}
    assert dict(every.reranker.parameters) == {"beta": 2, "how": "so"}
    assert (two.reranker.name, two.granularity) == ("some", query_pb2.GRANULARITY_SECTION)


def test_every_option_of_the_command_line_is_sent(served: Any) -> None:
    words: list[str] = []
    for one in OPTIONS:
        flag, value = one.name.replace("_", "-"), value_of(one)
        said = SAID.get(one.kind, str(value))
        words += [f"--no-{flag}"] if one.kind is bool else [f"--{flag}", said]

    result = CliRunner().invoke(app.tieback, ["search", "x", *words], env={"TIEBACK_SERVER": served.address})

    assert result.exit_code == 0, result.output
    (request,) = served.log.retrievals
    assert {field.name for field, _ in request.options.ListFields()} == {one.name for one in OPTIONS}


@each("one", OTHERS)
def test_an_option_that_a_search_does_not_take_is_refused_by_its_place(library: str, one: Option) -> None:
    asked: Any = {one.name: value_of(one)}
    with Client(library) as client, pytest.raises(InvalidArgument, match="taken by Retrieve") as refused:
        client.search("notes", text="x", **asked)

    assert refused.value.field == f"options.{one.name}"


@each("one", [one for one in OPTIONS if one.range])
def test_a_number_out_of_range_is_refused_with_the_range(library: str, one: Option) -> None:
    least, most = one.range or (0, 0)
    asked: Any = {one.name: one.kind(most + 1)}
    with Client(library) as client, pytest.raises(InvalidArgument, match=f"{least:g} to {most:g}") as refused:
        client.retrieve("notes", "x", **asked)

    assert refused.value.field == f"options.{one.name}"


def test_an_option_that_there_is_not_is_a_mistake_of_the_caller(client: Client) -> None:
    asked: Any = {"balance": True}
    with pytest.raises(TypeError, match="balance"):
        client.retrieve("notes", "the moon", **asked)


def test_options_are_kept_as_json_has_them() -> None:
    assert options_from_json(options_json(EVERY)) == EVERY
    assert options_json(QueryOptions()) == {}
