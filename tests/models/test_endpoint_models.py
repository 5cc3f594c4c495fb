"""Encoders and rerankers by endpoint: each API, its limits, and what is told where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.certificates import Authority
from support.far_platform import WIDTH, table, write_endpoint
from support.model_server import ModelServer, model_server
from support.own_encoder import Silent, write_tokenizer
from support.own_reranker import PASSAGES, QUERY, reranker_card, save_cross_encoder
from support.small_spaces import write_words
from tieback.catalog.card import EncoderCard, RerankerCard
from tieback.catalog.catalog import read_card
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    ChangedEndpoint,
    EndpointMisconfigured,
    EndpointUnavailable,
    InvalidInput,
    Overloaded,
    StartupError,
    TiebackError,
)
from tieback.core.types.content import Content
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeRequest, SplitTextsRequest, Truncation
from tieback.core.types.rerank import RerankCandidate, RerankRequest
from tieback.encoder import Encoder
from tieback.models.encoder_model import EncoderModel
from tieback.models.endpoints.reranker import EndpointReranker
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.models.text.cross_encoder import CrossEncoderModel, load_cross_encoder
from tieback.recipes.pull import pull
from tieback.reranker import Reranker
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

TEXTS = ["owl flies at night", "wren", "wren night", "night at night"]
ENCODERS = {"openai_embeddings": "/v1", "tei_embed": "", "kserve_encoder": ""}
RERANKERS = {"cohere_rerank": "/v1", "tei_rerank": "", "vllm_score": "", "kserve_reranker": ""}


def words_model(folder: Path, seed: int) -> EncoderModel:
    folder.mkdir(exist_ok=True)
    card = write_words(folder, f"words{seed}", table(seed))
    assert pull([card], [card], Store(folder / "store"), Silent()) == []
    return load_encoder(card, Store(folder / "store"))


def vectors_of(model: EncoderModel, texts: Sequence[str]) -> Array:
    prepared = [model.prepare(Content(Modality.TEXT, text), EncodePlan(), Limits()) for text in texts]
    return np.stack([one.dense for one in model.run(prepared, EncodePlan()) if one.dense is not None])


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[EncoderModel]:
    """Two models of one width."""
    folder = tmp_path_factory.mktemp("words")
    return [words_model(folder, seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> CrossEncoderModel:
    folder = tmp_path_factory.mktemp("judge")
    model: torch.nn.Module = save_cross_encoder(folder / "own")
    assert model is not None
    card = reranker_card(folder / "own")
    assert pull([card], [], Store(folder / "store"), Silent()) == []
    return load_cross_encoder(card, Store(folder / "store"))


@pytest.fixture
async def server(words: list[EncoderModel], judge: CrossEncoderModel) -> AsyncIterator[ModelServer]:
    def score(query: str, passages: Sequence[str]) -> Sequence[float]:
        return judge.run([judge.prepare(query, passage) for passage in passages])

    made = ModelServer(lambda texts: vectors_of(words[0], texts), score)
    async with model_server(made) as running:
        yield running


def card_of(folder: Path, runtime: str, base_url: str, **fields: Any) -> EncoderCard:
    options = {"model": "m", "attempts": 2} | fields.pop("options", {})
    card = read_card(write_endpoint(folder, runtime, base_url, options=options, **fields))
    assert isinstance(card, EncoderCard)
    return card


class Asking:
    """An encoder of one endpoint, as the platform has it."""

    def __init__(self, folder: Path, server: ModelServer, runtime: str = "tei_embed", **fields: Any) -> None:
        self.card = card_of(folder, runtime, server.base_url + ENCODERS[runtime], **fields)
        self.model = load_encoder(self.card, Store(folder / "store"))
        self.encoder = Encoder([self.model])

    async def __aenter__(self) -> Asking:
        await self.encoder.warm_up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.encoder.close()

    async def results(
        self, texts: Sequence[str], *, truncation: Truncation = Truncation.REFUSE, seconds: float = 20
    ) -> Sequence[Encoding | TiebackError]:
        contents = [Content(Modality.TEXT, text) for text in texts]
        plan = EncodePlan(truncation=truncation)
        request = EncodeRequest("far", contents, plan, CachePolicy.BYPASS)
        return (await self.encoder.encode(request, Call(Deadline.after(seconds)))).results

    async def vectors(self, texts: Sequence[str], **how: Any) -> Array:
        found = await self.results(texts, **how)
        assert all(isinstance(one, Encoding) for one in found), found
        return np.stack([one.vector.values for one in found if isinstance(one, Encoding) and one.vector])


@pytest.mark.parametrize("runtime", ENCODERS)
async def test_an_encoder_by_each_api_gives_the_vectors_of_its_model(
    server: ModelServer, words: list[EncoderModel], tmp_path: Path, runtime: str
) -> None:
    texts = [TEXTS[place % 4] for place in range(50)]

    async with Asking(tmp_path, server, runtime) as asking:
        found = await asking.vectors(texts)

    assert np.abs(found - vectors_of(words[0], texts)).max() < 1e-6


@pytest.mark.parametrize("runtime", RERANKERS)
async def test_a_reranker_by_each_api_gives_the_scores_of_its_model(
    server: ModelServer, judge: CrossEncoderModel, tmp_path: Path, runtime: str
) -> None:
    options = {"model": "m", "batch": 3}
    path = write_endpoint(
        tmp_path, runtime, server.base_url + RERANKERS[runtime], role="reranker", options=options
    )
    card = read_card(path)
    assert isinstance(card, RerankerCard)
    reranker = Reranker(Encoder([]), models=[EndpointReranker(card)])
    candidates = [
        RerankCandidate(str(place), Content(Modality.TEXT, text)) for place, text in enumerate(PASSAGES)
    ]

    reply = await reranker.rerank(
        RerankRequest(Content(Modality.TEXT, QUERY), candidates, method=MethodChoice("far")),
        Call(Deadline.after(20)),
    )
    probe = await EndpointReranker(card).probe()
    await reranker.close()

    own = judge.run([judge.prepare(QUERY, passage) for passage in PASSAGES])
    scores = {int(one.id): one.rerank_score for one in reply.results}
    assert [scores[place] for place in range(4)] == pytest.approx(own, abs=1e-5)
    assert len(server.asked) == 2
    assert probe == ""


async def test_requests_keep_the_limits_of_the_card(server: ModelServer, tmp_path: Path) -> None:
    options = {"batch": 7, "parallel": 2, "batch_bytes": 1024}

    async with Asking(tmp_path, server, options=options) as asking:
        await asyncio.gather(*(asking.vectors(TEXTS * 5) for _ in range(4)))
        server.asked.clear()
        await asking.vectors(["night " * 100] * 4)

    sizes = [len(body["inputs"]) for _, body in server.asked]
    assert server.most_at_once <= 2
    assert sizes == [1, 1, 1, 1]


async def test_a_server_of_one_text_a_request_is_not_sent_two(server: ModelServer, tmp_path: Path) -> None:
    server.most = 1

    async with Asking(tmp_path, server, options={"batch": 1, "canary_seconds": 0}) as asking:
        await asking.vectors(TEXTS)

    assert {len(body["inputs"]) for _, body in server.asked} == {1}


async def test_a_text_that_the_endpoint_refuses_fails_alone(server: ModelServer, tmp_path: Path) -> None:
    async with Asking(tmp_path, server) as asking:
        server.longest, server.most = 20, 5
        found = await asking.results([*TEXTS, "night " * 21, *TEXTS])
        cut = await asking.results(["night " * 21], truncation=Truncation.END)

    refused = found[4]
    assert isinstance(refused, InvalidInput)
    assert (refused.reason, str(refused.field)) == ("TEXT_TOO_LONG", "contents[4].text")
    assert sum(isinstance(one, Encoding) for one in found) == 8
    assert isinstance(cut[0], Encoding)


async def test_with_its_tokenizer_texts_are_cut_exactly_and_the_rest_is_reported(
    server: ModelServer, tmp_path: Path
) -> None:
    write_tokenizer(tmp_path)
    options = {"tokenizer": str(tmp_path / "tokenizer.json")}

    async with Asking(tmp_path, server, max_tokens=8, options=options) as asking:
        [refused] = await asking.results(["owl " * 9])
        [cut] = await asking.results(["owl " * 9], truncation=Truncation.END)
        sent = server.asked[-1][1]["inputs"][0]
        split = await asking.encoder.split_texts(
            SplitTextsRequest("far", ["owl " * 9]), Call(Deadline.after(20))
        )

    assert isinstance(refused, InvalidInput)
    assert refused.reason == "TEXT_TOO_LONG"
    assert isinstance(cut, Encoding)
    assert (cut.token_count, cut.truncated_tokens) == (len(sent.split()), 9 - len(sent.split()))
    [pieces] = split.results
    assert not isinstance(pieces, TiebackError)
    assert len(pieces) == 2


async def test_an_endpoint_that_is_away_or_busy_is_asked_again_while_there_is_time(
    server: ModelServer, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret-token\n")
    options = {"token_file": str(tmp_path / "token"), "token_header": "api-key"}

    async with Asking(tmp_path, server, options=options) as asking:
        for status in (503, 429):
            server.failures.append(status)
            await asking.vectors(["owl"])
        for statuses, kind, words in (
            ([503, 503], EndpointUnavailable, "far is away"),
            ([429, 429], Overloaded, "busy"),
            ([401, 401], EndpointUnavailable, "refuses this server's token"),
            ([404], EndpointMisconfigured, "correct base_url, model or batch"),
        ):
            server.failures = list(statuses)
            with pytest.raises(kind, match=words) as error:
                await asking.vectors(["owl"])
            assert "secret-token" not in f"{error.value}{error.value.hint}"
        server.failures = [503]
        with pytest.raises(EndpointUnavailable):
            await asking.vectors(["owl"], seconds=0.15)  # no time for another attempt

    assert {headers.get("api-key") for headers in server.headers} == {"secret-token"}
    assert error.value.hint == "try again; a search by words works meanwhile"


async def test_a_server_is_trusted_by_the_certificates_of_its_card_alone(
    words: list[EncoderModel], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    far = ModelServer(lambda texts: vectors_of(words[0], texts))
    async with model_server(far, authority.issue("far")) as server:
        trusting = {"certificates": str(authority.certificate)}
        async with Asking(tmp_path, server, options=trusting) as asking:
            found = await asking.vectors(["owl"])
        async with Asking(tmp_path, server, options={"attempts": 1}) as asking:
            with pytest.raises(EndpointUnavailable, match="does not answer"):
                await asking.vectors(["owl"])

    assert found.shape == (1, WIDTH)


async def test_what_is_no_answer_is_an_endpoint_that_is_away(server: ModelServer, tmp_path: Path) -> None:
    async with Asking(tmp_path, server, options={"attempts": 1}) as asking:
        for answer in ([], [[1.0]], {"error": 1}, "text", [["a"] * WIDTH], [[float("1e999")] * WIDTH]):
            server.answer = answer
            with pytest.raises(EndpointUnavailable, match="no answer"):
                await asking.vectors(["owl"])


async def test_another_model_behind_a_new_connection_is_caught_by_the_first_request(
    server: ModelServer, words: list[EncoderModel], tmp_path: Path
) -> None:
    server.hangs_up = True

    async with Asking(tmp_path, server, options={"canary_seconds": 3600}) as asking:
        await asking.vectors(["owl"])
        server.encode = lambda texts: vectors_of(words[1], texts)
        with pytest.raises(ChangedEndpoint, match="other vectors than before"):
            await asking.vectors(["owl"])
        server.encode = lambda texts: vectors_of(words[0], texts)
        with pytest.raises(ChangedEndpoint):
            await asking.vectors(["owl"])  # it is not asked again at once
        await asyncio.sleep(2.1)
        healed = await asking.vectors(["owl"])

    assert healed.shape == (1, WIDTH)


async def test_another_model_behind_a_kept_connection_is_caught_by_a_batch(
    server: ModelServer, words: list[EncoderModel], tmp_path: Path
) -> None:
    async with Asking(tmp_path, server, options={"canary_seconds": 3600}) as asking:
        await asking.vectors(TEXTS * 2)
        server.encode = lambda texts: vectors_of(words[1], texts)
        with pytest.raises(ChangedEndpoint):
            await asking.vectors(TEXTS * 2)


async def test_two_models_behind_one_address_give_no_vectors(
    server: ModelServer, words: list[EncoderModel], tmp_path: Path
) -> None:
    async with Asking(tmp_path, server, options={"canary_seconds": 3600}) as asking:
        await asking.vectors(TEXTS * 2)
        server.encode = lambda texts: vectors_of(words[len(texts) > 8], texts)
        with pytest.raises(EndpointUnavailable, match="two models"):
            await asking.vectors(TEXTS * 2)


async def test_small_differences_of_a_server_are_the_same_model(
    server: ModelServer, words: list[EncoderModel], tmp_path: Path
) -> None:
    noise = np.random.default_rng(5)

    def rounded(texts: Sequence[str]) -> Array:
        rows = vectors_of(words[0], texts).astype(np.float16).astype(np.float32)
        return rows + noise.normal(scale=1e-3, size=rows.shape).astype(np.float32)

    async with Asking(tmp_path, server, options={"canary_seconds": 0}) as asking:
        await asking.vectors(["owl"])
        server.encode = rounded
        await asking.vectors(TEXTS * 4)


async def test_a_width_that_the_card_does_not_say_is_told(server: ModelServer, tmp_path: Path) -> None:
    async with Asking(tmp_path, server, width=WIDTH + 1) as asking:
        with pytest.raises(EndpointMisconfigured, match="16 dimensions and its card says 17"):
            await asking.vectors(["owl"])


async def test_the_server_starts_without_its_endpoint_and_the_canary_waits(tmp_path: Path) -> None:
    away = ModelServer(base_url="http://127.0.0.1:9")

    async with Asking(tmp_path, away, options={"attempts": 1}) as asking:
        with pytest.raises(EndpointUnavailable) as error:
            await asking.vectors(["owl"])

    assert error.value.retry_after > 0
    assert not list(tmp_path.rglob("canary*"))


def test_a_space_is_named_by_the_model_and_not_by_how_it_is_asked(tmp_path: Path) -> None:
    def space(runtime: str = "tei_embed", url: str = "http://far.example", **options: Any) -> Any:
        return card_of(tmp_path, runtime, url, options=options).space

    first = space()

    assert space(url="http://other.example/v1", runtime="openai_embeddings", batch=3) == first
    assert space(attempts=1, canary_seconds=5, parallel=1) == first
    for options in (
        {"model": "other"},
        {"version": "2"},
        {"extra": {"input_type": "query"}},
        {"prompts": {"query": "query: "}, "prompt": "query"},
    ):
        assert space(**options) != first


def test_two_sides_of_one_model_share_a_space(tmp_path: Path) -> None:
    prompts = {"query": "query: ", "passage": "passage: "}

    def side(name: str) -> EncoderCard:
        options = {"prompts": prompts, "prompt": name, "extra": {"input_type": name}}
        return card_of(tmp_path, "tei_embed", "http://far.example", name=name, shares="both", options=options)

    assert side("query").space == side("passage").space
    assert side("query").fingerprint != side("passage").fingerprint


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"joint": "component"}, "leave joint and pooling out"),
        ({"kinds": ["dense", "multi_vector"]}, "the kind 'dense' alone"),
        ({"directory": "."}, "has no weights"),
        ({"options": {"base_url": "http://far.example", "token_variable": "TOKEN"}}, "only sent by https"),
        ({"options": {"prompt": "query"}}, "prompt names one of prompts"),
    ],
)
def test_a_card_that_an_endpoint_cannot_have_is_refused(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(StartupError, match=words):
        card_of(tmp_path, "tei_embed", "http://far.example", **fields)
