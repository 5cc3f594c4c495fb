"""The threads that read: a bounded queue before them, and work that ends with its caller."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, Overloaded
from tieback.core.types.load import Load
from tieback.filters import Check

MOST_WAITING = 1024

T = TypeVar("T")


class Readers:
    """Runs searches and listings on threads of its own, and counts them. For one event loop."""

    def __init__(self, begin: Callable[[], None] | None = None) -> None:
        """Each thread calls `begin` first."""
        self.threads = max(2, min(8, os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(self.threads, "index-read", initializer=begin)
        self._seconds = 0.01
        self.queued = self.active = 0
        self.dropped_cancelled = self.dropped_deadline = self.rejected = 0

    @property
    def load(self) -> Load:
        """What waits and runs, and what was dropped."""
        return Load(
            queued_items=self.queued,
            active_items=self.active,
            dropped_cancelled=self.dropped_cancelled,
            dropped_deadline=self.dropped_deadline,
            rejected=self.rejected,
        )

    async def run(self, work: Callable[[Check], T], deadline: Deadline = NO_DEADLINE) -> T:
        """Runs work among the threads, unless too much waits there or the deadline passes first.

        The work is given a check that raises once the deadline has passed, or the caller has gone.
        """
        if self.queued >= MOST_WAITING:
            self.rejected += 1
            raise Overloaded(
                f"{self.queued} requests wait for the index",
                retry_after=max(self.queued * self._seconds / self.threads, 0.1),
            )
        self.queued += 1
        running = finished = False
        loop = asyncio.get_running_loop()

        def begin() -> None:
            nonlocal running
            if finished:  # cancelled as it began
                return
            running = True
            self.queued -= 1
            self.active += 1

        def check(doing: str) -> None:
            deadline.check(doing)
            if finished:
                raise DeadlineExceeded(f"the caller has gone before {doing}")

        def on_thread() -> T:
            loop.call_soon_threadsafe(begin)
            check("the index came to it")
            return work(check)

        try:
            deadline.check("the request was taken up")
            return await loop.run_in_executor(self._pool, on_thread)
        except DeadlineExceeded:
            self.dropped_deadline += 1
            raise
        except asyncio.CancelledError:
            self.dropped_cancelled += 1
            raise
        finally:
            finished = True
            if running:
                self.active -= 1
            else:
                self.queued -= 1

    def took(self, seconds: float) -> None:
        """Learns how long a search takes, for the retry time."""
        self._seconds = 0.9 * self._seconds + 0.1 * seconds

    def close(self) -> None:
        """Waits for the work under way."""
        self._pool.shutdown()
