"""The encoder service on a small real model: what it gives, what it refuses, what fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.asking import encodings, error, texts, vector
from support.bag_of_words import POISON, BagOfWords, card, dense
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    Overloaded,
    StartupError,
    Unavailable,
)
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest, Truncation
from tieback.core.types.fusion import JOINT_SPACE
from tieback.encoder import Encoder
from tieback.models.encoder_model import Prepared
from tieback_contract.encodings import Encoding
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

SPACE = "bag-of-words"


async def test_texts_become_vectors_of_the_space_in_order(encoder: Encoder, model: BagOfWords) -> None:
    reply = await encoder.encode(
        EncodeRequest(SPACE, texts("a long text about boats", "tea", "two words")), NO_CALL
    )

    found = encodings(reply)
    for encoding, text in zip(found, ["a long text about boats", "tea", "two words"], strict=True):
        np.testing.assert_allclose(vector(encoding).values, dense(text), atol=1e-6)
        assert encoding.space == vector(encoding).space == model.card.space
        assert encoding.modality is Modality.TEXT
        assert encoding.token_count == len(text.split())
    assert reply.cost.tokens == 8
    assert reply.cost.batch_size >= 1
    assert reply.timing.total >= reply.timing.queue + reply.timing.compute


async def test_an_unknown_space_is_not_found_and_the_choices_are_named(encoder: Encoder) -> None:
    with pytest.raises(NotFound, match="did you mean 'bag-of-words'") as refused:
        await encoder.encode(EncodeRequest("bag-of-word", texts("a")), NO_CALL)

    assert refused.value.choices == [SPACE]
    with pytest.raises(NotFound):
        encoder.load("other")


async def test_who_asks_for_the_joint_space_is_told_what_makes_its_vectors(encoder: Encoder) -> None:
    with pytest.raises(NotFound, match="Fuse makes its vectors") as refused:
        await encoder.encode(EncodeRequest(JOINT_SPACE, texts("a")), NO_CALL)

    assert refused.value.choices == [SPACE]


async def test_an_empty_and_a_too_large_batch_are_refused(encoder: Encoder) -> None:
    with pytest.raises(InvalidInput, match="empty") as empty:
        await encoder.encode(EncodeRequest(SPACE, []), NO_CALL)
    with pytest.raises(InvalidInput, match=r"65 contents.* 64 at most") as large:
        await encoder.encode(EncodeRequest(SPACE, texts("a") * 65), NO_CALL)

    assert str(empty.value.field) == str(large.value.field) == "contents"


async def test_one_bad_content_fails_alone_with_its_path(encoder: Encoder) -> None:
    reply = await encoder.encode(
        EncodeRequest(
            SPACE,
            [
                *texts("good", "nul \0 inside"),
                Content(Modality.IMAGE, b"a picture"),
                *texts("word " * 300, "also good"),
            ],
        ),
        NO_CALL,
    )

    assert isinstance(reply.results[0], Encoding)
    assert isinstance(reply.results[4], Encoding)
    fields = [str(error(reply, place).field) for place in (1, 2, 3)]
    assert fields == ["contents[1].text", "contents[2].image", "contents[3].text"]
    assert "takes text, not pictures" in error(reply, 2).message


async def test_a_batch_of_nothing_but_bad_contents_is_answered(encoder: Encoder, model: BagOfWords) -> None:
    reply = await encoder.encode(EncodeRequest(SPACE, texts("\0", "\0")), NO_CALL)

    assert [type(result) for result in reply.results] == [InvalidInput, InvalidInput]
    assert model.batches == []


async def test_a_text_that_makes_the_model_fail_fails_alone(encoder: Encoder) -> None:
    reply = await encoder.encode(EncodeRequest(SPACE, texts("tea", POISON, "milk")), NO_CALL)

    assert isinstance(reply.results[0], Encoding)
    assert isinstance(reply.results[2], Encoding)
    assert "kernel" not in error(reply, 1).message


async def test_a_text_that_is_too_long_is_cut_only_if_asked_and_it_is_reported(encoder: Encoder) -> None:
    long = " ".join(f"word{number}" for number in range(300))

    refused = await encoder.encode(EncodeRequest(SPACE, texts(long)), NO_CALL)
    cut = await encoder.encode(
        EncodeRequest(SPACE, texts(long), EncodePlan(truncation=Truncation.END)), NO_CALL
    )

    assert isinstance(error(refused, 0), InvalidInput)
    assert (encodings(cut)[0].token_count, encodings(cut)[0].truncated_tokens) == (256, 44)


async def test_overload_is_refused_with_a_delay_and_then_is_over(encoder: Encoder, model: BagOfWords) -> None:
    given = [f"{letter} " * 200 for letter in "abcdefgh"]
    with model.paused():
        first = asyncio.create_task(encoder.encode(EncodeRequest(SPACE, texts(given[0])), NO_CALL))
        await asyncio.to_thread(model.running.wait)
        waiting = [
            asyncio.create_task(encoder.encode(EncodeRequest(SPACE, texts(text)), NO_CALL))
            for text in given[1:5]
        ]
        while encoder.load(SPACE).queued_tokens < 800:  # noqa: ASYNC110 - a load is a number, no event
            await asyncio.sleep(0.001)
        with pytest.raises(Overloaded) as refused:
            await encoder.encode(EncodeRequest(SPACE, texts(*given[5:])), NO_CALL)
        busy = encoder.load(SPACE)
    await asyncio.gather(first, *waiting)
    again = await encoder.encode(EncodeRequest(SPACE, texts(*given[5:])), NO_CALL)

    assert refused.value.retry_after > 0
    assert (busy.queued_tokens, busy.queued_items, busy.active_items, busy.rejected) == (800, 4, 1, 1)
    assert len(encodings(again)) == 3
    idle = encoder.load(SPACE)
    assert (idle.queued_tokens, idle.queued_items, idle.active_items) == (0, 0, 0)
    assert idle.tokens_per_second > 0


async def test_a_request_that_could_never_wait_is_told_to_shrink(encoder: Encoder) -> None:
    with pytest.raises(InvalidInput, match="smaller batches"):
        await encoder.encode(
            EncodeRequest(SPACE, texts(*(f"{letter} " * 250 for letter in "abcde"))), NO_CALL
        )

    assert encoder.load(SPACE).queued_tokens == 0


async def test_cancelling_frees_what_waits(encoder: Encoder, model: BagOfWords) -> None:
    with model.paused():
        first = asyncio.create_task(encoder.encode(EncodeRequest(SPACE, texts("first")), NO_CALL))
        await asyncio.to_thread(model.running.wait)
        given_up = asyncio.create_task(
            encoder.encode(EncodeRequest(SPACE, texts("given up", "given up too")), NO_CALL)
        )
        while encoder.load(SPACE).queued_items < 2:  # noqa: ASYNC110 - a load is a number, no event
            await asyncio.sleep(0.001)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        freed = encoder.load(SPACE)
    await first

    assert (freed.queued_tokens, freed.queued_items, freed.dropped_cancelled) == (0, 0, 2)
    assert model.batches == [["first"]]


async def test_no_time_left_means_nothing_is_begun(encoder: Encoder, model: BagOfWords) -> None:
    with pytest.raises(DeadlineExceeded):
        await encoder.encode(EncodeRequest(SPACE, texts("a", "b")), Call(Deadline.after(-1.0)))

    assert model.batches == []
    assert encoder.load(SPACE).dropped_deadline == 2


async def test_a_deadline_that_passes_while_waiting_is_answered_then(
    encoder: Encoder, model: BagOfWords
) -> None:
    with model.paused():
        first = asyncio.create_task(encoder.encode(EncodeRequest(SPACE, texts("first")), NO_CALL))
        await asyncio.to_thread(model.running.wait)
        with pytest.raises(DeadlineExceeded):
            await encoder.encode(EncodeRequest(SPACE, texts("late")), Call(Deadline.after(0.03)))
    await first

    assert model.batches == [["first"]]
    assert encoder.load(SPACE).dropped_deadline == 1


async def test_each_space_has_a_queue_and_a_worker_of_its_own(tmp_path: Path) -> None:
    slow, quick = BagOfWords(card(tmp_path, "slow")), BagOfWords(card(tmp_path, "quick"))
    encoder = Encoder([slow, quick])

    with slow.paused():
        waiting = asyncio.create_task(encoder.encode(EncodeRequest("slow", texts("a")), NO_CALL))
        await asyncio.to_thread(slow.running.wait)
        reply = await asyncio.wait_for(encoder.encode(EncodeRequest("quick", texts("a")), NO_CALL), 5)
    await waiting

    assert encodings(reply)[0].space.name == "quick"
    assert [served.name for served in encoder.cards] == ["quick", "slow"]
    await encoder.close()


async def test_listeners_hear_of_each_batch_with_the_name_of_its_space(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    encoder = Encoder(
        [BagOfWords(card(tmp_path))],
        on_batch=lambda space, report: heard.append((space, report.items, report.tokens)),
    )

    await encoder.encode(EncodeRequest(SPACE, texts("tea and", "milk so")), NO_CALL)
    await encoder.close()

    assert heard == [(SPACE, 2, 4)]


async def test_warming_up_runs_every_model_and_then_measures_it_at_every_size(
    encoder: Encoder, model: BagOfWords
) -> None:
    await encoder.warm_up()

    assert model.batches[0] == ["warm"]
    assert {len(batch[0].split()) for batch in model.batches[1:]} == set(model.sizes)
    assert encoder.load(SPACE).queued_items == 0


async def test_a_closed_encoder_is_unavailable(model: BagOfWords) -> None:
    encoder = Encoder([model])
    await encoder.close()

    for text in ("short", "long " * 400):
        with pytest.raises(Unavailable):
            await encoder.encode(EncodeRequest(SPACE, texts(text)), NO_CALL)


async def test_two_models_of_one_name_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="bag-of-words"):
        Encoder([BagOfWords(card(tmp_path)), BagOfWords(card(tmp_path))])


@pytest.mark.parametrize("length", [1, 400], ids=["inline", "in a thread"])
@pytest.mark.parametrize("wrong", [RuntimeError("a bug"), Unavailable("a part is down")])
async def test_a_fault_in_preparing_fails_its_content_alone(
    tmp_path: Path, length: int, wrong: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Fragile(BagOfWords):
        def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
            if "fragile" in str(content.data):
                raise wrong
            return super().prepare(content, plan, limits)

    encoder = Encoder([Fragile(card(tmp_path, max_tokens=1000))])

    reply = await encoder.encode(
        EncodeRequest(SPACE, texts("good " * length, "fragile " * length, "fine " * length)), NO_CALL
    )

    assert isinstance(reply.results[0], Encoding)
    assert isinstance(reply.results[2], Encoding)
    assert "bug" not in error(reply, 1).message
    assert "fragile" not in caplog.text  # logs never hold content
    await encoder.close()


@pytest.mark.parametrize("make", [lambda n: "w " * n, lambda n: "w" * n], ids=["words", "one word"])
async def test_vectors_do_not_depend_on_the_company(encoder: Encoder, make: Callable[[int], str]) -> None:
    alone = vector(encodings(await encoder.encode(EncodeRequest(SPACE, texts(make(3))), NO_CALL))[0])
    together = encodings(
        await encoder.encode(EncodeRequest(SPACE, texts(*(make(n) for n in range(1, 40)))), NO_CALL)
    )

    np.testing.assert_allclose(vector(together[2]).values, alone.values, atol=1e-6)
