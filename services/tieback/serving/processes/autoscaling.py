"""How many replicas an encoder has: as many as keep the wait for a worker within what was promised.

A replica reports how many tokens wait, how many it computes a second, and which share of the time its
worker computes. More replicas are wanted where what waits would take longer than the promise; fewer, only
where the others could do the work. The wait alone would not do for that: with enough replicas nothing waits,
all but one would be taken away, and everything would wait again.

Ray Serve asks every replica (`record_autoscaling_stats`), averages the answers, hands them to the policy in
its controller, and holds what the policy wants against the limits and the delays. It pickles this module by
value to get it there, so what the policy uses must be here or in a library.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ray.serve.config import AutoscalingConfig, AutoscalingContext, AutoscalingPolicy

from tieback.core.types.load import Load
from tieback.serving.settings import Settings

FULL = 0.8
"""The share of the time that a worker may compute before its replica counts as needed."""

METRICS_SECONDS = 1.0
TARGET_WAIT, UP_SECONDS, DOWN_SECONDS = 0.5, 10.0, 600.0
"""The wait for a worker that is aimed at; how long the load must be high before replicas are added, and low
before they are removed. A machine takes a minute or more to come, so none goes at the first lull.
"""


@dataclass(frozen=True, slots=True)
class Signal:
    """The report of a replica; `busy` is the fraction of time that its worker computed, 0 to 1."""

    queued_tokens: float
    tokens_per_second: float
    busy: float


class Meter:
    """Measures a replica's signal. `load` is its service's."""

    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._computed = 0.0
        self._since = time.monotonic()

    def add(self, seconds: float) -> None:
        """Counts time that the worker computed. Any thread."""
        with self._lock:
            self._computed += seconds

    def read(self) -> dict[str, float]:
        """The signal since the last reading, by field, as Ray Serve takes it."""
        with self._lock:
            now = time.monotonic()
            busy = min(self._computed / max(now - self._since, 1e-3), 1.0)
            self._computed, self._since = 0.0, now
        load = self._load()
        return asdict(Signal(load.queued_tokens, load.tokens_per_second, busy))


def wanted(signals: Sequence[Signal], *, replicas: int, wait_seconds: float) -> int:
    """The number of replicas that keeps the wait within `wait_seconds`, by the current reports."""
    rates = [signal.tokens_per_second for signal in signals if signal.tokens_per_second > 0]
    if not rates:
        return replicas
    rate = sum(rates) / len(rates)
    for_wait = math.ceil(sum(signal.queued_tokens for signal in signals) / (rate * wait_seconds))
    for_work = math.ceil(sum(signal.busy for signal in signals) / FULL)
    return max(for_wait, min(for_work, replicas), 1)


class WaitPolicy:
    """What Ray Serve's controller asks; it wants a number of replicas and nothing kept between decisions."""

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds

    def __call__(self, context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
        """The number of replicas before limits and delays."""
        said: dict[str, dict[Any, float]] = context.aggregated_metrics or {}
        values = [said.get(name, {}) for name in ("queued_tokens", "tokens_per_second", "busy")]
        known = set.intersection(*(set(each) for each in values))
        signals = [Signal(*(each[replica] for each in values)) for replica in known]
        number = wanted(signals, replicas=context.target_num_replicas, wait_seconds=self._wait_seconds)
        return number, {}


def autoscaling_config(settings: Settings) -> AutoscalingConfig | None:
    """Ray Serve's configuration for an encoder; None where the number of replicas is fixed."""
    if settings.replicas_max <= settings.replicas:
        return None
    with warnings.catch_warnings():
        # The interval is to become a variable of the cluster's environment, which is not ours to set.
        warnings.simplefilter("ignore", DeprecationWarning)
        return AutoscalingConfig(
            min_replicas=settings.replicas,
            max_replicas=settings.replicas_max,
            metrics_interval_s=METRICS_SECONDS,
            look_back_period_s=max(UP_SECONDS, 2 * METRICS_SECONDS),
            upscale_delay_s=UP_SECONDS,
            downscale_delay_s=DOWN_SECONDS,
            policy=AutoscalingPolicy(  # type: ignore[no-untyped-call]  # Ray's
                policy_function=WaitPolicy, policy_kwargs={"wait_seconds": TARGET_WAIT}
            ),
        )
