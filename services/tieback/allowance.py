"""A rate limit per tenant, in computed tokens per second: one token bucket for each tenant.

A bucket fills at the rate of the quota and holds `BURST_SECONDS` of it. A request takes its tokens at once. A
request that is larger than a full bucket waits for a full one and leaves a debt, so it is late but not
impossible. Every process has its own buckets: a tenant that calls three replicas has three times the rate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tieback.core.errors import RateExceeded
from tieback.core.tenant import PRINCIPAL

BURST_SECONDS = 5.0


@dataclass(slots=True)
class _Bucket:
    level: float
    filled: float


class Allowance:
    """The buckets of one service. For one event loop. The tenant is who the running task works for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, tokens: int) -> None:
        """Takes tokens out of the tenant's bucket. RateExceeded where it holds too few."""
        principal = PRINCIPAL.get()
        rate = principal.quota.tokens_per_second
        if rate is None:
            return
        bucket = self._bucket(principal.tenant, rate)
        needed = min(tokens, rate * BURST_SECONDS)
        if bucket.level < needed:
            seconds = (needed - bucket.level) / rate
            raise RateExceeded(
                f"tenant {principal.tenant!r} may have {rate:g} tokens a second computed, and {tokens} more "
                f"are too many now; try again in {seconds:.2f} s",
                retry_after=seconds,
            )
        bucket.level -= tokens

    def correct(self, tokens: int) -> None:
        """Takes that many tokens more, now that they are counted; a negative number gives them back."""
        bucket = self._buckets.get(PRINCIPAL.get().tenant)
        if bucket is not None:
            bucket.level -= tokens

    def _bucket(self, tenant: str, rate: float) -> _Bucket:
        """The tenant's bucket, filled up to now."""
        now, full = self._clock(), rate * BURST_SECONDS
        bucket = self._buckets.get(tenant)
        if bucket is None:
            bucket = self._buckets[tenant] = _Bucket(full, now)
        bucket.level = min(full, bucket.level + rate * (now - bucket.filled))
        bucket.filled = now
        return bucket
