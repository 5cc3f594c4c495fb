"""Whose turn it is to be tokenised and decoded, and how much of it there may be at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from support.bag_of_words import BagOfWords, card
from support.each import each
from tieback.batching.preparation import Preparation
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Overloaded
from tieback.core.tenant import TENANT
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeReply, EncodeRequest
from tieback.encoder import Encoder
from tieback.encoder.portions import SHORT_CHARACTERS, portions_of
from tieback.models.encoder_model import Prepared, Weight
from tieback_contract.encodings import Encoding
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

MEGABYTE = 1 << 20
KEPT = MEGABYTE // 8
SECONDS = 0.05


class Pictures(BagOfWords):
    """Pictures that are the megabytes they take, as a digit, and `SECONDS` to decode each."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            card(folder, "pictures", modality=Modality.IMAGE, kinds={VectorKind.DENSE}), pads=False
        )
        self.decoded: list[bytes] = []
        self.now = self.most = 0
        self.lock = threading.Lock()

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:
        assert isinstance(content.data, bytes)
        if not content.data[:1].isdigit():
            raise InvalidInput("this is no picture", field="image")
        return Weight(1, int(content.data[:1]) * MEGABYTE)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        assert isinstance(content.data, bytes)
        size = int(content.data[:1]) * MEGABYTE
        with self.lock:
            self.decoded.append(content.data)
            self.now += size
            self.most = max(self.most, self.now)
        time.sleep(SECONDS)
        with self.lock:
            self.now -= size
        return Prepared(1, ["picture"], size=KEPT)


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path)


@pytest.fixture
async def encoder(tmp_path: Path, pictures: Pictures) -> AsyncIterator[Encoder]:
    encoder = Encoder([BagOfWords(card(tmp_path)), pictures], limits=Limits(decoded_bytes=6 * MEGABYTE))
    yield encoder
    await encoder.close()


def of_size(megabytes: int, count: int, name: str = "") -> list[Content]:
    return [Content(Modality.IMAGE, f"{megabytes}{name}{n}".encode()) for n in range(count)]


async def ask(
    encoder: Encoder, contents: list[Content], tenant: str = "", seconds: float | None = None
) -> EncodeReply:
    TENANT.set(tenant)
    return await encoder.encode(EncodeRequest("pictures", contents), Call(Deadline.after(seconds)))


async def test_a_text_does_not_wait_behind_pictures(encoder: Encoder) -> None:
    busy = asyncio.create_task(ask(encoder, of_size(1, 40)))
    await asyncio.sleep(SECONDS)
    begun = time.monotonic()

    await encoder.encode(EncodeRequest("bag-of-words", [Content(Modality.TEXT, "word " * 200)]), NO_CALL)

    assert time.monotonic() - begun < 5 * SECONDS
    assert not busy.done()
    await busy


async def test_a_tenant_with_many_pictures_does_not_delay_another(encoder: Encoder) -> None:
    busy = asyncio.create_task(ask(encoder, of_size(1, 40), "busy"))
    await asyncio.sleep(SECONDS)
    begun = time.monotonic()

    await asyncio.create_task(ask(encoder, of_size(1, 1, "other"), "other"))

    assert time.monotonic() - begun < 8 * SECONDS
    assert not busy.done()
    await busy


async def test_decoded_pictures_never_take_more_than_the_budget(encoder: Encoder, pictures: Pictures) -> None:
    held: list[int] = []

    async def watch() -> None:
        while True:
            held.append(encoder.decoded_bytes)
            await asyncio.sleep(SECONDS / 10)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(ask(encoder, of_size(4, 2, f"{n}.")) for n in range(4)))
    watching.cancel()

    assert len(pictures.decoded) == 8
    assert pictures.most == 4 * MEGABYTE, "two of four do not fit into six"
    assert 4 * MEGABYTE <= max(held) <= 6 * MEGABYTE
    assert encoder.decoded_bytes == 0


async def test_what_waits_for_the_model_counts_until_it_has_run(encoder: Encoder, pictures: Pictures) -> None:
    with pictures.paused():
        tasks = [asyncio.create_task(ask(encoder, of_size(1, 1, f"{n}."))) for n in range(6)]
        await asyncio.sleep(12 * SECONDS)
        held = encoder.decoded_bytes
    await asyncio.gather(*tasks)

    assert held == 6 * KEPT
    assert encoder.decoded_bytes == 0


async def test_more_pictures_than_may_wait_are_refused_with_a_time_to_come_back(encoder: Encoder) -> None:
    asked = [asyncio.create_task(ask(encoder, of_size(6, 16, f"{n}."), seconds=10.0)) for n in range(6)]

    replies = await asyncio.gather(*asked, return_exceptions=True)

    refused = [reply for reply in replies if isinstance(reply, Overloaded)]
    assert 0 < len(refused) < len(replies)
    assert all("bytes to decode" in reply.message and reply.retry_after > 0 for reply in refused)
    assert all(isinstance(reply, EncodeReply | Overloaded) for reply in replies)


