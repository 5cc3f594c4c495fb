"""A model in place of a method: pairs of a query and a passage, batched with those of other requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.own_reranker import PASSAGES, QUERY, own_scores, reranker_card, save_cross_encoder, served
from tieback.batching import BatchReport
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    Overloaded,
    RateExceeded,
    TiebackError,
)
from tieback.core.tenant import PRINCIPAL, Principal, TenantQuota
from tieback.core.types.content import Content
from tieback.core.types.rerank import RerankCandidate, RerankRequest, RerankSource
from tieback.methods.reranking import rerankings
from tieback.models.store import Store
from tieback.models.text.cross_encoder import CrossEncoderModel, PreparedPair
from tieback.reranker import Reranker
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector, SpaceRef

JUDGE = MethodChoice("own-judge")
LONG = " ".join(["owl flies at night"] * 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judge") / "own"


@pytest.fixture(scope="module")
def torch_model(folder: Path) -> torch.nn.Module:
    return save_cross_encoder(folder)


@pytest.fixture(scope="module")
def model(folder: Path, torch_model: torch.nn.Module) -> CrossEncoderModel:
    return served(reranker_card(folder), Store(folder.parent / "store"))


class Judged:
    """A reranker with the model and nothing else; `batches` have run."""

    def __init__(self, model: CrossEncoderModel, **options: Any) -> None:
        nobody: Any = None  # nothing here is encoded
        self.batches: list[BatchReport] = []
        self.reranker = Reranker(
            nobody,
            models=[model],
            on_batch=lambda name, report: self.batches.append(report) if name == JUDGE.name else None,
            **options,
        )

    async def rerank(
        self,
        query: str = QUERY,
        passages: tuple[str, ...] = PASSAGES,
        call: Call = NO_CALL,
        **options: Any,
    ) -> Any:
        asked = Content(Modality.TEXT, query)
        return await self.reranker.rerank(
            RerankRequest(asked, candidates(*passages), method=JUDGE, **options), call
        )


@pytest.fixture
async def judged(model: CrossEncoderModel) -> AsyncIterator[Judged]:
    made = Judged(model)
    yield made
    await made.reranker.close()


def candidates(*texts: str) -> list[RerankCandidate]:
    return [RerankCandidate(f"c{n}", Content(Modality.TEXT, text), float(-n)) for n, text in enumerate(texts)]


async def test_candidates_are_ordered_by_what_the_model_says_of_each_pair(
    judged: Judged, folder: Path, torch_model: torch.nn.Module
) -> None:
    expected = own_scores(folder, torch_model)

    reply = await judged.rerank()

    assert [one.first_rank for one in reply.results] == np.argsort(expected)[::-1].tolist()
    for one in reply.results:
        assert one.rerank_score == one.score == pytest.approx(expected[one.first_rank], abs=1e-4)
    assert reply.cost.batch_size == len(PASSAGES)
    assert reply.cost.tokens == sum(2 + len(passage.split()) + 3 for passage in PASSAGES)
    assert [stage.name for stage in reply.timing.stages] == ["tokenise", "score:own-judge"]


async def test_the_order_may_be_merged_with_the_first_ranking_and_be_cut(judged: Judged) -> None:
    merged = await judged.rerank(rank_fusion=MethodChoice("weighted_sum", {"weights": [1.0, 0.0]}), limit=2)

    assert [one.id for one in merged.results] == ["c0", "c1"]


class Gate:
    """Holds the batches of a model until it is opened. Each takes as long, so that more at once pay."""

    def __init__(self, model: CrossEncoderModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self._began, self._may_run = threading.Event(), threading.Event()
        run = model.run

        def held(batch: Sequence[PreparedPair]) -> list[float]:
            self._began.set()
            assert self._may_run.wait(20)
            time.sleep(0.05)
            return run(batch)

        monkeypatch.setattr(model, "run", held)

    async def held(self, asked: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """The request, whose batch has begun and is held."""
        task = asyncio.create_task(asked)
        assert await asyncio.to_thread(self._began.wait, 20)
        return task

    async def waiting(self, asked: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """The request, which waits behind that batch. Its texts are short, so that it waits at once."""
        task = asyncio.create_task(asked)
        for _ in range(10):
            await asyncio.sleep(0)
        return task

    def open(self) -> None:
        self._may_run.set()


@pytest.fixture
def gate(model: CrossEncoderModel, monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(model, monkeypatch)


async def test_pairs_of_several_requests_are_computed_together(judged: Judged, gate: Gate) -> None:
    held = await gate.held(judged.rerank("owl", ("wren",)))
    asked = [await gate.waiting(judged.rerank("owl", ("wren", "flies"))) for _ in range(6)]
    gate.open()
    await asyncio.gather(held, *asked)
    await judged.reranker.close()  # a batch is reported after its results

    assert max(batch.items for batch in judged.batches) > 2


async def test_short_and_long_passages_are_not_padded_to_one_length(
    judged: Judged, folder: Path, torch_model: torch.nn.Module
) -> None:
    passages = ("wren", " ".join(["night"] * 15)) * 60
    await judged.reranker.warm_up()

    reply = await judged.rerank("owl", passages)

    scores = {one.first_rank: one.rerank_score for one in reply.results}
    one, other = own_scores(folder, torch_model, "owl", passages[:2])
    assert [scores[place] for place in range(2)] == [
        pytest.approx(one, abs=1e-4),
        pytest.approx(other, abs=1e-4),
    ]
    assert reply.cost.padding_tokens < 0.25 * reply.cost.tokens  # all beside each other would have 60 %


async def test_a_request_that_nobody_waits_for_is_not_computed(judged: Judged, gate: Gate) -> None:
    held = await gate.held(judged.rerank("owl", ("flies",)))
    task = await gate.waiting(judged.rerank("owl", ("wren",) * 7))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open()
    await held
    await judged.reranker.close()  # a batch is reported after its answers

    computed = sum(batch.items for batch in judged.batches)
    load = judged.reranker.model_loads[JUDGE.name]()
    assert computed == 1
    assert load.dropped_cancelled == 7
    assert load.queued_items == load.active_items == 0


async def test_nothing_is_computed_after_the_deadline(judged: Judged) -> None:
    with pytest.raises(DeadlineExceeded):
        await judged.rerank(call=Call(Deadline.after(-1)))

    assert judged.batches == []


async def test_more_than_may_wait_is_refused(model: CrossEncoderModel) -> None:
    judged = Judged(model, limits=Limits(queued_tokens=100))

    replies = await asyncio.gather(
        *[judged.rerank(LONG, (LONG,) * 4) for _ in range(20)], return_exceptions=True
    )
    with pytest.raises(InvalidInput, match="lets at most 100 wait"):
        await judged.rerank(LONG, (LONG,) * 10)
    await judged.reranker.close()

    assert {type(one) for one in replies if isinstance(one, TiebackError)} == {Overloaded}


async def test_a_models_tokens_count_in_the_tenants_allowance(model: CrossEncoderModel) -> None:
    judged = Judged(model)
    token = PRINCIPAL.set(Principal("small", quota=TenantQuota(tokens_per_second=2)))
    try:
        await judged.rerank("owl", ("wren", "flies"))

        with pytest.raises(RateExceeded, match="'small' may have 2 tokens a second"):
            await judged.rerank("owl", ("wren", "flies"))
    finally:
        PRINCIPAL.reset(token)
        await judged.reranker.close()


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"method": MethodChoice("own-judge", {"beta": 1})}, "method.parameters.beta", "is a model"),
        ({"space": "words"}, "space", "compares no vectors"),
        ({"explain": True}, "explain", "no alignment"),
    ],
)
async def test_what_a_model_makes_no_use_of_is_refused_with_its_place(
    judged: Judged, changes: dict[str, Any], field: str, said: str
) -> None:
    asked = Content(Modality.TEXT, "owl")

    with pytest.raises(InvalidInput, match=said) as raised:
        await judged.reranker.rerank(
            RerankRequest(asked, candidates("wren"), **{"method": JUDGE} | changes), NO_CALL
        )

    assert str(raised.value.field) == field


async def test_a_source_that_is_no_text_is_named(judged: Judged) -> None:
    photo = Content(Modality.IMAGE, b"\x89PNG")
    rows = MultiVector(
        np.ones((1, 4), np.float32),
        SpaceRef("here", "r", "f"),
        Locators.of(LocatorKind.BYTE_SPAN, [(0, 1)]),
    )
    asked = Content(Modality.TEXT, "owl")
    places = {}
    unread = Content(Modality.TEXT, "a\0b")
    sources: dict[str, RerankSource] = {"photo": photo, "rows": rows, "unread": unread}
    for name, source in sources.items():
        reply = await judged.reranker.rerank(
            RerankRequest(asked, [RerankCandidate("x", source), *candidates("wren")], method=JUDGE), NO_CALL
        )
        (failed,) = reply.failures
        places[name] = str(failed.error.field)
        assert [(one.id, one.first_rank) for one in reply.results] == [("c0", 1)]
        assert (failed.id, failed.first_rank) == ("x", 0)

    assert places == {
        "photo": "candidates[0].source.content.image",
        "rows": "candidates[0].source.multi_vector",
        "unread": "candidates[0].source.content.text",
    }
    with pytest.raises(InvalidInput) as raised:
        await judged.reranker.rerank(RerankRequest(photo, candidates("wren"), method=JUDGE), NO_CALL)
    assert str(raised.value.field) == "query.content.image"


async def test_a_pair_that_the_model_fails_on_fails_alone(
    judged: Judged, model: CrossEncoderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, run = model.prepare, model.run

    def brittle_prepare(query: str, passage: str) -> PreparedPair:
        if passage == "night":
            raise RuntimeError("inside")
        return prepare(query, passage)

    def brittle_run(batch: Sequence[PreparedPair]) -> list[float]:
        if any(pair.tokens > 10 for pair in batch):
            raise RuntimeError("inside")
        return run(batch)

    monkeypatch.setattr(model, "prepare", brittle_prepare)
    monkeypatch.setattr(model, "run", brittle_run)
    reply = await judged.rerank("owl", ("wren", LONG, "night", "owl"))
    none = await judged.rerank("owl", ("night",))

    assert sorted(one.first_rank for one in reply.results) == [0, 3]
    assert [(one.first_rank, type(one.error)) for one in reply.failures] == [
        (1, TiebackError),
        (2, TiebackError),
    ]
    assert all("inside" not in one.error.message for one in reply.failures)
    assert (none.results, len(none.failures)) == ([], 1)


async def test_a_query_that_the_model_cannot_read_fails_the_call(
    judged: Judged, model: CrossEncoderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(query: str, passage: str) -> PreparedPair:
        raise InvalidInput("the text has no token", field="first")

    monkeypatch.setattr(model, "prepare", prepare)
    with pytest.raises(InvalidInput) as raised:
        await judged.rerank("owl", ("wren", "owl"))

    assert str(raised.value.field) == "query.content.text"


async def test_an_unknown_name_is_not_found_with_methods_and_models(judged: Judged) -> None:
    with pytest.raises(NotFound) as raised:
        await judged.reranker.rerank(
            RerankRequest(Content(Modality.TEXT, "owl"), candidates("wren"), method=MethodChoice("judge")),
            NO_CALL,
        )

    assert raised.value.choices == sorted(["own-judge", *rerankings.names()])
