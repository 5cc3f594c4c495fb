"""One run of an operation, from its turn to its end: tried again where a service is away, or cut short.

What a cancelled one made is removed before its end is reported.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from tieback_contract.operations import OperationState

from tieback.core.call import in_bulk
from tieback.core.errors import DeadlineExceeded, Overloaded, TiebackError, Unavailable
from tieback.core.types.operation import Json, OperationRecord, Progress
from tieback.operations import kinds
from tieback.operations.kinds import Services

PATIENCE = 600.0
"""Seconds without any progress after which an operation fails."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
NOTED_SECONDS = 1.0
"""How often progress is written to the disk: what a list shows after a restart may be so old."""
_AGAIN = (Overloaded, Unavailable, DeadlineExceeded)
_OPAQUE = "an internal error; the server's log has it under the operation's id"

_log = logging.getLogger(__name__)


class Turns:
    """Remembers who had the last turn."""

    def __init__(self) -> None:
        self._number = 0
        self._last: dict[str, int] = {}  # by tenant: the number of its last turn

    def next(self, operations: Collection[OperationRecord]) -> OperationRecord | None:
        """The one whose turn it is, of those that wait: of the tenant with the fewest that run.

        Of tenants with equally many it is the one whose last turn is the longest ago. None where none waits.
        """
        waiting = [one for one in operations if one.state is OperationState.WAITING]
        if not waiting:
            return None
        running = Counter(one.owner for one in operations if one.state is OperationState.RUNNING)
        chosen = min(
            waiting, key=lambda one: (running[one.owner], self._last.get(one.owner, 0), one.created, one.id)
        )
        self._number += 1
        self._last[chosen.owner] = self._number
        return chosen


class Forecast:
    """The progress of one run, which may have begun with much done by an earlier one."""

    def __init__(self) -> None:
        self._begun: tuple[float, int] | None = None

    def remaining(self, done: int, total: int) -> float | None:
        """Seconds; None before anything was done in this run."""
        now = time.monotonic()
        if self._begun is None or done < self._begun[1]:
            self._begun = now, done
        began, before = self._begun
        if done == before:
            return None
        return (total - done) * (now - began) / (done - before)


class Note(Protocol):
    """Takes a state of an operation in."""

    async def __call__(self, operation: OperationRecord, *, durably: bool) -> None:
        """`durably` it is on the disk when this returns, or it raises."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a run."""

    state: OperationState
    result: Json | None = None
    error: TiebackError | None = None


class OperationRun:
    """Carries an operation out, once.

    It is cancelled by `is_cancelled` and, unless it `is_committing`, by cancelling the task that it runs in.
    """

    def __init__(
        self,
        services: Services,
        act: Callable[[OperationRecord], None],
        note: Note,
        *,
        is_cancelled: bool = False,
    ) -> None:
        self.is_cancelled, self.is_committing = is_cancelled, False
        self._services, self._act, self._note = services, act, note
        self._is_interrupted = False
        self._forecast = Forecast()
        self._noted = -NOTED_SECONDS

    def interrupt(self) -> None:
        """Notes that the server stops: cancelling the task does not cancel the operation."""
        self._is_interrupted = True

    async def to_its_end(self, operation: OperationRecord) -> Ended:
        """Runs it, or ends it where it was cancelled before. CancelledError where the server stops."""
        if self.is_cancelled and not operation.checkpoint:
            ended = Ended(OperationState.CANCELLED)
        else:
            with in_bulk():  # what somebody waits for goes beside it, and where there is no room it waits
                ended = await self._carried_out(operation)
        if ended.state is OperationState.CANCELLED:
            self.is_committing = True  # the cancellation may still be on its way to the task
            await self._discard(operation)
        return ended

    async def _discard(self, operation: OperationRecord) -> None:
        """Removes what it made. Where that fails, it is over all the same."""
        try:
            self._act(operation)
            await kinds.read(operation.kind, operation.request).discard(self._services)
        except Exception as error:  # noqa: BLE001 - a fault of ours, too, must not keep it from ending
            why = error.message if isinstance(error, TiebackError) else type(error).__name__
            _log.warning("what the cancelled operation %s made is not removed: %s", operation.id, why)

    async def _carried_out(self, operation: OperationRecord) -> Ended:
        pause, moved = FIRST_PAUSE, time.monotonic()
        try:
            while True:
                try:
                    self._act(operation)
                    request = kinds.read(operation.kind, operation.request)
                    async with aclosing(request.run(self._services, operation.checkpoint)) as steps:
                        async for step in steps:
                            if step.done != operation.done:
                                pause, moved = FIRST_PAUSE, time.monotonic()
                            operation = await self._step(operation, step)
                            if step.result is not None:
                                return Ended(OperationState.SUCCEEDED, step.result)
                            if self.is_cancelled and not step.committing:
                                return Ended(OperationState.CANCELLED)
                    return Ended(OperationState.SUCCEEDED, {})
                except _AGAIN as error:
                    self.is_committing = False
                    if self.is_cancelled:
                        return Ended(OperationState.CANCELLED)
                    if time.monotonic() - moved > PATIENCE:
                        return Ended(OperationState.FAILED, error=error)
                    operation = replace(operation, trouble=error.message, remaining=None)
                    await self._note(operation, durably=False)
                    wanted = getattr(error, "retry_after", 0.0)
                    await asyncio.sleep(max(pause, min(wanted, LONGEST_PAUSE)))
                    pause = min(2 * pause, LONGEST_PAUSE)
        except asyncio.CancelledError:
            if self._is_interrupted:
                raise
            return Ended(OperationState.CANCELLED)
        except TiebackError as error:
            return Ended(OperationState.FAILED, error=error)
        except Exception:  # noqa: BLE001 - a fault of ours, which must not end the others
            _log.exception("the operation %s failed inside", operation.id)
            return Ended(OperationState.FAILED, error=TiebackError(_OPAQUE))

    async def _step(self, operation: OperationRecord, step: Progress) -> OperationRecord:
        operation = replace(
            operation,
            done=step.done,
            total=step.total,
            remaining=self._forecast.remaining(step.done, step.total),
            trouble="",
            cancelling=self.is_cancelled,
            checkpoint=operation.checkpoint if step.checkpoint is None else step.checkpoint,
        )
        now = time.monotonic()
        if step.checkpoint is not None:
            await self._note(operation, durably=True)
        elif now - self._noted >= NOTED_SECONDS:
            self._noted = now
            try:
                await self._note(operation, durably=True)
            except TiebackError as error:  # what is not noted is done again
                _log.warning("the progress of %s is not on the disk: %s", operation.id, error)
        else:
            await self._note(operation, durably=False)
        self.is_committing = step.committing
        return operation
