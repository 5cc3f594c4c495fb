"""What several want at the same time is computed once, and nobody depends on who asked first."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.asking import encodings, error, texts, vector
from support.bag_of_words import POISON, BagOfWords, card, dense
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, Overloaded, Unavailable
from tieback.core.types.encoding import EncodePlan, EncodeReply, EncodeRequest
from tieback.encoder import Encoder
from tieback_contract.encodings import Encoding, EncodingSource

SPACE = "bag-of-words"
INVARIANT = EncodePlan(batch_invariant=True)
COMPUTED, IN_FLIGHT = EncodingSource.COMPUTED, EncodingSource.IN_FLIGHT


def ask(
    encoder: Encoder, *given: str, plan: EncodePlan | None = None, seconds: float | None = None
) -> asyncio.Task[EncodeReply]:
    """A request of its own, which has begun when this returns control."""
    return asyncio.create_task(
        encoder.encode(
            EncodeRequest(SPACE, texts(*given), plan or EncodePlan()), Call(Deadline.after(seconds))
        )
    )


async def running(model: BagOfWords) -> None:
    """Waits until the worker has begun a batch."""
    await asyncio.to_thread(model.running.wait)


async def settled() -> None:
    """Lets every request go as far as it goes by itself."""
    for _ in range(5):
        await asyncio.sleep(0)


def ran(model: BagOfWords) -> list[str]:
    """Every text that the model was run on."""
    return [text for batch in model.batches for text in batch]


def sources(reply: EncodeReply) -> list[EncodingSource]:
    return [encoding.source for encoding in encodings(reply)]


async def test_the_same_text_in_one_batch_is_computed_once(encoder: Encoder, model: BagOfWords) -> None:
    reply = await encoder.encode(EncodeRequest(SPACE, texts("tea", "milk", "tea", "tea")), NO_CALL)

    assert sources(reply) == [COMPUTED, COMPUTED, IN_FLIGHT, IN_FLIGHT]
    assert sorted(ran(model)) == ["milk", "tea"]
    assert (reply.cost.shared_items, reply.cost.cached_items, reply.cost.tokens) == (2, 0, 2)
    for encoding, text in zip(encodings(reply), ("tea", "milk", "tea", "tea"), strict=True):
        np.testing.assert_allclose(vector(encoding).values, dense(text), atol=1e-6)


async def test_requests_at_the_same_time_share_what_they_have_in_common(
    encoder: Encoder, model: BagOfWords
) -> None:
    with model.paused():
        first = ask(encoder, "tea", "milk")
        await running(model)
        second = ask(encoder, "bread", "tea")
        third = ask(encoder, "tea")
        await settled()
        queued = encoder.load(SPACE).queued_items
    replies = [await first, await second, await third]

    assert [sources(reply) for reply in replies] == [[COMPUTED] * 2, [COMPUTED, IN_FLIGHT], [IN_FLIGHT]]
    assert queued == 1  # bread
    assert sorted(ran(model)) == ["bread", "milk", "tea"]
    assert encoder.cache_state(SPACE).shared == 2
    assert replies[2].timing.queue > 0
    assert replies[2].timing.compute == 0


async def test_cancelling_the_first_fails_no_other(encoder: Encoder, model: BagOfWords) -> None:
    with model.paused():
        blocking = ask(encoder, "blocking")
        await running(model)
        first = ask(encoder, "tea")
        await settled()
        others = [ask(encoder, "tea") for _ in range(3)]
        await settled()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    await blocking
    replies = await asyncio.gather(*others)

    assert first.cancelled()
    assert sorted(source for reply in replies for source in sources(reply)) == [
        COMPUTED,
        IN_FLIGHT,
        IN_FLIGHT,
    ]
    assert model.batches == [["blocking"], ["tea"]]


async def test_cancelling_the_first_while_it_is_computed_fails_no_other(
    encoder: Encoder, model: BagOfWords
) -> None:
    with model.paused():
        first = ask(encoder, "tea")
        await running(model)
        other = ask(encoder, "tea")
        await settled()
        first.cancel()
        await settled()

    assert sources(await other) == [COMPUTED]
    assert sources(await encoder.encode(EncodeRequest(SPACE, texts("tea")), NO_CALL)) == [
        EncodingSource.MEMORY
    ]


async def test_the_deadline_of_the_first_is_its_own(encoder: Encoder, model: BagOfWords) -> None:
    with model.paused():
        blocking = ask(encoder, "blocking")
        await running(model)
        first = ask(encoder, "tea", seconds=0.03)
        await settled()
        other = ask(encoder, "tea")
        with pytest.raises(DeadlineExceeded):
            await first
    await blocking

    assert sources(await other) == [COMPUTED]


async def test_the_deadline_of_who_waits_is_its_own(encoder: Encoder, model: BagOfWords) -> None:
    with model.paused():
        first = ask(encoder, "tea")
        await running(model)
        with pytest.raises(DeadlineExceeded, match="identical"):
            await ask(encoder, "tea", seconds=0.03)

    assert sources(await first) == [COMPUTED]


async def test_cancelling_one_who_waits_changes_nothing(encoder: Encoder, model: BagOfWords) -> None:
    with model.paused():
        first = ask(encoder, "tea")
        await running(model)
        other = ask(encoder, "tea")
        await settled()
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)

    assert sources(await first) == [COMPUTED]
    assert encoder.load(SPACE).dropped_cancelled == 0


async def test_an_error_goes_to_all_who_wait_each_with_its_own_place(
    encoder: Encoder, model: BagOfWords
) -> None:
    large = "bad \0" + "word " * 100  # prepared in a thread, so that others come meanwhile
    first = ask(encoder, large)
    await asyncio.sleep(0)
    reply = await encoder.encode(EncodeRequest(SPACE, texts("tea", large, large)), NO_CALL)

    assert str(error(await first, 0).field) == "contents[0].text"
    assert [str(error(reply, place).field) for place in (1, 2)] == [
        "contents[1].text",
        "contents[2].text",
    ]


async def test_a_failing_computation_fails_for_all_who_wait_and_is_not_repeated(
    encoder: Encoder, model: BagOfWords
) -> None:
    with model.paused():
        first = ask(encoder, POISON)
        await running(model)
        others = [ask(encoder, "tea", POISON) for _ in range(3)]
        await settled()
    replies = await asyncio.gather(*others)

    assert "failed on this input" in error(await first, 0).message
    assert all("failed on this input" in error(reply, 1).message for reply in replies)
    assert ran(model).count(POISON) == 1


async def test_being_refused_concerns_the_first_alone(encoder: Encoder, model: BagOfWords) -> None:
    with model.paused():
        blocking = ask(encoder, "blocking")
        await running(model)
        full = [ask(encoder, f"{number} " * 240) for number in range(4)]
        await settled()
        while encoder.load(SPACE).queued_tokens < 960:  # noqa: ASYNC110 - a load is a number, no event
            await asyncio.sleep(0.001)
        with pytest.raises(Overloaded):
            await ask(encoder, "tea " * 50, "milk")
        other = ask(encoder, "milk")
        await settled()
    await asyncio.gather(blocking, *full)

    assert sources(await other) == [COMPUTED]


async def test_nobody_waits_for_a_bulk_load_to_get_a_word(encoder: Encoder, model: BagOfWords) -> None:
    with model.paused():
        blocking = ask(encoder, "blocking")
        await running(model)
        bulk = ask(encoder, "tea", *(f"{number} " * 200 for number in range(4)))
        await settled()
        word = ask(encoder, "tea")
        as_large = ask(encoder, "tea", *(f"{number} " * 200 for number in range(4)))
        await settled()
    await blocking

    assert sources(await word) == [COMPUTED]
    assert sources(await bulk) == [COMPUTED] * 5
    assert set(sources(await as_large)) == {IN_FLIGHT}


async def test_who_asks_to_be_computed_alone_waits_for_no_batch_but_others_wait_for_it(
    encoder: Encoder, model: BagOfWords
) -> None:
    with model.paused():
        ordinary = ask(encoder, "tea")
        await running(model)
        alone = ask(encoder, "tea", plan=INVARIANT)
        await settled()
        other = ask(encoder, "tea")
        same = ask(encoder, "tea", plan=INVARIANT)
        await settled()
    replies = [await ordinary, await alone, await other, await same]

    assert [sources(reply) for reply in replies] == [[COMPUTED], [COMPUTED], [IN_FLIGHT], [IN_FLIGHT]]
    assert model.batches == [["tea"], ["tea"]]


async def test_closing_leaves_nobody_waiting(model: BagOfWords) -> None:
    encoder = Encoder([model])
    with model.paused():
        blocking = ask(encoder, "blocking")
        await running(model)
        waiting = [ask(encoder, "tea") for _ in range(3)]
        await settled()
        closing = asyncio.create_task(encoder.close())
        await settled()
    await blocking
    await closing

    found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [type(one) for one in found] == [Unavailable] * 3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b", "c d", "e f g", POISON, "\0"]), min_size=1, max_size=4),
            st.sampled_from(["stays", "goes away", "is late"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whoever_stays_gets_what_belongs_to_its_texts(
    tmp_path_factory: pytest.TempPathFactory, requests: list[tuple[list[str], str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("model")

    async def serve() -> None:
        model = BagOfWords(card(folder))
        encoder = Encoder([model], batch_tokens=16)
        with model.paused():
            blocking = ask(encoder, "blocking")
            await running(model)
            tasks = []
            for given, fate, invariant in requests:
                plan = INVARIANT if invariant else EncodePlan()
                tasks.append(ask(encoder, *given, plan=plan, seconds=0.002 if fate == "is late" else None))
                await settled()
            for task, (_, fate, _) in zip(tasks, requests, strict=True):
                if fate == "goes away":
                    task.cancel()
                    await settled()
            await asyncio.sleep(0.005)
        await blocking
        replies = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        idle = encoder.load(SPACE)
        await encoder.close()

        for reply, (given, fate, _) in zip(replies, requests, strict=True):
            if fate != "stays":
                continue
            assert isinstance(reply, EncodeReply)
            for place, text in enumerate(given):
                if text in (POISON, "\0"):
                    assert error(reply, place)
                else:
                    result = reply.results[place]
                    assert isinstance(result, Encoding)
                    np.testing.assert_allclose(vector(result).values, dense(text), atol=1e-6)
        assert (idle.queued_items, idle.queued_tokens, idle.active_items) == (0, 0, 0)

    asyncio.run(serve())
