"""Highlights over gRPC, in the SDK and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from rich.text import Text
from support.small_library import small_library
from tieback_client import Client, InvalidArgument, Item, Section
from tieback_client.cli import app
from tieback_client.cli.query.search import highlighted

TEXT = "🐈 Cats sleep. The moon 🌙 shines. It is old. The moon pulls the tide."


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("library")) as address:
        with Client(address) as client:
            client.ingest(
                "notes", [Item("moon", [Section(TEXT)]), Item("cup", [Section("A cup.")])]
            ).collect()
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def command(address: str, *words: str) -> Result:
    arguments = ["search", *words, "-c", "notes", "--limit", "1"]
    return CliRunner().invoke(app.tieback, arguments, env={"TIEBACK_SERVER": address, "COLUMNS": "200"})


def test_a_retrieved_hit_has_the_sentences_that_say_most(client: Client) -> None:
    hit = client.retrieve("notes", "moon tide", highlights=2).hits[0].hit

    assert [one.of(hit.text) for one in hit.highlights] == ["The moon pulls the tide.", "The moon 🌙 shines."]
    assert [one.words for one in hit.highlights] == sorted(
        (one.words for one in hit.highlights), reverse=True
    )
    assert not client.retrieve("notes", "moon tide").hits[0].hit.highlights


def test_vectors_choose_where_words_are_not_searched_for(client: Client) -> None:
    hit = client.retrieve("notes", "pulls tide", highlights=1, hybrid=False).hits[0].hit

    [one] = hit.highlights
    assert one.of(hit.text) == "The moon pulls the tide."
    assert one.similarity is not None


def test_a_search_has_those_with_words_alone(client: Client) -> None:
    hit = client.search("notes", text="moon tide", highlights=5).hits[0]

    assert [one.of(hit.text) for one in hit.highlights] == ["The moon pulls the tide.", "The moon 🌙 shines."]
    assert [one.similarity for one in hit.highlights] == [None, None]


def test_more_than_a_hundred_are_refused_by_the_field(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="0 to 100") as refusal:
        client.retrieve("notes", "moon", highlights=101)

    assert refusal.value.field == "options.highlights"


def test_an_explained_query_times_the_step(client: Client) -> None:
    found = client.retrieve("notes", "moon", highlights=1, explain=True)

    assert [one.within for one in found.timing.stages if one.name == "highlights"] == ["search", ""]


def test_the_command_line_shows_the_sentences_in_the_order_of_the_text(address: str) -> None:
    told = command(address, "moon", "tide", "--highlights", "2")

    assert "    … The moon 🌙 shines. … The moon pulls the tide.\n" in told.output
    assert "Cats" not in told.output
    assert "Cats" in command(address, "moon", "tide").output


def test_the_sentences_are_bold_and_what_is_between_them_is_not(client: Client) -> None:
    text: Text = highlighted(client.retrieve("notes", "moon tide", highlights=2).hits[0].hit)

    assert [text.plain[one.start : one.end] for one in text.spans if one.style == "bold"] == [
        "The moon 🌙 shines.",
        "The moon pulls the tide.",
    ]


def test_json_has_the_bytes(address: str) -> None:
    told = command(address, "moon", "tide", "--highlights", "1", "--json")

    hit = json.loads(told.output)["hits"][0]["hit"]
    begin, end = hit["highlights"][0]["span"]
    assert hit["text"].encode()[begin:end].decode() == "The moon pulls the tide."
