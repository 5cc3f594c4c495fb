"""Tokenising and decoding for all spaces of a process, outside the event loop.

There are two lanes with their own threads, so that short texts never wait behind pictures. In each lane,
tenants have turns by the time that they used, and within a tenant small work goes first. What is decoded is
admitted by the bytes that its header states, and holds them in a budget.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from tieback.admission import Admission, Ticket
from tieback.batching.lane import Lane
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded
from tieback.core.freed_memory import return_freed_memory
from tieback.core.types.load import Load

# A budget of bytes for decoded contents in one process.
#
# A file of some kilobytes may hold a picture of a gigabyte. So its header is read first, and it is decoded
# only when the budget has room. The reduced picture counts until the model has run.
TRIMMED_SIZE = 32 << 20
"""After a content of so many bytes, what was freed is given back to the system."""

LOOK_SECONDS = 0.05
"""How often one that waits for room looks whether anybody still waits for it."""


class DecodedBudget:
    """`limit` bytes, 0 for no limit. Any thread may call any method."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._changed = threading.Condition()

    @property
    def taken(self) -> int:
        """Bytes that are held now."""
        return self._taken

    def reserve(self, size: int, deadline: Deadline) -> Reservation:
        """A claim to so many bytes, which takes them when its work begins."""
        return Reservation(self, size, deadline)


class Reservation:
    """The bytes of one portion: nothing, then all, then what is kept until the model has run, then nothing.

    `begin` and `end` belong to the thread that prepares it, `release` to whoever asked. What is released
    while it is prepared is held until that has ended.
    """

    def __init__(self, budget: DecodedBudget, size: int, deadline: Deadline) -> None:
        self._budget = budget
        self._size = size
        self._deadline = deadline
        self._held = 0
        self._works = self._released = False

    def begin(self) -> None:
        """Waits for room, and takes it. DeadlineExceeded where nobody waits for the content any more."""
        budget = self._budget
        with budget._changed:
            while budget.limit and budget._taken + self._size > budget.limit and budget._taken:
                self._check_wanted()
                budget._changed.wait(LOOK_SECONDS)
            self._check_wanted()
            self._works = True
            self._hold(self._size)

    def end(self, kept: int) -> None:
        """Gives back all but what is kept until the model has run."""
        if self._size >= TRIMMED_SIZE:
            return_freed_memory()
        with self._budget._changed:
            self._works = False
            self._hold(0 if self._released else kept)

    def release(self) -> None:
        """Gives back everything, at the latest when the preparing ends."""
        with self._budget._changed:
            self._released = True
            if not self._works:
                self._hold(0)

    def _hold(self, size: int) -> None:
        self._budget._taken += size - self._held
        self._held = size
        self._budget._changed.notify_all()

    def _check_wanted(self) -> None:
        if self._released:
            raise DeadlineExceeded("nobody waits for this content any more")
        self._deadline.check("this content was prepared")


THREADS = 2
"""Of each lane."""

GRAIN = 1 << 16
"""Bytes are counted in multiples of this: it bounds the number of different costs."""

TYPICAL_RATE = 200_000_000
"""Bytes a second and thread, before any were measured."""

QUEUED_BUDGETS = 32
"""So many times the budget may wait: half a minute of decoding, at twice the usual rate."""

R = TypeVar("R")


class Preparation(Generic[R]):
    """The lanes of a process, and its budget of `decoded_bytes`; 0 for no limit."""

    def __init__(self, decoded_bytes: int) -> None:
        self.budget = DecodedBudget(decoded_bytes)
        waiting = QUEUED_BUDGETS * decoded_bytes
        self._texts = _lane("tokenise", Admission(workers=THREADS, unit="bytes to tokenise"))
        self._media = _lane("decode", Admission(waiting, workers=THREADS, unit="bytes to decode"))

    @property
    def loads(self) -> dict[str, Load]:
        """How busy the lanes are, in bytes in place of tokens."""
        return {"tokenise": self._texts.admission.load, "decode": self._media.admission.load}

    def admit(self, sizes: Sequence[int], deadline: Deadline) -> Ticket:
        """A place for contents that take so many bytes each while they are decoded, to be split among them.

        Overloaded, with a time to come back, where too much waits; InvalidInput where all of it never could.
        """
        return self._media.admission.admit(sum(map(_grained, sizes)), items=len(sizes), deadline=deadline)

    async def tokenise(self, work: Callable[[], R], size: int, deadline: Deadline) -> R:
        """Runs work on short texts of so many bytes."""
        size = _grained(size)
        return await self._texts.run(work, size, deadline, self._texts.admission.admit(size))

    async def decode(
        self, work: Callable[[], tuple[R, int]], size: int, ticket: Ticket, deadline: Deadline
    ) -> tuple[R, Callable[[], None]]:
        """Runs work that takes so many bytes, of an admitted request, once there is room for them.

        The work also returns how many bytes its result keeps; they are held until the callable that comes
        with the result is called.
        """
        reservation = self.budget.reserve(size, deadline)

        def within_budget() -> R:
            reservation.begin()
            kept = 0
            try:
                result, kept = work()
                return result
            finally:
                reservation.end(kept)

        size = _grained(size)
        try:
            ticket = ticket.split(size, 1)
            return await self._media.run(within_budget, size, deadline, ticket), reservation.release
        except BaseException:
            reservation.release()
            raise

    async def close(self) -> None:
        """Stops all threads after what they do now; what waits fails with Unavailable."""
        await asyncio.gather(self._texts.close(), self._media.close())


def _lane(name: str, admission: Admission) -> Lane:
    return Lane(name, admission, threads=THREADS, rate=TYPICAL_RATE)


def _grained(size: int) -> int:
    return max(1, -(-size // GRAIN)) * GRAIN
