"""No text, of callers or stored, holds the event loop on which all callers are served."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from support.adversarial import SHAPES, seconds, text_of
from support.growth import own_garbage_alone
from support.running_platform import wait_for
from tieback.v1 import (
    answer_pb2,
    answer_pb2_grpc,
    content_pb2,
    encoder_pb2,
    encoder_pb2_grpc,
    evidence_pb2,
    generator_pb2,
    generator_pb2_grpc,
    index_pb2,
    index_pb2_grpc,
    query_pb2,
    reranker_pb2,
    reranker_pb2_grpc,
)

LONGEST_WORK = 0.1
"""Seconds of processor time that the loop may work without a pause."""
LONGEST_HELD = 0.5
"""Seconds of the process's processor time by which it may be late: a thread that does not let go of the
interpreter, or a garbage collection. The time for which other programs have the cores does not count."""
LONGEST_LAG = 10.0
"""Seconds on the clock by which it may be late, for whatever reason, so also where it waits for a lock or for
a disk. Long, since other programs may have the cores."""

INVALID = grpc.StatusCode.INVALID_ARGUMENT.value[0]
COLLECTION = "hostile"
HOSTILE = [text for shape in SHAPES if (text := text_of(shape, 20_000)).strip()]
TEXTS = [
    *HOSTILE,
    *(f"The bridge is open on Monday. {text} The bridge was built in 1884." for text in HOSTILE[::4]),
]
QUESTION = "Is the bridge open on Monday?"


class Watch:
    """How long the loop works without a pause, how late it is, and by what work of the process."""

    def __init__(self) -> None:
        self.work = self.held = self.lag = 0.0

    async def run(self) -> None:
        while True:
            worked, used, due = time.thread_time(), time.process_time(), time.monotonic() + 0.005
            await asyncio.sleep(0.005)
            lag = time.monotonic() - due
            self.work = max(self.work, time.thread_time() - worked)
            self.held = max(self.held, min(lag, time.process_time() - used))
            self.lag = max(self.lag, lag)

    def check(self) -> None:
        assert self.work < LONGEST_WORK
        assert self.held < LONGEST_HELD
        assert self.lag < LONGEST_LAG


@pytest.fixture
def watch(local_platform: Any) -> Iterator[Watch]:
    made = Watch()
    with own_garbage_alone():
        task = asyncio.run_coroutine_threadsafe(made.run(), local_platform.loop)
        yield made
        task.cancel()


@pytest.fixture(scope="module")
def stored(local_platform: Any) -> str:
    with grpc.insecure_channel(local_platform.address) as channel:
        ingest(channel, TEXTS)
    return COLLECTION


def ingest(channel: grpc.Channel, texts: list[str]) -> None:
    items = [
        content_pb2.Item(
            id=f"{n}", sections=[content_pb2.Section(id="1", content=content_pb2.Content(text=text))]
        )
        for n, text in enumerate(texts)
    ]
    request = answer_pb2.IngestItemsRequest(collection=COLLECTION, items=items)
    for response in answer_pb2_grpc.AnswerServiceStub(channel).IngestItems(iter([request]), timeout=120):
        refused = {result.status.code for result in response.results} - {0}
        assert refused <= {INVALID}  # where a model reads no word in one


def encode(channel: grpc.Channel) -> None:
    contents = [content_pb2.Content(text=f"new {text}") for text in HOSTILE]  # not from the cache
    for space in ("all-minilm-l6-v2", "wordllama-256"):
        request = encoder_pb2.EncodeRequest(
            space=space, contents=contents, truncation=encoder_pb2.TRUNCATION_END
        )
        encoder_pb2_grpc.EncoderServiceStub(channel).Encode(request, timeout=120)


def search(channel: grpc.Channel) -> None:
    stub = index_pb2_grpc.IndexServiceStub(channel)
    for text in HOSTILE:
        asked(
            functools.partial(
                stub.Search, index_pb2.SearchRequest(collection=COLLECTION, text=text[:4_000]), timeout=30
            )
        )
    digits = f"year = {'1' * 4000}x"
    asked(
        lambda: stub.Search(
            index_pb2.SearchRequest(collection=COLLECTION, text="a", filter=digits), timeout=30
        )
    )


def retrieval(text: str) -> answer_pb2.RetrieveRequest:
    part = answer_pb2.QueryPart(content=content_pb2.Content(text=text))
    options = query_pb2.QueryOptions(hybrid=True)
    return answer_pb2.RetrieveRequest(collection=COLLECTION, query=[part], limit=20, options=options)


def retrieve(channel: grpc.Channel) -> None:
    stub = answer_pb2_grpc.AnswerServiceStub(channel)
    for text in (QUESTION, *(text[:200] for text in HOSTILE)):
        asked(functools.partial(stub.Retrieve, retrieval(text), timeout=60))


def answer(channel: grpc.Channel) -> None:
    stub = answer_pb2_grpc.AnswerServiceStub(channel)
    request = answer_pb2.AnswerRequest(
        retrieval=retrieval(QUESTION),
        evidence_limit=10,
        sampling=generator_pb2.SamplingParameters(max_tokens=8),
    )
    asked(lambda: list(stub.Answer(request, timeout=120)))


def generated(stub: Any, request: generator_pb2.GenerateRequest) -> list[generator_pb2.GenerateResponse]:
    return list(stub.Generate(request, timeout=120))


def generate(channel: grpc.Channel) -> None:
    stub = generator_pb2_grpc.GeneratorServiceStub(channel)
    for text in TEXTS:
        request = generator_pb2.GenerateRequest(
            prompt=QUESTION,
            evidence=[evidence_pb2.Evidence(id="1", text=text)],
            sampling=generator_pb2.SamplingParameters(max_tokens=2, stop=["\n" * 256] * 16),
        )
        asked(functools.partial(generated, stub, request))
    asked(lambda: generated(stub, generator_pb2.GenerateRequest(prompt="a. " * 30_000)))


def rerank(channel: grpc.Channel) -> None:
    query, *sources = (
        reranker_pb2.RerankSource(content=content_pb2.Content(text=text)) for text in (QUESTION, *TEXTS)
    )
    candidates = [reranker_pb2.RerankCandidate(id=str(n), source=source) for n, source in enumerate(sources)]
    request = reranker_pb2.RerankRequest(query=query, candidates=candidates)
    asked(lambda: reranker_pb2_grpc.RerankerServiceStub(channel).Rerank(request, timeout=120))


def asked(call: Callable[[], object]) -> None:
    """What is refused for what it holds is answered too."""
    try:
        call()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
            raise


def test_a_thread_that_does_not_let_go_of_the_interpreter_is_seen(watch: Watch) -> None:
    def work() -> None:
        sum(range(numbers))  # one call, in which no other thread has its turn

    numbers = 1_000_000
    while seconds(work) < 2 * LONGEST_HELD:
        numbers *= 2

    wait_for(lambda: watch.held > LONGEST_HELD, 5)


@pytest.mark.parametrize("call", [encode, search, retrieve, answer, generate, rerank])
def test_hostile_texts_do_not_hold_the_event_loop(
    local_channel: grpc.Channel, stored: str, watch: Watch, call: Callable[[grpc.Channel], None]
) -> None:
    call(local_channel)

    watch.check()


def test_storing_hostile_texts_does_not_hold_the_event_loop(
    local_channel: grpc.Channel, stored: str, watch: Watch
) -> None:
    ingest(local_channel, [f"other {text}" for text in TEXTS])

    watch.check()
