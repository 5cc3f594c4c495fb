"""Classifiers by endpoint: each API, pairs, limits, and what is told where it fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.far_platform import write_endpoint
from support.loops import running_loop
from support.model_server import ModelServer, model_server
from support.own_checker import bare_logits
from support.own_classifier import LABELS, TEXTS, save_classifier
from support.own_reranker import write_pair_tokenizer
from tieback.catalog.catalog import Catalog, read_card
from tieback.catalog.classifier_card import ClassifierCard
from tieback.classifier import TextClassifiers
from tieback.classifier.scores import scores_of
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import EndpointMisconfigured, EndpointUnavailable, InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.heads import ClassifyReply, ClassifyRequest
from tieback.models.endpoints.classifier import EndpointClassifier
from tieback.serving.commands.models import models
from tieback_contract.arrays import Array
from tieback_contract.heads import Classification
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

RUNTIMES = ("tei_predict", "vllm_classify")
PAIR = ("owl flies", "wren at night")
Logits = Callable[[Sequence[Sequence[str]]], Array]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Logits]:
    """A folder of a classifier, and its logits as transformers computes them."""
    folder = tmp_path_factory.mktemp("labels") / "own"
    model = save_classifier(folder)
    write_pair_tokenizer(folder)
    return folder, lambda inputs: np.stack([bare_logits(folder, model, *one)[0].numpy() for one in inputs])


@pytest.fixture
async def server(own: tuple[Path, Logits]) -> AsyncIterator[ModelServer]:
    async with model_server(ModelServer(classify=own[1], labels=LABELS)) as running:
        yield running


def card_of(folder: Path, server: ModelServer, runtime: str = "tei_predict", **fields: Any) -> ClassifierCard:
    options = {"model": "m", "attempts": 2, "batch": 3} | fields.pop("options", {})
    fields = {"role": "classifier", "labels": list(LABELS)} | fields
    card = read_card(write_endpoint(folder, runtime, server.base_url, options=options, **fields))
    assert isinstance(card, ClassifierCard)
    return card


async def asked(card: ClassifierCard, texts: Sequence[str], **more: Any) -> ClassifyReply:
    classifiers = TextClassifiers([EndpointClassifier(card)], limits=Limits(), batch_tokens=64)
    await classifiers.warm_up()
    contents = [Content(Modality.TEXT, text) for text in texts]
    try:
        return await classifiers.classify(ClassifyRequest("far", contents, **more), Call(Deadline.after(20)))
    finally:
        await classifiers.close()


def rows(reply: ClassifyReply) -> list[list[float]]:
    """Scores in the order of the labels."""
    found = [one for one in reply.results if isinstance(one, Classification)]
    assert len(found) == len(reply.results), reply.results
    named = [{label.name: label.score for label in one.labels} for one in found]
    return [[one[name] for name in LABELS] for one in named]


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_each_api_gives_the_probabilities_of_its_model(
    server: ModelServer, own: tuple[Path, Logits], tmp_path: Path, runtime: str
) -> None:
    expected = scores_of(own[1]([[text] for text in TEXTS]), "single_label")
    card = card_of(tmp_path, server, runtime)

    reply = await asked(card, TEXTS)

    np.testing.assert_allclose(rows(reply), expected, atol=1e-5)
    assert isinstance(reply.results[0], Classification)
    assert reply.results[0].label == LABELS[int(expected[0].argmax())]
    assert sorted(len(_inputs(body)) for _, body in server.asked) == [1, 3]  # four texts, three in a request
    assert await EndpointClassifier(card).probe() == ""


def _inputs(body: dict[str, Any]) -> Sequence[Any]:
    found: Sequence[Any] = body.get("inputs") or body["input"]
    return found


@pytest.mark.parametrize("problem", ["multi_label", "regression"])
async def test_the_problem_of_the_card_says_what_logits_are(
    server: ModelServer, own: tuple[Path, Logits], tmp_path: Path, problem: Any
) -> None:
    logits = own[1]([[TEXTS[0]], list(PAIR)])
    card = card_of(tmp_path, server, problem=problem)
    asking = ([TEXTS[0], PAIR[0]], {"second_texts": ["", PAIR[1]]})

    scores = rows(await asked(card, asking[0], **asking[1]))
    raw = rows(await asked(card, asking[0], **asking[1], raw_scores=True))

    np.testing.assert_allclose(scores, scores_of(logits, problem), atol=1e-5)
    np.testing.assert_allclose(raw, logits, atol=1e-5)


async def test_vllm_has_no_pairs_and_no_logits(server: ModelServer, tmp_path: Path) -> None:
    card = card_of(tmp_path, server, "vllm_classify")

    with pytest.raises(InvalidInput, match="leave raw_scores out"):
        await asked(card, ["owl"], raw_scores=True)
    reply = await asked(card, ["owl", "owl"], second_texts=["wren", ""])

    bad, good = reply.results
    assert isinstance(bad, InvalidInput)
    assert str(bad.field) == "second_texts[0]"
    assert isinstance(good, Classification)


async def test_a_text_that_the_server_refuses_fails_alone(server: ModelServer, tmp_path: Path) -> None:
    server.longest = 5

    reply = await asked(card_of(tmp_path, server), ["owl", "wren " * 9, " ", "night"])
    cut = await asked(card_of(tmp_path, server), ["wren " * 9], truncate=True)

    errors = [one for one in reply.results if isinstance(one, InvalidInput)]
    assert [isinstance(one, InvalidInput) for one in reply.results] == [False, True, True, False]
    assert (errors[0].reason, str(errors[0].field)) == ("TEXT_TOO_LONG", "contents[1].text")
    assert len(rows(cut)) == 1


async def test_with_its_tokenizer_texts_are_measured_here(
    server: ModelServer, own: tuple[Path, Logits], tmp_path: Path
) -> None:
    card = card_of(tmp_path, server, max_tokens=9, options={"tokenizer": str(own[0] / "tokenizer.json")})
    texts, seconds = ["owl " * 9, "owl", "owl " * 6], ["", "wren " * 9, "wren " * 6]

    refused = await asked(card, texts, second_texts=seconds)
    server.asked.clear()
    cut = await asked(card, texts, second_texts=seconds, truncate=True)

    told = [one for one in refused.results if isinstance(one, InvalidInput)]
    assert [str(one.field) for one in told] == [
        "contents[0].text", "second_texts[1]", "contents[2].text",
    ]  # fmt: skip
    assert [one.truncated_tokens for one in cut.results if isinstance(one, Classification)] == [3, 4, 6]
    (body,) = [body for _, body in server.asked]
    assert [[len(text.split()) for text in one] for one in body["inputs"]] == [[6], [1, 5], [3, 3]]


async def test_other_labels_and_servers_that_are_away_are_told(server: ModelServer, tmp_path: Path) -> None:
    with pytest.raises(EndpointMisconfigured, match="other labels than its card, which names: a, b, c"):
        await asked(card_of(tmp_path, server, labels=["a", "b", "c"]), ["owl"])
    server.failures = [503] * 9
    with pytest.raises(EndpointUnavailable):
        await asked(card_of(tmp_path, server), ["owl"])
    with pytest.raises(StartupError, match="run the model here"):
        EndpointClassifier(card_of(tmp_path, server, problem="tokens"))


@pytest.fixture
def threaded(own: tuple[Path, Logits]) -> Iterator[ModelServer]:
    made = ModelServer(classify=own[1], labels=LABELS)
    with running_loop() as run, run(model_server(made)):
        yield made


def test_a_card_is_written_with_the_labels_of_the_server(
    threaded: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cards").mkdir()
    for name in ("CARDS", "MODELS", "STORE"):
        monkeypatch.setenv(f"TIEBACK_{name}", str(tmp_path / name.lower()))

    def run(*words: str) -> Any:
        return CliRunner().invoke(models, ["add-endpoint", threaded.base_url, *words])

    tei = run("--api", "tei_predict", "--name", "tickets")
    unnamed = run("--api", "vllm_classify", "--model", "judge")
    vllm = run(
        "--api", "vllm_classify", "--model", "judge", *(word for one in LABELS for word in ("--label", one))
    )

    catalog = Catalog.load(tmp_path / "cards")
    tickets, judge = catalog.get("tickets"), catalog.get("judge")
    assert (tei.exit_code, vllm.exit_code) == (0, 0), tei.output + vllm.output
    assert "tieback classify TEXT --model tickets" in tei.output
    assert isinstance(tickets, ClassifierCard)
    assert isinstance(judge, ClassifierCard)
    assert (tickets.labels, judge.labels, tickets.max_tokens) == (LABELS, LABELS, 24)
    assert unnamed.exit_code != 0
    assert "say --label NAME for each" in unnamed.output
    listed = CliRunner().invoke(models, ["list", "--json"])
    states = {row["name"]: row["state"] for row in json.loads(listed.stdout)["models"]}
    assert (states["tickets"], states["judge"]) == ("endpoint", "endpoint")
