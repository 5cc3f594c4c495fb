"""Slots for answers in progress: a fixed number at once, the others wait in order of arrival."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tieback.admission import Admission
from tieback.allowance import Allowance
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded

R = TypeVar("R")


class Slot:
    """A place that is held. `waited` is in seconds, `busy` the seconds of work done in it."""

    def __init__(self, threads: ThreadPoolExecutor, waited: float) -> None:
        self.waited = waited
        self.busy = 0.0
        self._threads = threads

    async def run(self, work: Callable[[], R]) -> R:
        """Runs a short piece of work on a thread of the slots."""
        began = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self.busy += time.monotonic() - began


class Slots:
    """Admits requests by their tokens and gives each a slot in turn.

    Whatever ends a request while it waits or runs (its deadline, its caller's leaving, a fault) frees its
    slot; what was dropped is counted in `load`.
    """

    def __init__(self, count: int, limit_tokens: int) -> None:
        self.admission = Admission(limit_tokens, workers=count)
        self._allowance = Allowance()
        self._free = asyncio.Semaphore(count)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="generate")

    @contextlib.asynccontextmanager
    async def take(self, tokens: int, deadline: Deadline) -> AsyncIterator[Slot]:
        """A slot for a request that will read and write so many tokens at most.

        Overloaded where too much waits, RateExceeded where the tenant has used its tokens per second.
        """
        arrived = time.monotonic()
        with self.admission.admit(tokens) as ticket:
            self._allowance.take(tokens)
            try:
                await self._wait(deadline)
                try:
                    ticket.start()
                    slot = Slot(self._threads, time.monotonic() - arrived)
                    yield slot
                    ticket.finish(seconds=slot.busy)
                finally:
                    self._free.release()
            except DeadlineExceeded:
                self.admission.drop("deadline")
                raise
            except (asyncio.CancelledError, GeneratorExit):
                self.admission.drop("cancelled")
                raise

    async def _wait(self, deadline: Deadline) -> None:
        remaining = deadline.remaining()
        try:
            async with asyncio.timeout(None if remaining == float("inf") else max(remaining, 0.0)):
                await self._free.acquire()
        except TimeoutError:
            raise DeadlineExceeded("the deadline passed while the request waited for a slot") from None

    def close(self) -> None:
        """Ends the threads once what they do now is done."""
        self._threads.shutdown(wait=False, cancel_futures=True)
