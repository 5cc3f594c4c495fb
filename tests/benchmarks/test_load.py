"""The load generator finds what a server does, and an open loop does not let overload hide."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator

import numpy as np
import pytest
from support.line_server import LineServer, LineTarget, line_server_in_a_thread

from benchmarks.load.generator import LoadError, generating
from benchmarks.load.loops import arrival_times, closed, opened, vectors
from benchmarks.load.turn import Turn

pytestmark = pytest.mark.all

WORK = [("a", "bc"), ("def",)]


@pytest.fixture
async def server() -> AsyncIterator[LineServer]:
    made = LineServer()
    async with await made.start():
        yield made


@pytest.fixture
def target(server: LineServer) -> LineTarget:
    return LineTarget(server.port)


async def test_a_closed_loop_sends_all_of_the_work_with_so_many_in_flight(
    server: LineServer, target: LineTarget
) -> None:
    server.seconds = 0.002

    turn = await closed(target, WORK * 20, in_flight=4)

    assert server.asked == 40
    assert server.most_in_flight == 4
    assert turn.items.sum() == 60
    assert len(turn.latencies) == 40
    assert turn.failed == 0
    assert turn.rate == pytest.approx(60 / turn.seconds)


async def test_a_closed_loop_sends_no_more_after_its_time(server: LineServer, target: LineTarget) -> None:
    server.seconds = 0.02

    turn = await closed(target, WORK * 1000, in_flight=2, seconds=0.2)

    assert 0.2 <= turn.seconds < 1.0
    assert server.asked < 100


async def test_an_open_loop_sends_at_its_rate_whatever_the_answers_take(
    server: LineServer, target: LineTarget
) -> None:
    server.seconds = 0.05  # 20 a second is all it can do

    turn = await opened(target, WORK, rate=100, seconds=0.5, arrivals="even", patience=5)

    assert server.asked == 50
    assert turn.offered_seconds == 0.5
    assert turn.seconds > 2.0
    assert turn.percentile(99) > 1.0


async def test_latencies_of_an_open_loop_hold_the_wait_that_a_pause_causes(
    server: LineServer, target: LineTarget
) -> None:
    server.pause = 0.5
    opened_turn = await opened(target, WORK, rate=100, seconds=1.0, arrivals="even")
    server.pause = 0.5
    closed_turn = await closed(target, WORK * 50, in_flight=1)

    # Half of the second the server stood still: whoever should have been answered then has waited.
    assert np.mean(opened_turn.latencies > 0.1) > 0.3
    # The closed loop asked nothing meanwhile, and saw one slow answer.
    assert np.sum(closed_turn.latencies > 0.1) == 1


async def test_whoever_waits_longer_than_the_patience_has_failed(
    server: LineServer, target: LineTarget
) -> None:
    server.pause = 0.6

    turn = await opened(target, WORK, rate=20, seconds=0.4, arrivals="even", patience=0.1)

    assert turn.failures == {"no answer within 0.1 s": 8}
    assert turn.goodput(0.1) == 0.0


async def test_refusals_are_counted_and_followed_when_the_server_said(
    server: LineServer, target: LineTarget
) -> None:
    server.refusals, server.retry_after = 5, 0.3

    turn = await opened(target, WORK, rate=50, seconds=0.2, arrivals="even", follow=1.0)

    assert len(turn.rejected) == 5
    assert turn.retry_after.tolist() == [0.3] * 5
    assert turn.followed_well.tolist() == [True] * 5
    assert (turn.followed_at >= 0.3).all()
    assert len(turn.latencies) == 5  # those who followed are no answers of the load


async def test_a_failure_is_named_and_the_load_goes_on(server: LineServer, target: LineTarget) -> None:
    server.faults = 2

    turn = await closed(target, WORK * 5, in_flight=1)

    assert turn.failures == {"ValueError: out of order": 2}
    assert len(turn.latencies) == 8


async def test_vectors_are_what_the_target_answers(target: LineTarget) -> None:
    found = await vectors(target, WORK)

    assert [one.tolist() for one in found] == [[[1.0], [2.0]], [[3.0]]]


def test_poisson_arrivals_come_at_the_rate_and_the_same_each_time() -> None:
    times = arrival_times(1000, 10, "poisson")

    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert times == sorted(times) == arrival_times(1000, 10, "poisson")
    assert np.std(np.diff(times)) == pytest.approx(0.001, rel=0.1)  # of an exponential, its mean
    assert arrival_times(1000, 10, "poisson", seed=1) != times


def test_even_arrivals_keep_their_distance() -> None:
    assert arrival_times(4, 1, "even") == [0.0, 0.25, 0.5, 0.75]


def test_goodput_counts_items_within_the_bound_over_the_time_they_were_offered() -> None:
    turn = Turn(
        seconds=4.0,
        offered_seconds=2.0,
        due=np.array([0.0, 1.5, 1.6]),
        latencies=np.array([0.1, 0.9, 1.1]),
        items=np.array([3, 1, 8]),
        rejected=np.array([]),
        retry_after=np.array([]),
        followed_at=np.array([]),
        followed_well=np.array([], bool),
        failures={},
        generator_share=0.0,
    )

    assert turn.goodput(1.0) == 2.0
    assert turn.goodput(1.0, after=1.0) == 1.0  # what came first is left out, and its second
    assert turn.rate == 3.0


def test_a_generator_loads_from_a_process_of_its_own_and_ends_with_it() -> None:
    server = LineServer()
    with line_server_in_a_thread(server) as target, generating(target) as generator:
        children = multiprocessing.active_children()
        turn = generator.closed(WORK * 4, in_flight=2)
        opened_turn = generator.opened(WORK, rate=50, seconds=0.1, arrivals="even")
        found = generator.vectors(WORK)

    assert len(children) == 1
    assert not children[0].is_alive()
    assert len(turn.latencies) == 8
    assert len(opened_turn.latencies) == 5
    assert found[0].tolist() == [[1.0], [2.0]]
    assert turn.generator_share > 0.0


def test_a_generator_says_why_it_cannot_reach_its_target() -> None:
    with pytest.raises(LoadError, match="ConnectionRefusedError"), generating(LineTarget(1)):
        pass


def test_a_generator_outlives_a_job_that_cannot_be_done() -> None:
    with line_server_in_a_thread(LineServer()) as target, generating(target) as generator:
        with pytest.raises(LoadError, match="in_flight"):
            generator.closed(WORK)

        assert len(generator.closed(WORK, in_flight=1).latencies) == 2


async def test_cancelling_a_load_cancels_its_requests(server: LineServer, target: LineTarget) -> None:
    server.pause = 30.0
    task = asyncio.create_task(closed(target, WORK, in_flight=2))
    await asyncio.sleep(0.1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
