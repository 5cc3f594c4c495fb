"""`tieback models add-endpoint`: what it asks, the card that it writes, and what it says where it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from support.loops import running_loop
from support.model_server import ModelServer, model_server
from tieback.catalog.card import EncoderCard, RerankerCard
from tieback.catalog.catalog import Catalog
from tieback.serving.commands.models import models

WIDTH = 24


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """Its vectors are those of no model: that they come and how wide they are is all that is asked."""
    made = ModelServer(
        lambda texts: np.eye(len(texts), WIDTH, dtype=np.float32) + 0.1,
        lambda _, passages: [float(len(one)) for one in passages],
    )
    with running_loop() as run, run(model_server(made)):
        yield made


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cards").mkdir()
    for name in ("CARDS", "MODELS", "STORE"):
        monkeypatch.setenv(f"TIEBACK_{name}", str(tmp_path / name.lower()))
    return tmp_path / "cards"


def run(*words: str) -> Result:
    return CliRunner().invoke(models, list(words))


def test_a_card_has_the_width_and_the_length_that_the_server_has(server: ModelServer, cards: Path) -> None:
    embed = run("add-endpoint", server.base_url, "--api", "tei_embed")
    v1 = run(
        "add-endpoint", f"{server.base_url}/v1", "--model", "small", "--name", "other", "--max-tokens", "9"
    )
    rerank = run("add-endpoint", server.base_url, "--api", "vllm_score", "--model", "judge")
    listed = {row["name"]: row for row in json.loads(run("list", "--json").stdout)["models"]}
    catalog = Catalog.load(cards)
    found, other, judge = (catalog.get(name) for name in ("small-e5", "other", "judge"))

    assert (embed.exit_code, v1.exit_code, rerank.exit_code) == (0, 0, 0), embed.output + v1.output
    assert "tieback index FOLDER --space small-e5" in embed.output
    assert isinstance(found, EncoderCard)
    assert isinstance(other, EncoderCard)
    assert isinstance(judge, RerankerCard)
    assert (found.width, found.max_tokens, found.options.model) == (WIDTH, 24, "somebody/Small-E5")
    assert (other.width, other.max_tokens) == (WIDTH, 9)
    assert listed["small-e5"]["state"] == "endpoint"


def test_without_a_folder_of_cards_the_card_is_printed(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIEBACK_CARDS", raising=False)

    told = run("add-endpoint", f"{server.base_url}/v1", "--model", "small")

    card = yaml.safe_load(told.stdout)
    assert (card["name"], card["width"], card["max_tokens"]) == ("small", WIDTH, 32)


def test_what_is_wrong_is_told_and_no_card_is_written(server: ModelServer, cards: Path) -> None:
    no_model = run("add-endpoint", f"{server.base_url}/v1")
    away = run("add-endpoint", "http://127.0.0.1:9/v1", "--model", "small")
    nowhere = run("add-endpoint", f"{server.base_url}/v9", "--model", "small")
    unknown = run("canary", "nobody")

    assert "model: Field required" in no_model.output
    assert "does not answer" in away.output
    assert "status 404" in nowhere.output
    assert "correct URL, --api or --model" in nowhere.output
    assert "no encoder by endpoint is named 'nobody'" in unknown.output
    assert {one.exit_code for one in (no_model, away, nowhere, unknown)} == {1}
    assert not list(cards.iterdir())


def test_a_folder_that_cannot_be_served_is_told_how_to_go_on_by_endpoint(tmp_path: Path, cards: Path) -> None:
    folder = tmp_path / "strange"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-architecture"}))

    told = run("add", str(folder))

    assert told.exit_code == 1
    assert "tieback models add-endpoint URL" in told.output
    assert not list(cards.iterdir())


def test_a_canary_is_kept_compared_and_accepted(server: ModelServer, cards: Path) -> None:
    run("add-endpoint", server.base_url, "--api", "tei_embed")

    first = run("canary", "small-e5")
    same = run("canary", "small-e5")
    before, server.encode = server.encode, lambda texts: np.ones((len(texts), WIDTH), np.float32)
    other = run("canary", "small-e5", "--json")
    accepted = run("canary", "small-e5", "--accept")
    after = run("canary", "small-e5")
    server.encode = before

    assert "There was no canary" in first.output
    assert "The model is the same." in same.output
    assert not json.loads(other.stdout)["same"]
    assert [one.exit_code for one in (first, same, other, accepted, after)] == [0, 0, 1, 0, 0]
    assert len(list(cards.parent.rglob("canary-*.safetensors"))) == 1
