"""A call, beside what it asks for: until when its answer is worth having, and how it waits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import Overloaded, RateExceeded

# Work in bulk, which waits for room inside the server where other work is refused.
#
# A stream of writes is bulk: nobody looks at a screen until its next answer. Where too much waits already,
# it waits too, and flow control holds its sender back. A search beside it is refused at once in such a
# case, so admission keeps a part of its room from bulk work (`tieback.admission.BULK_SHARE`), and there is
# room for it.
#
# The mark is set for a task (`in_bulk`) and holds for whatever the task awaits; hops pass it on.
LONGEST_PAUSE = 1.0
"""Seconds of which a part passes until room is asked for again: a queue must not run empty meanwhile."""

IN_BULK: ContextVar[bool] = ContextVar("tieback_in_bulk", default=False)
"""Whether the running task works in bulk."""

BEGUN: ContextVar[bool] = ContextVar("tieback_begun", default=False)
"""Mark of a running task whose work so far would be lost if it was refused now."""

T = TypeVar("T")


@contextmanager
def begun() -> Iterator[None]:
    """Marks what is done inside as part of work that was admitted: its parts wait, and only its deadline
    ends them. Hops pass it on.
    """
    before = BEGUN.set(True)
    try:
        yield
    finally:
        BEGUN.reset(before)


@contextmanager
def in_bulk() -> Iterator[None]:
    """What is done inside is bulk work."""
    before = IN_BULK.set(True)
    try:
        yield
    finally:
        IN_BULK.reset(before)


async def once_there_is_room(work: Callable[[], Awaitable[T]], deadline: Deadline) -> T:
    """What `work` gives; in bulk work as by `waited`. Raises what it raises."""
    return await (waited(work, deadline) if IN_BULK.get() else work())


async def waited(work: Callable[[], Awaitable[T]], deadline: Deadline) -> T:
    """What `work` gives. It is begun again where it was refused because too much waits.

    Raises what it raises; Overloaded only once the deadline leaves no time to wait.
    """
    while True:
        try:
            return await work()
        except Overloaded as error:
            pause = error.retry_after
            if not isinstance(error, RateExceeded):  # which knows the moment: it is the tenant's own limit
                # Sooner than when all is done that waits, and not all at the same moment.
                pause = min(pause, LONGEST_PAUSE) * random.uniform(0.25, 0.75)  # noqa: S311 - no secret
            if pause >= deadline.remaining():
                raise
        await asyncio.sleep(pause)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a service, beside its request.

    The tenant, the trace and the mark of bulk work follow the task that runs it
    (docs/decisions/0137-values-and-ports.md).
    """

    deadline: Deadline = NO_DEADLINE
    """The moment by which the answer is worth having."""


NO_CALL = Call()
"""A call without a deadline."""
