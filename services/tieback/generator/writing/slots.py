"""Slots for answers in progress: a fixed number at once, the others wait in order of arrival."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from tieback_contract.answers import FinishReason, ScoredToken
from tieback_contract.claims import Claim

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


# Writes an answer ahead of its reader, so that a slow reader holds no slot.
#
# A separate task holds the slot while the answer is written, and buffers the text until it is read.
# `max_tokens` bounds the answer and so the buffer.
@dataclass(frozen=True, slots=True)
class Written:
    """Text that is certain, the claims that it completes, and why it is the last where it is.

    `scores` are of the token that was written, where they were asked for. `pending` is a claim that is over
    if the next token does not go on with it.
    """

    text: str
    claims: list[Claim]
    reason: FinishReason | None
    scores: ScoredToken | None = None
    pending: str = ""


async def ahead(pieces: AsyncGenerator[Written, None]) -> AsyncGenerator[Written, None]:
    """The same pieces, each taken from its source as soon as it is there; also their error, in its place.

    Leaving cancels the source and waits until it has ended.
    """
    waiting: asyncio.Queue[Written | None] = asyncio.Queue()
    task = asyncio.create_task(_write(pieces, waiting))
    try:
        while (piece := await waiting.get()) is not None:
            yield piece
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # raised above, unless nobody reads on


async def _write(pieces: AsyncGenerator[Written, None], waiting: asyncio.Queue[Written | None]) -> None:
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                waiting.put_nowait(piece)
    finally:
        waiting.put_nowait(None)
