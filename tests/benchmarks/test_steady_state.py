"""What counts of a closed loop: the time in which every caller has a request with the server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from support.line_server import LineServer, LineTarget

from benchmarks.load import loops
from benchmarks.load.target import Target

pytestmark = pytest.mark.all


def test_the_steady_state_of_a_closed_loop_holds_neither_its_filling_nor_its_drain() -> None:
    # Two callers; the server fills for a second, answers two items every tenth of one, and drains for three.
    at = [1.0, 1.0, *(1.0 + 0.1 * (1 + number // 2) for number in range(20)), 5.0]
    record = loops._Record(begun=0.0, ended=5.0, drained=2.0)
    record.due = [0.0] * len(at)
    record.latencies = at
    record.items = [1] * len(at)

    turn = record.turn(2)

    assert turn.steady_rate == pytest.approx(20.0)
    assert turn.rate < 5.0


class InPairs(Target):
    """A server that answers two requests together, the second a moment after the first: 20 a second."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Event] = []

    async def open(self) -> None:
        """It is here."""

    async def close(self) -> None:
        """Nothing is held."""

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        mine = asyncio.Event()
        self._waiting.append(mine)
        if len(self._waiting) == 2:
            pair, self._waiting = self._waiting, []
            asyncio.get_running_loop().call_later(0.1, pair[0].set)
            asyncio.get_running_loop().call_later(0.101, pair[1].set)
        await mine.wait()
        return np.zeros((1, 1), np.float32)


async def test_answers_that_come_in_groups_are_counted_by_whole_groups() -> None:
    # Few requests: an end within a group would leave out a quarter of the answers and none of the time.
    turn = await loops.closed(InPairs(), [("a",)] * 6, in_flight=2)

    assert turn.steady_rate == pytest.approx(20.0, rel=0.1)


async def test_a_closed_loop_has_a_steady_state_where_its_work_is_long_enough() -> None:
    server = LineServer(seconds=0.01)
    async with await server.start():
        turn = await loops.closed(LineTarget(server.port), [("a",)] * 60, in_flight=4)

    assert turn.steady is not None
    assert 0.0 < turn.steady_rate < 105.0  # one answer in a hundredth of a second at most
