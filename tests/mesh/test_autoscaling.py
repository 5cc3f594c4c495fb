"""How many replicas are wanted, by what those of now say of themselves."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.each import each
from tieback.core.types.load import Load
from tieback.serving.processes.autoscaling import Meter, Signal, WaitPolicy, autoscaling_config, wanted
from tieback.serving.settings import Settings

RATE = 10_000.0
signals = st.lists(
    st.builds(Signal, st.floats(0, 1e6), st.one_of(st.just(0.0), st.floats(1, 1e6)), st.floats(0, 1)),
    max_size=5,
)


@each("queued, number", [(0, 1), (4_999, 1), (5_001, 2), (12_000, 3)])
def test_more_replicas_are_wanted_as_soon_as_the_wait_is_longer_than_promised(
    queued: float, number: int
) -> None:
    assert wanted([Signal(queued, RATE, 1.0)], replicas=1, wait_seconds=0.5) == number


def test_what_waits_at_all_replicas_is_shared_between_all() -> None:
    assert wanted([Signal(9_000, RATE, 1.0), Signal(0, RATE, 1.0)], replicas=2, wait_seconds=0.5) == 2


def test_a_replica_is_kept_while_the_others_could_not_do_its_work() -> None:
    busy = [Signal(0, RATE, 0.6), Signal(0, RATE, 0.6)]
    idle = [Signal(0, RATE, 0.3), Signal(0, RATE, 0.3)]

    assert wanted(busy, replicas=2, wait_seconds=0.5) == 2
    assert wanted(idle, replicas=2, wait_seconds=0.5) == 1


def test_a_worker_that_never_rests_and_keeps_the_promise_is_no_reason_for_another() -> None:
    assert wanted([Signal(1_000, RATE, 1.0)], replicas=1, wait_seconds=0.5) == 1


def test_before_anything_was_measured_the_number_stays() -> None:
    assert wanted([Signal(1_000, 0.0, 0.0)], replicas=3, wait_seconds=0.5) == 3
    assert wanted([], replicas=2, wait_seconds=0.5) == 2


@given(signals, st.integers(1, 5), st.floats(0.01, 10))
def test_one_is_always_wanted_and_more_waiting_never_means_fewer(
    said: list[Signal], replicas: int, seconds: float
) -> None:
    more = [Signal(one.queued_tokens * 2, one.tokens_per_second, one.busy) for one in said]

    number = wanted(said, replicas=replicas, wait_seconds=seconds)
    assert 1 <= number <= wanted(more, replicas=replicas, wait_seconds=seconds)


def test_a_meter_says_which_share_of_the_time_was_computed_since_it_was_last_read() -> None:
    meter = Meter(lambda: Load(queued_tokens=7, tokens_per_second=RATE))
    time.sleep(0.1)
    meter.add(0.05)
    first, second = meter.read(), meter.read()

    assert 0.1 < first["busy"] <= 0.5
    assert second == {"queued_tokens": 7, "tokens_per_second": RATE, "busy": 0.0}


def test_the_policy_reads_what_ray_serve_has_gathered_of_the_replicas_that_said_everything() -> None:
    context: Any = SimpleNamespace(
        target_num_replicas=2,
        aggregated_metrics={
            "queued_tokens": {"a": 20_000.0, "b": 20_000.0},
            "tokens_per_second": {"a": RATE},
            "busy": {"a": 1.0},
        },
    )

    assert WaitPolicy(0.5)(context) == (4, {})
    context.aggregated_metrics = None
    assert WaitPolicy(0.5)(context) == (2, {})


def test_the_number_is_fixed_unless_the_settings_allow_more() -> None:
    assert autoscaling_config(Settings(replicas=2)) is None

    config = autoscaling_config(Settings(replicas=2, replicas_max=5))
    assert config is not None
    assert (config.min_replicas, config.max_replicas, config.upscale_delay_s) == (2, 5, 10)
    assert config.policy.policy_kwargs == {"wait_seconds": 0.5}
