"""The SDK and the command line have no defaults of retrieval of their own: the server's hold."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner
from tieback_client import Client, Modality
from tieback_client.cli import app
from tieback_contract.method_choice import MethodChoice


def test_a_query_of_the_sdk_leaves_its_plan_to_the_server(client: Client, served: Any) -> None:
    client.retrieve("notes", "the moon")
    client.answer("notes", "the moon").collect()

    assert len(served.log.retrievals) == 2
    for request in served.log.retrievals:
        assert not request.HasField("options")


@pytest.mark.parametrize(
    "words", [["search", "the moon"], ["search", "moon", "--modality", "text"], ["ask", "what is the moon"]]
)
def test_the_command_line_asks_what_the_sdk_asks(served: Any, words: list[str]) -> None:
    CliRunner().invoke(app.tieback, [*words, "-c", "notes"], env={"TIEBACK_SERVER": served.address})

    (request,) = served.log.retrievals
    assert not request.HasField("options")


def test_what_the_command_line_is_told_reaches_the_server(served: Any) -> None:
    options = [
        "--no-hybrid",
        "--balance-modalities",
        "--no-collapse-pieces",
        "--reranker",
        "none",
        "--min-relevance",
        "0.25",
    ]
    options += ["--query-expansion", "rocchio", "--diversity", "0.5", "--hits-per-item", "2"]

    CliRunner().invoke(app.tieback, ["search", "x", *options], env={"TIEBACK_SERVER": served.address})

    (request,) = served.log.retrievals
    options = request.options
    assert options.HasField("hybrid")
    assert not options.hybrid
    assert options.balance_modalities
    assert options.HasField("collapse_pieces")
    assert not options.collapse_pieces
    assert options.reranker.name == "none"
    assert options.min_relevance == 0.25
    assert options.query_expansion.name == "rocchio"
    assert (options.diversity, options.hits_per_item) == (0.5, 2)


def test_the_plan_of_a_query_and_the_servers_defaults_are_shown(client: Client, served: Any) -> None:
    plan = client.retrieve("notes", "the moon").plan

    assert plan == client.server_info().retrieval
    assert (plan.options.hybrid, plan.options.balance_modalities) == (True, False)
    assert plan.options.reranker == plan.options.query_expansion == MethodChoice("none")
    assert plan.first_modality is Modality.IMAGE
    shown = CliRunner().invoke(app.tieback, ["health"], env={"TIEBACK_SERVER": served.address}).output
    assert "queries: vectors and full text, a photo or a sound alone finds its own kind first, " in shown
    assert "a short text one hit, no feedback" in " ".join(shown.split())
