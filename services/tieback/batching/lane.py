"""Work outside the event loop, in fair turns between tenants and admitted by its size and deadline.

Python's own pool of threads takes whatever it is given: under an overload all of it goes on at once, is too
late, and has what is answered in time wait beside it.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from tieback.admission import Admission, Ticket
from tieback.batching.batcher import NOT_LEARNING, Batcher
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.core.together import all_or_none

R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Work whose size stands for its time."""

    work: Callable[[], Any]
    tokens: int


class Lane:
    """Threads with a queue each; work goes to the one with the least to do.

    Sizes are in the unit of `admission`, of which one thread does about `rate` a second before any was
    measured.
    """

    def __init__(self, name: str, admission: Admission, *, threads: int, rate: float) -> None:
        self.admission = admission
        admission.measure(round(rate), 1.0)
        self._workers: list[Batcher[_Job, Any]] = [
            Batcher(
                _run,
                name=f"{name}-{n}",
                pads=False,
                budget=0,
                max_items=1,
                admission=admission,
                learning=NOT_LEARNING,  # the first of a kind does not predict those a thousand times as large
            )
            for n in range(threads)
        ]
        self._pending = [0] * threads

    async def run(
        self, work: Callable[[], R], size: int, deadline: Deadline, ticket: Ticket | None = None
    ) -> R:
        """What the work gives. Raises what it raises, Overloaded, and DeadlineExceeded where its turn comes
        too late. Without a `ticket`, a place is asked for here.
        """
        chosen = min(range(len(self._workers)), key=self._pending.__getitem__)
        self._pending[chosen] += size
        # The thread knows whose work it is.
        job = _Job(functools.partial(contextvars.copy_context().run, work), size)
        try:
            done = await self._workers[chosen].submit([job], deadline=deadline, ticket=ticket, alone=True)
        finally:
            self._pending[chosen] -= size
        (result,) = done.results
        if isinstance(result, TiebackError):
            raise result
        return cast("R", result)

    def place(self, size: int, deadline: Deadline) -> LanePlace:
        """A place for about so much work that is not known yet, to be released (it is a context manager).

        To be taken before anything is done that the work needs. Raises Overloaded where too much waits.
        """
        return LanePlace(self, self.admission.admit(size, deadline=deadline))

    async def close(self) -> None:
        """Stops all threads after what they do now; what waits fails with Unavailable."""
        await asyncio.gather(*(worker.close() for worker in self._workers))


class LanePlace:
    """A place in a lane."""

    def __init__(self, lane: Lane, ticket: Ticket) -> None:
        self._lane, self._ticket = lane, ticket

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticket.release()

    async def run_each(
        self, works: Sequence[Callable[[], R]], sizes: Sequence[int], deadline: Deadline
    ) -> list[R]:
        """What each of several pieces gives, now that they are known.

        Other tenants have their turns between two pieces, and later requests of the same tenant after all of
        them: so of several requests some are done in time. Raises as `Lane.run`.
        """
        self._ticket.resize(sum(sizes), len(works))
        return await all_or_none(
            self._lane.run(work, size, deadline, self._ticket.split(size, 1))
            for work, size in zip(works, sizes, strict=True)
        )


def _run(jobs: Sequence[_Job], _: Hashable) -> list[Any]:
    return [job.work() for job in jobs]
