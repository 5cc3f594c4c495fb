"""A server with a user's own language model that reranks by yes and no, added from its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.local_platform import served_locally
from support.own_platform import own_settings
from support.own_yes_no import PASSAGES, QUERY, save_language_model, scores_of_transformers
from tieback.recipes.own.yes_no import QWEN
from tieback.serving.commands.models import models
from tieback_client import Client, Item


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yes-no")


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, float]:
    model = save_language_model(folder / "own")
    scores = scores_of_transformers(folder / "own", model, QWEN["template"], instruction=QWEN["instruction"])
    return dict(zip(PASSAGES, scores, strict=True))


@pytest.fixture(scope="module")
def client(folder: Path, expected: dict[str, float]) -> Iterator[Client]:
    cards = folder / "cards"
    cards.mkdir()
    own = {"TIEBACK_CARDS": str(cards), "TIEBACK_MODELS": str(folder / "models")}
    added = CliRunner().invoke(
        models, ["add", str(folder / "own"), "--name", "judge", "--reranker", "yes_no"], env=own
    )
    pulled = CliRunner().invoke(models, ["pull", "judge"], env=own)
    assert added.exit_code == pulled.exit_code == 0, added.output + pulled.output
    with served_locally(own_settings(folder)) as running, Client(running.address, timeout=60) as made:
        yield made


def test_candidates_are_ordered_by_how_much_likelier_yes_is_than_no(
    client: Client, expected: dict[str, float]
) -> None:
    (listed,) = client.rerankers()

    found = client.rerank(QUERY, list(PASSAGES), method=listed.name)

    assert listed.name == "judge"
    for one in found.results:
        assert one.rerank_score == pytest.approx(expected[PASSAGES[one.first_rank]], abs=1e-4)
    assert [PASSAGES[one.first_rank] for one in found.results] == sorted(
        PASSAGES, key=lambda passage: -expected[passage]
    )


def test_a_query_names_it_and_a_document_that_is_too_long_is_cut(
    client: Client, expected: dict[str, float]
) -> None:
    texts = {"short": PASSAGES[0], "long": "the tide and the moon " * 400}
    client.ingest("sea", [Item(name, text) for name, text in texts.items()]).collect()

    found = client.retrieve("sea", "the moon", reranker="judge")

    assert {one.hit.item_id for one in found.hits} == set(texts)
    assert all(one.rerank_score is not None for one in found.hits)
