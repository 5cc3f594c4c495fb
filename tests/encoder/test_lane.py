"""Work on a lane's threads: in fair turns, admitted by its size and deadline."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from tieback.admission import Admission
from tieback.batching.lane import Lane
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput, Overloaded
from tieback.core.tenant import TENANT

PIECE = 0.02


@pytest.fixture
async def lane() -> AsyncIterator[Lane]:
    """One thread that does a hundred units a second."""
    made = Lane("test", Admission(), threads=1, rate=100.0)
    yield made
    await made.close()


class Work:
    """Pieces that take a while; `done` are their names in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun = threading.Event()

    def piece(self, name: str) -> str:
        self.begun.set()
        time.sleep(PIECE)
        self.done.append(f"{TENANT.get()}{name}")
        return name

    async def request(self, lane: Lane, name: str, pieces: int, tenant: str = "") -> list[str]:
        TENANT.set(tenant)
        with lane.place(pieces, NO_DEADLINE) as place:
            works: list[Callable[[], str]] = [partial(self.piece, f"{name}{n}") for n in range(pieces)]
            return await place.run_each(works, [1] * pieces, NO_DEADLINE)


async def test_one_request_is_done_before_the_next_of_its_tenant_is_begun(lane: Lane) -> None:
    work = Work()

    found = await asyncio.gather(*(work.request(lane, name, 3) for name in "abc"))

    assert found[1] == ["b0", "b1", "b2"]
    assert work.done == [f"{name}{n}" for name in "abc" for n in range(3)]


async def test_another_tenant_has_its_turn_between_two_pieces(lane: Lane) -> None:
    work = Work()
    greedy = [asyncio.create_task(work.request(lane, name, 10, "greedy ")) for name in "ab"]
    await asyncio.to_thread(work.begun.wait)

    await work.request(lane, "c", 1, "quiet ")

    assert len(work.done) <= 4
    await asyncio.gather(*greedy)


async def test_what_would_come_too_late_is_refused_before_anything_is_done_for_it(lane: Lane) -> None:
    with lane.place(40, Deadline.after(0.9)) as place:
        with pytest.raises(Overloaded, match="the deadline would pass") as refused:
            lane.place(1, Deadline.after(1.0))
        with lane.place(1, Deadline.after(10.0)):
            assert lane.admission.load.queued_tokens == 41
        await place.run_each([lambda: None], [5], NO_DEADLINE)

    assert 0.3 < refused.value.retry_after < 1.0
    assert lane.admission.load.queued_tokens == lane.admission.load.active_items == 0
    lane.place(1, Deadline.after(1.0))


async def test_the_error_of_a_piece_is_that_of_the_work_and_the_others_are_not_begun(lane: Lane) -> None:
    work = Work()

    def wrong() -> str:
        raise InvalidInput("there is nothing to read", field="text")

    works: list[Callable[[], str]] = [wrong, *(partial(work.piece, str(n)) for n in range(20))]
    with lane.place(21, NO_DEADLINE) as place, pytest.raises(InvalidInput, match="nothing to read"):
        await place.run_each(works, [1] * 21, NO_DEADLINE)

    await asyncio.sleep(2 * PIECE)
    assert len(work.done) <= 3
    assert lane.admission.load.queued_tokens == 0