async def test_a_request_that_could_never_wait_is_told_to_shrink(
    encoder: Encoder, pictures: Pictures
) -> None:
    with pytest.raises(InvalidInput, match="bytes to decode"):
        await ask(encoder, of_size(6, 40))

    assert not pictures.decoded


async def test_pictures_whose_caller_left_are_not_decoded(encoder: Encoder, pictures: Pictures) -> None:
    task = asyncio.create_task(ask(encoder, of_size(1, 40)))
    while not pictures.decoded:  # the rest waits then  # noqa: ASYNC110 - the list is filled by threads
        await asyncio.sleep(SECONDS / 10)

    task.cancel()
    await asyncio.wait([task])
    begun = len(pictures.decoded)
    await asyncio.sleep(6 * SECONDS)

    assert len(pictures.decoded) <= begun + 1
    assert encoder.decoded_bytes == 0
    assert encoder.load("pictures").dropped_cancelled > 30
    assert encoder.preparing["decode"].queued_tokens == 0


async def test_pictures_are_not_decoded_after_the_deadline(encoder: Encoder, pictures: Pictures) -> None:
    with pytest.raises(DeadlineExceeded):
        await ask(encoder, of_size(1, 40), seconds=4 * SECONDS)
    await asyncio.sleep(4 * SECONDS)

    assert len(pictures.decoded) < 20
    assert encoder.decoded_bytes == 0


async def test_a_bad_header_fails_alone_and_is_not_decoded(encoder: Encoder, pictures: Pictures) -> None:
    reply = await ask(encoder, [*of_size(1, 1), Content(Modality.IMAGE, b"bad"), *of_size(2, 1)])

    first, bad, last = reply.results
    assert isinstance(first, Encoding)
    assert isinstance(bad, InvalidInput)
    assert str(bad.field) == "contents[1].image"
    assert isinstance(last, Encoding)
    assert sorted(pictures.decoded) == [b"10", b"20"]


async def test_pictures_that_are_decoded_go_on_before_the_rest_of_their_request(
    encoder: Encoder, pictures: Pictures
) -> None:
    await ask(encoder, of_size(1, 12))

    assert len(pictures.batches) > 1


@each("seed", range(4))
def test_every_content_is_in_one_portion_and_long_texts_are_alone(seed: int) -> None:
    random = np.random.default_rng(seed)
    lengths = random.choice([3, 500, 9_000, SHORT_CHARACTERS + 1], 60)
    contents = [Content(Modality.TEXT, "x" * length) for length in lengths]

    portions = portions_of(contents, {}, {7})

    assert sorted(place for one in portions for place in one.places) == [p for p in range(60) if p != 7]
    for portion in portions:
        total = sum(lengths[place] for place in portion.places)
        assert portion.is_heavy == (total > SHORT_CHARACTERS)
        assert not portion.is_heavy or len(portion.places) == 1


async def test_a_model_that_cannot_weigh_is_served_all_the_same(tmp_path: Path) -> None:
    class Sounds(BagOfWords):
        def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
            return Prepared(3, ["sound"] * 3)

    own = card(tmp_path, "sounds", modality=Modality.AUDIO, kinds={VectorKind.DENSE})
    encoder = Encoder([Sounds(own)])

    reply = await encoder.encode(EncodeRequest("sounds", [Content(Modality.AUDIO, b"bytes")]), NO_CALL)

    assert isinstance(reply.results[0], Encoding)
    await encoder.close()


async def test_a_small_content_that_was_slow_says_nothing_of_a_large_one(
    encoder: Encoder, pictures: Pictures
) -> None:
    await ask(encoder, of_size(0, 1))  # as slow as any, so the large ones would seem to take minutes

    reply = await ask(encoder, of_size(6, 2), seconds=30 * SECONDS)

    assert all(isinstance(result, Encoding) for result in reply.results)


async def test_a_text_beyond_the_limit_waits_for_nothing(encoder: Encoder) -> None:
    busy = asyncio.create_task(ask(encoder, of_size(6, 10)))
    await asyncio.sleep(SECONDS)
    begun = time.monotonic()

    reply = await encoder.encode(
        EncodeRequest("bag-of-words", [Content(Modality.TEXT, "x" * 2_000_000)]), NO_CALL
    )

    assert isinstance(reply.results[0], InvalidInput)
    assert str(reply.results[0].field) == "contents[0].text"
    assert time.monotonic() - begun < 5 * SECONDS
    assert not busy.done()
    await busy


async def test_a_thread_knows_for_which_tenant_it_works() -> None:
    preparation: Preparation[str] = Preparation(MEGABYTE)
    TENANT.set("one")
    try:
        assert await preparation.tokenise(TENANT.get, 1, Deadline()) == "one"
    finally:
        await preparation.close()
