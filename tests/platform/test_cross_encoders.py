"""A server with a user's own cross-encoder beside one text space without token vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from support.local_platform import Running, served_locally
from support.own_platform import own_settings
from support.own_reranker import own_scores, reranker_card, save_cross_encoder
from tieback.core.errors import StartupError
from tieback.serving.commands.models import models
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings
from tieback_client import Client, Image, InvalidArgument, Item, NotFound, Unimplemented
from tieback_client.cli import app
from tieback_contract.method_choice import MethodChoice

TEXTS = {"owl": "owl flies at night", "wren": "wren flies", "both": "owl at night at night", "one": "night"}
QUERY = "owl night"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judge")


@pytest.fixture(scope="module")
def torch_model(folder: Path) -> torch.nn.Module:
    (folder / "cards").mkdir()
    return save_cross_encoder(folder / "cards/own")


@pytest.fixture(scope="module")
def settings(folder: Path, torch_model: torch.nn.Module) -> Settings:
    return own_settings(folder, reranker_card(folder / "cards/own"))


@pytest.fixture(scope="module")
def running(settings: Settings) -> Iterator[Running]:
    with served_locally(settings) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as made:
        made.ingest("birds", [Item(name, text) for name, text in TEXTS.items()]).collect()
        yield made


def test_the_server_lists_its_reranker_and_takes_its_name_for_a_method(
    client: Client, folder: Path, torch_model: torch.nn.Module
) -> None:
    (listed,) = client.rerankers()
    texts = tuple(TEXTS.values())

    result = client.rerank(QUERY, list(texts), method=listed.name)

    scores = own_scores(folder / "cards/own", torch_model, QUERY, texts)
    assert (listed.name, listed.context_tokens, listed.ready) == ("own-judge", 20, True)
    assert [one.first_rank for one in result.results] == np.argsort(scores)[::-1].tolist()
    assert result.results[0].rerank_score == pytest.approx(max(scores), abs=1e-4)
    assert client.models() == []


def test_a_query_is_reranked_by_the_model_and_says_so(
    client: Client, folder: Path, torch_model: torch.nn.Module
) -> None:
    found = client.retrieve("birds", QUERY, reranker="own-judge", explain=True)

    scores = dict(
        zip(TEXTS, own_scores(folder / "cards/own", torch_model, QUERY, tuple(TEXTS.values())), strict=True)
    )
    assert found.plan.options.reranker == MethodChoice("own-judge")
    assert {one.hit.item_id for one in found.hits} == set(TEXTS)
    for one in found.hits:
        assert one.rerank_score == pytest.approx(scores[one.hit.item_id], abs=1e-4)
        assert one.alignment is None
    assert [one.hit.score for one in found.hits] == sorted(
        (one.hit.score for one in found.hits), reverse=True
    )


def test_what_does_not_go_with_a_model_is_refused_with_its_place(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="no parameter 'beta'") as parameters:
        client.retrieve("birds", QUERY, reranker=("own-judge", {"beta": 1}))
    with pytest.raises(InvalidArgument, match="no alignment") as explained:
        client.rerank(QUERY, ["owl"], method="own-judge", explain=True)
    (photo,) = client.rerank(QUERY, [Image(b"\x89PNG")], method="own-judge").failures
    with pytest.raises(NotFound, match="own-judge"):
        client.retrieve("birds", QUERY, reranker="judge")

    assert [one.field for one in parameters.value.violations] == ["options.reranker.parameters.beta"]
    assert [one.field for one in explained.value.violations] == ["explain"]
    assert isinstance(photo.error, InvalidArgument)
    assert "reads text" in photo.error.message
    assert [one.field for one in photo.error.violations] == ["candidates[0].source.content.image"]


def test_methods_that_compare_rows_say_that_this_server_has_none(client: Client) -> None:
    with pytest.raises(Unimplemented, match="no text space of this server has multi-vectors"):
        client.retrieve("birds", QUERY, reranker="late_interaction")


def test_the_model_is_named_on_the_command_line(running: Running, client: Client) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": running.address})
        assert result.exit_code == 0, result.output
        return result.stdout

    found = json.loads(run("search", QUERY, "-c", "birds", "--reranker", "own-judge", "--json"))
    ordered = json.loads(run("rerank", QUERY, *TEXTS.values(), "--method", "own-judge", "--json"))
    listed = json.loads(run("methods", "reranking", "--json"))

    assert found["plan"]["options"]["reranker"]["name"] == "own-judge"
    assert ordered["results"][0]["rerank_score"] >= ordered["results"][1]["rerank_score"]
    assert {"own-judge", "late_interaction"} <= {one["name"] for one in listed}


def test_a_folder_is_added_as_a_card(
    folder: Path, torch_model: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEBACK_CARDS", str(tmp_path))
    monkeypatch.setenv("TIEBACK_MODELS", str(tmp_path / "models"))

    added = CliRunner().invoke(models, ["add", str(folder / "cards/own"), "--name", "judge"])
    pulled = CliRunner().invoke(models, ["pull", "judge"])
    listed = json.loads(CliRunner().invoke(models, ["list", "--json"]).stdout)

    assert added.exit_code == pulled.exit_code == 0, added.output + pulled.output
    assert "cross-encoder's folder" in added.output
    assert [(one["kind"], one["state"]) for one in listed["models"] if one["name"] == "judge"] == [
        ("reranker", "ready")
    ]


def test_rerankers_are_served_as_the_setting_says(settings: Settings) -> None:
    none = Plan(settings.model_copy(update={"rerankers": ("none",)}))
    one = Plan(settings.model_copy(update={"rerankers": ("own-judge",)}))

    assert none.rerankers == ()
    assert [card.name for card in one.rerankers] == ["own-judge"]
    with pytest.raises(StartupError, match=r"TIEBACK_RERANKERS: .*own-judge"):
        Plan(settings.model_copy(update={"rerankers": ("judge",)}))
