"""A server with a user's own classifier of texts, asked by the SDK and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from click.testing import CliRunner
from support.local_platform import Running, served_locally
from support.own_classifier import LABELS, TEXTS, classifier_card, own_logits, save_classifier
from support.own_platform import own_settings
from tieback_client import AsyncClient, Client, Image, InvalidArgument, NotFound
from tieback_client.cli import app

LONG = "owl " * 40


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, float]]]:
    """Labels with probabilities, best first, that transformers gives each text."""
    folder = tmp_path_factory.getbasetemp() / "labels"
    model = save_classifier(folder / "cards/own")
    found = {}
    for text, row in zip(TEXTS, own_logits(folder / "cards/own", model), strict=True):
        shares = np.exp(row) / np.exp(row).sum()
        found[text] = sorted(zip(LABELS, shares.tolist(), strict=True), key=lambda one: -one[1])
    return found


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, expected: dict[str, list[tuple[str, float]]]
) -> Iterator[Running]:
    folder = tmp_path_factory.getbasetemp() / "labels"
    with served_locally(own_settings(folder, classifier_card(folder / "cards/own"))) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as made:
        yield made


def test_texts_get_the_labels_that_transformers_gives(
    client: Client, expected: dict[str, list[tuple[str, float]]]
) -> None:
    (listed,) = client.classifiers()

    found = client.classify(list(TEXTS), model=listed.name)

    assert (listed.name, listed.labels, listed.ready, found.problem) == (
        "own-labels", list(LABELS), True, "single_label",
    )  # fmt: skip
    for text, one in zip(TEXTS, found, strict=True):
        assert [label.name for label in one.labels] == [name for name, _ in expected[text]]
        assert [label.score for label in one.labels] == pytest.approx(
            [score for _, score in expected[text]], abs=1e-4
        )
        assert one.label == one.labels[0].name
    assert [stage.name for stage in found.timing.stages] == ["tokenise", "classify:own-labels"]


async def test_the_asynchronous_client_asks_too(
    running: Running, expected: dict[str, list[tuple[str, float]]]
) -> None:
    async with AsyncClient(running.address, timeout=60) as client:
        (found,) = await client.classify(TEXTS[0], top=1)

    assert [one.name for one in found.labels] == [expected[TEXTS[0]][0][0]]


def test_bad_texts_fail_alone_with_their_places(client: Client) -> None:
    found = client.classify([TEXTS[0], LONG, " ", Image(b"\x89PNG"), TEXTS[1]])
    cut = client.classify(LONG, truncate=True)

    failed = [one for one in found.outcomes if isinstance(one, InvalidArgument)]
    assert [one.violations[0].field for one in failed] == [
        "contents[1].text", "contents[2].text", "contents[3].image",
    ]  # fmt: skip
    assert [isinstance(one, InvalidArgument) for one in found.outcomes] == [False, True, True, True, False]
    assert cut[0].truncated_tokens == 40 - (24 - 2)


def test_an_unknown_model_and_an_empty_batch_are_refused(client: Client) -> None:
    with pytest.raises(NotFound, match="own-labels"):
        client.classify("owl", model="labels")
    with pytest.raises(InvalidArgument, match="nothing to classify"):
        client.classify([])


def test_batches_are_counted_by_the_model(running: Running, client: Client) -> None:
    client.classify("owl")

    assert running.value("tieback_batch_items_count", space="own-labels") >= 1


def test_the_command_line_shows_labels(
    running: Running, expected: dict[str, list[tuple[str, float]]], client: Client
) -> None:
    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": running.address})
        return result.exit_code, result.stdout

    code, told = run("classify", *TEXTS, "--model", "own-labels", "--json")
    bad, some = run("classify", TEXTS[0], LONG, "--top", "1")

    results = json.loads(told)["results"]
    assert (code, bad) == (0, 1)
    assert [one["labels"][0]["name"] for one in results] == [expected[text][0][0] for text in TEXTS]
    assert expected[TEXTS[0]][0][0] in some
