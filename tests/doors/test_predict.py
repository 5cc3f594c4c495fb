"""`POST /predict` as clients of text-embeddings-inference write it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from support.far_platform import write_endpoint
from support.local_platform import Running, served_locally
from support.own_classifier import (
    LABELS,
    TEXTS,
    classifier_card,
    own_logits,
    own_pair_logits,
    save_classifier,
    save_token_classifier,
)
from support.own_platform import own_settings
from support.own_reranker import write_pair_tokenizer
from tieback_client import Client, InvalidArgument, TiebackError

LONG = "owl " * 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("predict")


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    model = save_classifier(folder / "cards/own")
    write_pair_tokenizer(folder / "cards/own")
    return model


@pytest.fixture(scope="module")
def server(folder: Path, model: Any) -> Iterator[Running]:
    save_token_classifier(folder / "cards/parts")
    cards = [classifier_card(folder / "cards" / name, name=f"own-{name}") for name in ("own", "parts")]
    with served_locally(own_settings(folder, *cards, http_port=0)) as made:
        yield made


def asked(server: Running, inputs: Any, **more: Any) -> httpx.Response:
    return httpx.post(
        f"{server.http}/predict", json={"inputs": inputs, "model": "own-own"} | more, timeout=30
    )


def logits_of(found: Any) -> list[float]:
    scores = {one["label"]: one["score"] for one in found}
    return [scores[name] for name in LABELS]


def test_a_text_a_pair_and_a_batch_get_labels_as_there(server: Running, folder: Path, model: Any) -> None:
    own = own_logits(folder / "cards/own", model)
    pair = own_pair_logits(folder / "cards/own", model, TEXTS[0], "wren")

    text = asked(server, TEXTS[0]).raise_for_status().json()
    raw = asked(server, TEXTS[0], raw_scores=True).json()
    two = asked(server, [TEXTS[0], "wren"], raw_scores=True).json()
    batch = asked(server, [[TEXTS[1]], [TEXTS[0], "wren"]], raw_scores=True).json()

    powers = np.exp(own[0])
    np.testing.assert_allclose(logits_of(text), powers / powers.sum(), atol=1e-4)
    assert [one["score"] for one in text] == sorted((one["score"] for one in text), reverse=True)
    np.testing.assert_allclose(logits_of(raw), own[0], atol=1e-4)
    np.testing.assert_allclose(logits_of(two), pair, atol=1e-4)
    np.testing.assert_allclose([logits_of(one) for one in batch], [own[1], pair], atol=1e-4)


def test_a_text_that_is_too_long_is_refused_by_its_place_or_cut(server: Running) -> None:
    refused = asked(server, [["owl"], [LONG]])
    second = asked(server, [["owl"], ["owl", LONG]])
    cut = asked(server, [["owl"], [LONG]], truncate=True, truncation_direction="Right")

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "TEXT_TOO_LONG")
    assert [one.json()["error"]["param"] for one in (refused, second)] == ["inputs[1]", "inputs[1]"]
    assert len(cut.raise_for_status().json()) == 2


@pytest.mark.parametrize("inputs", [None, 7, [], ["a", "b", "c"], [["a"], "b"], [["a", "b", "c"]], ["a", ""]])
def test_what_is_no_input_is_refused(server: Running, inputs: Any) -> None:
    answer = asked(server, inputs)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("inputs")


def test_other_models_are_refused_with_the_way_out(server: Running) -> None:
    parts, space = asked(server, "owl", model="own-parts"), asked(server, "owl", model="words")
    unnamed = httpx.post(f"{server.http}/predict", json={"inputs": "owl"})
    left = asked(server, "owl", truncation_direction="Left")

    assert (parts.status_code, space.status_code, unnamed.status_code) == (501, 404, 400)
    assert "labels parts of texts" in parts.json()["error"]["message"]
    assert "own-own" in space.json()["error"]["message"]
    assert "own-own" in unnamed.json()["error"]["message"]
    assert (left.status_code, left.json()["error"]["param"]) == (400, "truncation_direction")


def test_a_server_without_classifiers_says_so(door: Running) -> None:
    answer = httpx.post(f"{door.http}/predict", json={"inputs": "owl"})

    assert answer.status_code == 501
    assert "tieback models add FOLDER" in answer.json()["error"]["message"]


def test_a_server_serves_the_classifier_of_another_by_its_endpoint(server: Running, tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    options = {"extra": {"model": "own-own"}}
    write_endpoint(
        tmp_path / "cards",
        "tei_predict",
        server.http,
        role="classifier",
        labels=list(LABELS),
        options=options,
    )
    texts: list[Any] = [TEXTS[0], (TEXTS[0], "wren"), " "]

    with served_locally(own_settings(tmp_path)) as other, Client(other.address, timeout=60) as client:
        found = client.classify(texts, model="far")
        services = {one.name for one in client.server_info().services}
        (listed,) = client.classifiers()
    with Client(server.address, timeout=60) as client:
        own = client.classify(texts, model="own-own")

    assert (listed.name, listed.labels, "endpoint:far" in services) == ("far", list(LABELS), True)
    for one, same in zip(found.outcomes[:2], own.outcomes[:2], strict=True):
        assert not isinstance(one, TiebackError)
        assert not isinstance(same, TiebackError)
        assert [label.name for label in one.labels] == [label.name for label in same.labels]
        assert [label.score for label in one.labels] == pytest.approx(
            [label.score for label in same.labels], abs=1e-5
        )
    assert isinstance(found.outcomes[2], InvalidArgument)
