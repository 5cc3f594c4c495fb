"""A corpus of any size goes through one call, and comes back in its order whatever happens to the call."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from tieback.v1 import encoder_pb2
from tieback_client import (
    AsyncClient,
    Client,
    Encoding,
    EncodingSource,
    InternalError,
    InvalidArgument,
    NotFound,
    TiebackError,
    TokenIds,
    Unavailable,
)

TEXTS = ["x" * (1 + i % 8) for i in range(100)]


def letters(outcome: Encoding | TiebackError) -> int:
    """How long the text was that the canned space encoded."""
    assert isinstance(outcome, Encoding)
    assert outcome.vector is not None
    return int(np.count_nonzero(outcome.vector.values))


def test_outcomes_come_in_the_order_of_the_texts_over_one_call(client: Client, served: Any) -> None:
    outcomes = list(client.encode_stream(TEXTS, space="tiny", batch=8))

    assert [letters(one) for one in outcomes] == [len(text) for text in TEXTS]
    assert served.log.calls == ["EncodeStream"]
    assert [len(one) for one in served.log.batches] == [8] * 12 + [4]


async def test_the_asynchronous_stream_does_the_same_for_both_kinds_of_iterables(
    aclient: AsyncClient,
) -> None:
    async def texts() -> AsyncIterator[str]:
        for text in TEXTS:
            yield text

    ours = [letters(one) async for one in aclient.encode_stream(texts(), space="tiny", batch=8)]
    same = [letters(one) async for one in aclient.encode_stream(TEXTS, space="tiny", batch=8)]

    assert ours == same == [len(text) for text in TEXTS]


def test_batches_and_the_whole_are_arrays(client: Client) -> None:
    shapes = [one.vectors.shape for one in client.encode_stream(TEXTS, space="tiny", width=4).batches()]
    whole = client.encode_stream(TEXTS, space="tiny", batch=8).collect()

    assert shapes == [(32, 4)] * 3 + [(4, 4)]
    np.testing.assert_array_equal(whole.vectors, client.encode(TEXTS, space="tiny").vectors)
    assert (whole.cost.tokens, whole.cost.cached_items) == (300, 13)
    assert whole[0].source is EncodingSource.MEMORY


async def test_the_asynchronous_whole_is_the_same(aclient: AsyncClient, client: Client) -> None:
    whole = await aclient.encode_stream(TEXTS, space="tiny", batch=8).collect()

    np.testing.assert_array_equal(whole.vectors, client.encode(TEXTS, space="tiny").vectors)


def test_contents_without_an_end_are_drawn_only_as_there_is_room_for_them(client: Client) -> None:
    drawn = 0

    def texts() -> Iterator[str]:
        nonlocal drawn
        for _ in itertools.count():
            drawn += 1
            yield "x"

    stream = client.encode_stream(texts(), space="tiny", batch=2, in_flight=4)
    assert drawn == 0
    for taken, _ in zip(range(1, 200), stream, strict=False):
        assert drawn <= taken + 2 * 4 + 2
    stream.close()


def test_an_input_that_fails_is_an_outcome_among_the_others(client: Client) -> None:
    outcomes = list(client.encode_stream(["a", "bad", "cc", "poison", "b"], space="tiny", batch=2))

    assert [type(one) for one in outcomes] == [
        Encoding,
        InvalidArgument,
        InternalError,  # the server broke on this batch, and the stream goes on
        InternalError,
        Encoding,
    ]


def test_what_every_batch_would_meet_is_raised(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.encode_stream(TEXTS, space="nope").collect()

    assert caught.value.reason == "SPACE_NOT_FOUND"


def test_a_broken_stream_goes_on_where_it_broke(breaking: Any) -> None:
    with Client(breaking.address) as client:
        stream = client.encode_stream(TEXTS, space="tiny", batch=8)
        outcomes = [letters(one) for one in stream]

        assert outcomes == [len(text) for text in TEXTS]
        assert client.retries == 1
    assert breaking.log.calls.count("EncodeStream") == 2


async def test_a_broken_asynchronous_stream_does_so_too(breaking: Any) -> None:
    async with AsyncClient(breaking.address) as client:
        outcomes = [letters(one) async for one in client.encode_stream(TEXTS, space="tiny", batch=8)]

        assert outcomes == [len(text) for text in TEXTS]
        assert client.retries == 1


def test_a_server_that_is_killed_in_the_middle_and_comes_back_is_not_noticed(program: Any) -> None:
    def texts() -> Iterator[str]:
        for number, text in enumerate(itertools.cycle(TEXTS)):
            if number == 1000:
                return
            if number == 400:
                program.kill()
                threading.Timer(0.5, program.start).start()
            yield text

    with Client(program.address) as client:
        client.spaces()
        outcomes = [letters(one) for one in client.encode_stream(texts(), space="tiny", batch=8)]

        assert outcomes == [len(text) for text in itertools.islice(itertools.cycle(TEXTS), 1000)]
        assert client.retries >= 1


def test_without_retries_a_broken_stream_is_raised(breaking: Any) -> None:
    with Client(breaking.address, retry=None) as client, pytest.raises(Unavailable):
        client.encode_stream(TEXTS, space="tiny", batch=8).collect()


def test_leaving_a_stream_early_ends_it_at_the_server(client: Client, served: Any) -> None:
    with client.encode_stream(itertools.repeat("a"), space="tiny", batch=2) as stream:
        next(stream)
        assert not served.log.cancelled.is_set()

    assert served.log.cancelled.wait(5)


async def test_a_cancelled_task_ends_it_at_the_server(aclient: AsyncClient, served: Any) -> None:
    async def read() -> None:
        async for _ in aclient.encode_stream(itertools.repeat("a"), space="tiny", batch=2):
            await asyncio.sleep(0.01)

    task = asyncio.create_task(read())
    await asyncio.sleep(0.3)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(served.log.cancelled.wait, 5)


def test_a_stream_has_the_deadline_it_was_given(client: Client) -> None:
    begin = time.monotonic()

    with pytest.raises(TiebackError):
        for _ in client.encode_stream(itertools.repeat("a"), space="tiny", timeout=0.5):
            pass

    assert time.monotonic() - begin < 3


def test_nothing_to_encode_is_nothing(client: Client) -> None:
    assert list(client.encode_stream([], space="tiny")) == []
    assert len(client.encode_stream(iter([]), space="tiny").collect()) == 0


@pytest.mark.parametrize("one", ["a text", b"bytes"])
def test_a_single_content_is_not_taken_for_many(client: Client, one: Any) -> None:
    with pytest.raises(InvalidArgument, match="pass several"):
        client.encode_stream(one, space="tiny")


def test_an_asynchronous_source_is_for_the_asynchronous_client(client: Client) -> None:
    async def texts() -> AsyncIterator[str]:
        yield "a"

    with pytest.raises(TypeError, match="AsyncClient"):
        client.encode_stream(texts(), space="tiny").collect()


def test_a_fault_of_a_content_names_its_place_and_one_of_its_source_reaches_the_caller(
    client: Client,
) -> None:
    def broken() -> Iterator[str]:
        yield "a"
        raise RuntimeError("the disk is gone")

    with pytest.raises(InvalidArgument) as caught:
        client.encode_stream([*TEXTS, "\ud800"], space="tiny").collect()
    assert caught.value.field == "contents[100].text"
    with pytest.raises(RuntimeError, match="the disk is gone"):
        client.encode_stream(broken(), space="tiny").collect()


def test_an_error_of_the_source_that_looks_like_a_broken_stream_is_not_taken_for_one(
    client: Client,
) -> None:
    def broken() -> Iterator[str]:
        yield from TEXTS
        raise Unavailable("another server, where the texts come from, is down")

    with pytest.raises(Unavailable, match="another server"):
        client.encode_stream(broken(), space="tiny").collect()
    assert client.retries == 0


def test_cache_invariance_and_token_numbers_reach_the_server_by_both_ways(
    client: Client, served: Any
) -> None:
    contents: list[Any] = [TokenIds([101, 2003, 102]), TokenIds(np.array([101, 102]))]
    options: dict[str, Any] = {"space": "tiny", "cache": "bypass", "batch_invariant": True}

    client.encode(contents, **options)
    client.encode_stream(contents, **options).collect()

    assert len(served.log.requests) == 2
    for request in served.log.requests:
        assert request.cache == encoder_pb2.CACHE_POLICY_BYPASS
        assert request.output.batch_invariant
        assert [list(one.token_ids.ids) for one in request.contents] == [[101, 2003, 102], [101, 102]]


@pytest.mark.parametrize("ids", [[-1], [2**32], [1.5], [[1]]])
def test_token_numbers_that_are_none_are_refused(client: Client, ids: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        client.encode(TokenIds(ids), space="tiny")

    assert caught.value.field == "contents[0].token_ids.ids"


def test_an_unknown_cache_policy_names_the_choices(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="the choices are: use, bypass"):
        client.encode("a", space="tiny", cache="sometimes")  # type: ignore[arg-type]  # the mistake is meant
