"""Slots for answers in progress: a fixed number at once, the others wait in order of arrival."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tieback.admission import Admission
from tieback.allowance import Allowance
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded


@dataclass(slots=True)
class Slot:
    """A place that is held. Times are in seconds; its holder sets `busy`, that of the work done in it."""

    waited: float
    busy: float = 0.0


class Slots:
    """Admits requests by their tokens and gives each a slot in turn.

    Whatever ends a request while it waits or runs (its deadline, its caller's leaving, a fault) frees its
    slot; what was dropped is counted in `load`.
    """

    def __init__(self, count: int, limit_tokens: int) -> None:
        self.admission = Admission(limit_tokens, workers=count)
        self._allowance = Allowance()
        self._free = asyncio.Semaphore(count)

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
                    slot = Slot(time.monotonic() - arrived)
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
