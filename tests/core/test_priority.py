"""Threads that compute have a lower priority than those that answer callers."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import pytest
from tieback.admission import Admission
from tieback.batching.lane import Lane
from tieback.core.deadline import NO_DEADLINE
from tieback.core.priority import STEPS_BEHIND, compute_behind, go_behind
from tieback.serving.processes.server import SWITCH_SECONDS, let_the_loop_go_first

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priorities")


@pytest.fixture
def usual() -> Iterator[int]:
    """The process's priority, which is as it was at the end."""
    interval = sys.getswitchinterval()
    compute_behind()
    yield own()
    compute_behind(False)
    sys.setswitchinterval(interval)


def behind(usual: int) -> int:
    """The priority of what computes; there is none below 19."""
    return min(usual + STEPS_BEHIND, 19)


def own() -> int:
    """The running thread's priority."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_goes_behind_once_and_the_others_stay(usual: int) -> None:
    seen: list[int] = []

    def work() -> None:
        go_behind()
        go_behind()
        seen.append(own())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [behind(usual)]
    assert own() == usual


async def test_what_a_lane_computes_goes_behind_the_event_loop(usual: int) -> None:
    lane = Lane("reading", Admission(), threads=1, rate=1.0)

    found = await lane.run(own, 1, NO_DEADLINE)
    await lane.close()

    assert found == behind(usual)


async def test_a_process_that_takes_calls_and_computes_has_its_threads_wait_for_the_event_loop(
    usual: int,
) -> None:
    compute_behind(False)

    let_the_loop_go_first(computes=True)

    assert await asyncio.to_thread(own) == behind(usual)
    assert own() == usual
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)


async def test_in_a_replica_the_loop_and_what_computes_are_equal(usual: int) -> None:
    compute_behind(False)

    let_the_loop_go_first()
    lane = Lane("reading", Admission(), threads=1, rate=1.0)
    found = await lane.run(own, 1, NO_DEADLINE)
    await lane.close()

    assert found == usual
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
