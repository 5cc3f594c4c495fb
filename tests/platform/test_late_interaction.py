"""A server with a user's own late interaction model: stored token vectors, and a query by its own rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.late_folders import QUERY_TOKENS, LateModel, save_pylate
from support.local_platform import Running, served_locally
from tieback.serving.commands.models import models
from tieback.serving.settings import Settings
from tieback_client import Client, Item, TokenVectors

TEXTS = {"owl": "owl flies at night !", "wren": "wren flies", "both": "owl wren", "one": "night"}
QUERY = "owl night"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("late")


@pytest.fixture(scope="module")
def expected(folder: Path) -> LateModel:
    return save_pylate(folder / "late")


@pytest.fixture(scope="module")
def running(folder: Path, expected: LateModel) -> Iterator[Running]:
    (folder / "cards").mkdir()
    environment = {"TIEBACK_CARDS": str(folder / "cards"), "TIEBACK_MODELS": str(folder / "models")}
    for words in (["add", str(folder / "late")], ["pull", "late-query", "late-document"]):
        done = CliRunner(env=environment).invoke(models, words)
        assert done.exit_code == 0, done.output
    settings = Settings(
        models=folder / "models", store=folder / "store", cards=folder / "cards", port=0, metrics_port=None,
        spaces=("late-query", "late-document"), binding="none", generator="none", rerankers=("none",),
        drain_seconds=1,
    )  # fmt: skip
    with served_locally(settings) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as made:
        yield made


def test_texts_are_compared_by_the_rules_of_their_sides(client: Client, expected: LateModel) -> None:
    result = client.rerank(QUERY, list(TEXTS.values()), method="late_interaction", space="late")

    scores = [expected.score(QUERY, text) / QUERY_TOKENS for text in TEXTS.values()]
    found = {one.first_rank: one.rerank_score for one in result.results}
    assert found == pytest.approx(dict(enumerate(scores)), abs=1e-3)


@pytest.mark.parametrize("kept", [True, False])
def test_a_collection_is_searched_and_reranked_in_their_space(
    client: Client, expected: LateModel, kept: bool
) -> None:
    name = "kept" if kept else "encoded"
    every = TokenVectors("late", pooling=("ward", {"factor": 1}), codec="float32")
    client.ingest(
        name, [Item(key, text) for key, text in TEXTS.items()], token_vectors=every if kept else False
    ).collect()

    found = client.retrieve(name, QUERY, reranker="late_interaction")

    assert client.get_collection(name).space.name == "late"
    assert found.plan.token_vectors is kept
    assert {one.hit.item_id for one in found.hits} == set(TEXTS)
    for one in found.hits:
        score = expected.score(QUERY, TEXTS[one.hit.item_id]) / QUERY_TOKENS
        assert one.rerank_score == pytest.approx(score, abs=1e-3)
