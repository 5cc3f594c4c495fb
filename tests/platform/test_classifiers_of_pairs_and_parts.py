"""A server with classifiers of pairs and of parts of texts, asked by the SDK and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from click.testing import CliRunner
from support.local_platform import Running, served_locally
from support.own_classifier import (
    LABELS,
    TEXTS,
    classifier_card,
    named_parts,
    own_pair_logits,
    save_classifier,
    save_token_classifier,
)
from support.own_platform import own_settings
from support.own_reranker import write_pair_tokenizer
from tieback.v1 import classifier_pb2, classifier_pb2_grpc, content_pb2
from tieback_client import Client, InvalidArgument, TiebackError, TokenIds
from tieback_client.cli import app

LONG, SECOND = "owl " * 40, "wren at night"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="module")
def pairs(folder: Path) -> dict[str, list[float]]:
    """Probabilities of the labels that transformers gives each text with the second one."""
    model = save_classifier(folder / "cards/pairs")
    write_pair_tokenizer(folder / "cards/pairs")
    found = {}
    for text in TEXTS:
        powers = np.exp(own_pair_logits(folder / "cards/pairs", model, text, SECOND))
        found[text] = (powers / powers.sum()).tolist()
    return found


@pytest.fixture(scope="module")
def running(folder: Path, pairs: dict[str, list[float]]) -> Iterator[Running]:
    save_token_classifier(folder / "cards/parts")
    cards = [classifier_card(folder / "cards" / name, name=f"own-{name}") for name in ("pairs", "parts")]
    with served_locally(own_settings(folder, *cards)) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as made:
        yield made


def test_raw_scores_are_the_logits(client: Client) -> None:
    (found,) = client.classify(TEXTS[0], model="own-pairs", raw_scores=True)
    (shares,) = client.classify(TEXTS[0], model="own-pairs")

    powers = np.exp([one.score for one in found.labels])
    assert powers / powers.sum() == pytest.approx([one.score for one in shares.labels], abs=1e-5)
    assert powers.sum() != pytest.approx(1, abs=1e-2)


def test_pairs_and_texts_are_labelled_in_one_batch(client: Client, pairs: dict[str, list[float]]) -> None:
    texts = [*pairs]
    batch = [
        "owl",
        *((one, SECOND) for one in texts),
        ("owl", " "),
        ("owl", LONG),
        (LONG, "owl"),
        (" ", "owl"),
    ]

    found = client.classify(batch, model="own-pairs")
    cut = client.classify([("owl", LONG)], model="own-pairs", truncate=True)

    for text, one in zip(texts, found.outcomes[1:], strict=False):
        assert not isinstance(one, TiebackError)
        scores = {label.name: label.score for label in one.labels}
        assert [scores[name] for name in LABELS] == pytest.approx(pairs[text], abs=1e-4)
    failed = [one.violations[0].field for one in found.outcomes if isinstance(one, InvalidArgument)]
    first = 1 + len(texts)
    assert failed == [
        f"second_texts[{first}]", f"second_texts[{first + 1}]", f"contents[{first + 2}].text",
        f"contents[{first + 3}].text",
    ]  # fmt: skip
    assert cut[0].truncated_tokens == 1 + 40 - (24 - 3)


def test_a_pair_stays_beside_its_content_where_another_one_cannot_be_read(
    client: Client, pairs: dict[str, list[float]]
) -> None:
    text = next(iter(pairs))

    found = client.classify([(TokenIds([]), "owl"), (text, SECOND)], model="own-pairs")

    bad, good = found.outcomes
    assert isinstance(bad, InvalidArgument)
    assert not isinstance(good, TiebackError)
    assert {label.name: label.score for label in good.labels}[LABELS[0]] == pytest.approx(
        pairs[text][0], abs=1e-4
    )


def test_second_texts_are_as_many_as_contents(running: Running) -> None:
    request = classifier_pb2.ClassifyRequest(
        model="own-pairs", contents=[content_pb2.Content(text="owl")] * 2, second_texts=["wren"]
    )

    with grpc.insecure_channel(running.address) as channel:
        ask = classifier_pb2_grpc.TextClassifierServiceStub(channel).Classify
        with pytest.raises(grpc.RpcError) as raised:
            ask(request)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "1 second texts and 2 contents" in str(raised.value.details())
    with pytest.raises(InvalidArgument, match="a pair is a tuple of two texts"):
        Client(running.address).classify([("owl", "wren", "night")])


def test_parts_of_texts_have_labels(running: Running, client: Client, folder: Path) -> None:
    expected = named_parts(folder / "cards/parts", TEXTS)

    found = client.classify(list(TEXTS), model="own-parts")
    result = CliRunner().invoke(
        app.tieback, ["classify", TEXTS[0], "--model", "own-parts", "--json"],
        env={"TIEBACK_SERVER": running.address},
    )  # fmt: skip

    assert found.problem == "tokens"
    for text, one, theirs in zip(TEXTS, found, expected, strict=True):
        assert [(span.name, span.text, span.start, span.end) for span in one.spans] == [
            (part["entity_group"], text[part["start"] : part["end"]], part["start"], part["end"])
            for part in theirs
        ]
        assert [span.score for span in one.spans] == pytest.approx(
            [float(part["score"]) for part in theirs], abs=1e-4
        )
    (shown,) = json.loads(result.stdout)["results"]
    assert [one["name"] for one in shown["spans"]] == [part["entity_group"] for part in expected[0]]
