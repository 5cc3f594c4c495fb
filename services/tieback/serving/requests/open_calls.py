"""The calls that are open in this process: how many there may be, and which a revoked token must end.

An open call costs memory before its first byte is read, so their number is bounded, in all and for each
tenant. A stream may stay open for as long as its caller likes: where tokens are asked for, a stream whose
token is no longer good ends within about two seconds of the change.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from typing import Any, Protocol

from tieback.core.errors import Overloaded, TiebackError, Unauthenticated, Unavailable
from tieback.core.tenant import Principal
from tieback.serving.security.credentials import Tokens

RETRY_SECONDS = 1.0
RECHECK_SECONDS = 0.5


class OpenCalls:
    """Counts the running tasks of calls. `total` of them in all, `per_tenant` of one tenant's."""

    def __init__(self, total: int, per_tenant: int) -> None:
        self._total = total
        self._per_tenant = per_tenant
        self._open = 0
        self._tenants: Counter[str] = Counter()

    @property
    def is_crowded(self) -> bool:
        """Whether half of the calls that may be open are."""
        return 2 * self._open > self._total

    def enter(self, tenant: str) -> None:
        """Counts the running task until it is done. Overloaded where no more may be open.

        Callers without a tenant (no tokens are asked for) are bounded in all only.
        """
        if self._open >= self._total:
            raise _too_many("this server", self._total)
        if tenant and self._tenants[tenant] >= self._per_tenant:
            raise _too_many("this tenant", self._per_tenant)
        self._open += 1
        self._tenants[tenant] += 1
        running_task().add_done_callback(functools.partial(self._leave, tenant))

    def _leave(self, tenant: str, _: object) -> None:
        self._open -= 1
        self._tenants[tenant] -= 1
        if not self._tenants[tenant]:
            del self._tenants[tenant]


def running_task() -> asyncio.Task[Any]:
    """The task of the running call."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a call runs in a task")
    return task


def _too_many(whose: str, limit: int) -> Overloaded:
    return Overloaded(
        f"{whose} has {limit} open calls, which is its limit; try again in {RETRY_SECONDS:.0f} s, or send "
        "several items in one call",
        retry_after=RETRY_SECONDS,
    )


class Ending(Protocol):
    """An open stream that can be ended from outside."""

    authorization: str
    principal: Principal

    def end(self, error: TiebackError) -> None:
        """Has the stream end with an error."""
        ...


class Revocation:
    """Ends the open streams whose token is no longer one of `tokens`, or no longer stands for the same."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._version = tokens.version
        self._streams: set[Ending] = set()
        self._watching: asyncio.Task[None] | None = None

    def add(self, stream: Ending) -> None:
        """Watches an open stream until `discard`."""
        self._streams.add(stream)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    def discard(self, stream: Ending) -> None:
        """The stream has ended."""
        self._streams.discard(stream)

    def close(self) -> None:
        """Watches no more."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while self._streams:
            if self._tokens.version != self._version:
                self._version = self._tokens.version
                for stream in list(self._streams):
                    error = self._fault_of(stream)
                    if error is not None:
                        stream.end(error)
            await asyncio.sleep(RECHECK_SECONDS)

    def _fault_of(self, stream: Ending) -> TiebackError | None:
        try:
            principal = self._tokens.principal_of(stream.authorization)
        except Unauthenticated:
            return Unauthenticated("the token of this stream is no longer one of this server's")
        if principal == stream.principal:
            return None
        return Unavailable("what this token may do has changed; open the stream again", retry_after=0.0)
