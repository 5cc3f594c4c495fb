"""What one tenant sent answers no other, and crowds out nothing of another's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.acting import begun
from support.asking import encodings, texts
from support.bag_of_words import BagOfWords, card
from tieback.core.call import NO_CALL
from tieback.core.tenant import Principal
from tieback.core.types.encoding import EncodePlan, EncodeReply, EncodeRequest
from tieback.encoder import CacheOptions, Encoder
from tieback.encoder.cache import Computed, MemoryCache, bytes_of
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback_contract.encodings import EncodingSource
from tieback_contract.locators import LocatorKind, Locators

SPACE = "bag-of-words"
COMPUTED, MEMORY, DISK = EncodingSource.COMPUTED, EncodingSource.MEMORY, EncodingSource.DISK


async def ask(encoder: Encoder, tenant: str, *given: str) -> list[EncodingSource]:
    reply: EncodeReply = await begun(
        Principal(tenant), encoder.encode(EncodeRequest(SPACE, texts(*given)), NO_CALL)
    )
    return [encoding.source for encoding in encodings(reply)]


async def test_what_one_tenant_sent_is_computed_again_for_another(encoder: Encoder) -> None:
    assert await ask(encoder, "a", "tea", "milk") == [COMPUTED] * 2

    assert await ask(encoder, "b", "tea", "milk") == [COMPUTED] * 2
    assert await ask(encoder, "a", "tea", "milk") == [MEMORY] * 2
    assert await ask(encoder, "b", "milk") == [MEMORY]
    assert await ask(encoder, "", "tea") == [COMPUTED]


async def test_what_one_tenant_sent_is_not_on_disk_for_another(tmp_path: Path, model: BagOfWords) -> None:
    options = CacheOptions(memory_bytes=0, disk=tmp_path / "cache")
    first = Encoder([model], cache=options)
    await ask(first, "a", "tea")
    await first.close()

    second = Encoder([model], cache=options)

    assert await ask(second, "b", "tea") == [COMPUTED]
    assert await ask(second, "a", "tea") == [DISK]
    await second.close()


async def test_a_tenant_does_not_join_what_another_has_in_flight(encoder: Encoder, model: BagOfWords) -> None:
    with model.paused():
        first = begun(Principal("a"), encoder.encode(EncodeRequest(SPACE, texts("tea")), NO_CALL))
        await asyncio.to_thread(model.running.wait)
        others = [
            begun(Principal(tenant), encoder.encode(EncodeRequest(SPACE, texts("tea")), NO_CALL))
            for tenant in ("a", "b")
        ]
        await asyncio.sleep(0.05)
    sources = [encodings(await one)[0].source for one in (first, *others)]

    assert sources == [COMPUTED, EncodingSource.IN_FLIGHT, COMPUTED]
    assert [text for batch in model.batches for text in batch] == ["tea", "tea"]


async def test_a_tenant_gets_no_faster_answer_for_what_another_sent(tmp_path: Path) -> None:
    class Slow(BagOfWords):
        def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
            time.sleep(0.1)
            return super().run(batch, plan)

    encoder = Encoder([Slow(card(tmp_path))])
    await ask(encoder, "a", "tea")
    begin = time.perf_counter()
    await ask(encoder, "b", "tea")
    other = time.perf_counter() - begin
    await ask(encoder, "a", "tea")
    own = time.perf_counter() - begin - other

    assert own < 0.1 <= other
    await encoder.close()


def entry(tokens: int = 0) -> Computed:
    rows = np.ones((tokens, 8), np.float32) if tokens else None
    spans = Locators.of(LocatorKind.BYTE_SPAN, [(0, 1)] * tokens) if tokens else None
    return Computed(np.ones(8, np.float32), rows, spans, (), tokens, 0, False)


def kept(cache: MemoryCache, tenant: str, keys: range) -> int:
    return sum(cache.get(str(key).encode(), invariant=False, tenant=tenant) is not None for key in keys)


@pytest.mark.parametrize("tokens", [0, 50])
def test_a_flood_of_one_tenant_leaves_the_others_their_share_of_memory(tokens: int) -> None:
    cache = MemoryCache(30 * bytes_of(entry(tokens)))
    for number in range(10):
        cache.put(str(number).encode(), entry(tokens), tenant="b")
    for number in range(5):
        cache.put(str(number).encode(), entry(tokens), tenant="c")

    for number in range(1000):
        cache.put(str(number).encode(), entry(tokens), tenant="a")

    assert kept(cache, "b", range(10)) == 10
    assert kept(cache, "c", range(5)) == 5
    assert kept(cache, "a", range(1000)) == 15


def test_a_tenant_that_comes_late_gets_its_share_of_memory() -> None:
    cache = MemoryCache(30 * bytes_of(entry()))
    for number in range(1000):
        cache.put(str(number).encode(), entry(), tenant="a")

    for number in range(1000):
        cache.put(str(number).encode(), entry(), tenant="b")

    assert kept(cache, "a", range(1000)) == kept(cache, "b", range(1000)) == 15


def test_an_entry_that_is_larger_than_a_share_pushes_nothing_of_others_out() -> None:
    small, large = entry(), entry(400)
    cache = MemoryCache(bytes_of(large) + 2 * bytes_of(small))
    for number in range(10):
        cache.put(str(number).encode(), small, tenant="b")

    cache.put(b"large", large, tenant="a")

    assert kept(cache, "b", range(10)) == 10
    assert cache.get(b"large", invariant=False, tenant="a") is None
