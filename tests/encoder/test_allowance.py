"""Tokens a second per tenant, in front of what computes them."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from support.acting import begun
from support.asking import encodings, texts
from support.bag_of_words import BagOfWords, card
from tieback.allowance import BURST_SECONDS, Allowance
from tieback.core.call import NO_CALL
from tieback.core.errors import RateExceeded
from tieback.core.tenant import Principal, TenantQuota, act_for
from tieback.core.types.encoding import CachePolicy, EncodeRequest
from tieback.encoder import Encoder

SPACE = "bag-of-words"
RATE = 10
LIMITED, OTHER = (Principal(name, quota=TenantQuota(tokens_per_second=RATE)) for name in ("limited", "other"))
FULL = int(RATE * BURST_SECONDS)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def acting(principal: Principal, work: Callable[[], None]) -> None:
    def run() -> None:
        act_for(principal)
        work()

    contextvars.Context().run(run)


def test_a_bucket_fills_at_its_rate_and_holds_a_burst() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    acting(LIMITED, lambda: allowance.take(FULL))

    with pytest.raises(RateExceeded) as caught:
        acting(LIMITED, lambda: allowance.take(5))
    assert caught.value.retry_after == pytest.approx(0.5)
    clock.now = 0.5
    acting(LIMITED, lambda: allowance.take(5))
    clock.now = 1000.0
    acting(LIMITED, lambda: allowance.take(FULL))
    with pytest.raises(RateExceeded):
        acting(LIMITED, lambda: allowance.take(1))


def test_one_tenants_use_takes_nothing_from_another_and_no_quota_is_no_limit() -> None:
    allowance = Allowance(Clock())
    acting(LIMITED, lambda: allowance.take(FULL))

    acting(OTHER, lambda: allowance.take(FULL))
    for _ in range(10):
        acting(Principal("free"), lambda: allowance.take(1_000_000))


def test_a_request_larger_than_a_burst_is_late_and_not_impossible() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    acting(LIMITED, lambda: allowance.take(3 * FULL))

    clock.now = 2.9 * BURST_SECONDS
    with pytest.raises(RateExceeded):
        acting(LIMITED, lambda: allowance.take(FULL))
    clock.now = 3.1 * BURST_SECONDS
    acting(LIMITED, lambda: allowance.take(FULL))


def test_an_estimate_is_corrected_by_the_count() -> None:
    allowance = Allowance(Clock())
    acting(LIMITED, lambda: allowance.take(FULL))
    acting(LIMITED, lambda: allowance.correct(-20))

    acting(LIMITED, lambda: allowance.take(20))
    with pytest.raises(RateExceeded):
        acting(LIMITED, lambda: allowance.take(1))


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    made = Encoder([BagOfWords(card(tmp_path))])
    yield made
    await made.close()


async def test_an_encoder_refuses_a_tenant_that_has_used_its_tokens_and_serves_the_others(
    encoder: Encoder,
) -> None:
    many = texts("tea " * 2 * FULL)
    await begun(LIMITED, encoder.encode(EncodeRequest(SPACE, many), NO_CALL))

    with pytest.raises(RateExceeded, match=r"'limited' may have 10 tokens a second.*try again in") as caught:
        await begun(LIMITED, encoder.encode(EncodeRequest(SPACE, texts("milk")), NO_CALL))
    found = await begun(OTHER, encoder.encode(EncodeRequest(SPACE, texts("milk")), NO_CALL))

    assert caught.value.retry_after > 0
    assert caught.value.reason == "TENANT_QUOTA"
    assert len(encodings(found)) == 1
    assert encoder.load(SPACE).queued_tokens == 0


async def test_what_is_cached_costs_a_tenant_no_tokens(encoder: Encoder) -> None:
    many = texts("tea " * 2 * FULL)
    await begun(LIMITED, encoder.encode(EncodeRequest(SPACE, many), NO_CALL))

    await begun(LIMITED, encoder.encode(EncodeRequest(SPACE, many), NO_CALL))
    with pytest.raises(RateExceeded):
        await begun(LIMITED, encoder.encode(EncodeRequest(SPACE, many, cache=CachePolicy.BYPASS), NO_CALL))
