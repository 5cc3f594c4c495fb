"""Ends refused calls in an overload at the lowest cost.

There are hundreds of them per second, and each takes time from calls that are answered. So a refusal is
written once and sent many times, calls that were not read end without an exception, and all are counted and
logged together, four times a second.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections import Counter
from typing import Any, NamedTuple

import grpc

from tieback.core.errors import Overloaded
from tieback.serving import context as call_context
from tieback.serving import failures, logs
from tieback.serving.load_report import write_load
from tieback.serving.route import Route
from tieback.serving.screening import Screen, at_begin
from tieback.serving.servicers.time_left import time_left

log = logging.getLogger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]
CODE = grpc.StatusCode.RESOURCE_EXHAUSTED
COUNTED_SECONDS = 0.25


class _Written(NamedTuple):
    message: str
    reason: str
    details: tuple[tuple[str, bytes], ...]


@functools.lru_cache(maxsize=256)
def _written(error: Overloaded) -> _Written:
    status = failures.to_status(error)
    return _Written(status.message, error.reason, failures.trailing(status))


class Refusals:
    """Ends the calls of one method that a screen refuses."""

    def __init__(self, screen: Screen, route: Route) -> None:
        self.screen = screen
        self._route = route
        self._seconds: list[float] = []
        self._calls: Counter[tuple[str, str]] = Counter()  # by tenant and reason
        self._last = call_context.CallContext()

    def end(self, space: str, context: Context, begun: float) -> bool:
        """Whether a call for the space, of which nothing was read, is refused when its handler returns."""
        error = self.screen.refusal(space, time_left(context))
        if error is None:
            return False
        written = _written(error)
        context.set_code(CODE)
        context.set_details(written.message)
        context.set_trailing_metadata(self._trailing(written))
        self._count(written.reason, begun)
        return True

    async def check(self, request: bytes, context: Context) -> None:
        """Ends a call that was read, by AbortError, if the start of its request is enough to decide."""
        begun, space = time.perf_counter(), at_begin(request)
        if not space or not self.screen.is_pressed(space):
            return
        error = self.screen.refusal(space, time_left(context))
        if error is not None:
            written = _written(error)
            self._count(written.reason, begun)
            await context.abort(CODE, written.message, self._trailing(written))

    def _trailing(self, written: _Written) -> tuple[tuple[str, str | bytes], ...]:
        request_id = (call_context.REQUEST_ID_KEY, call_context.current().request_id)
        load = self._route.load
        return (request_id, *(() if load is None else (write_load(load()),)), *written.details)

    def _count(self, reason: str, begun: float) -> None:
        if not self._seconds:
            asyncio.get_running_loop().call_later(COUNTED_SECONDS, self._tell)
        self._last = call_context.current()
        self._seconds.append(time.perf_counter() - begun)
        self._calls[self._last.tenant, reason] += 1

    def _tell(self) -> None:
        """Counts and logs what was refused since the last time."""
        seconds, self._seconds = self._seconds, []
        calls, self._calls = self._calls, Counter()
        route = self._route
        for one in seconds:
            route.seconds.observe(one)
        route.count(CODE.name, len(seconds))
        for (tenant, reason), count in calls.items():
            route.telemetry.reject(route.service, reason, count)
            route.telemetry.tenants.refused(tenant, CODE.name, reason, count)
        if alike := route.lines(CODE, len(seconds)):
            logs.event(
                log,
                "call",
                level=logging.INFO,
                request_id=self._last.request_id,
                tenant=self._last.tenant,
                method=route.method,
                code=CODE.name,
                reason=next(iter(calls))[1],
                milliseconds=round(1000 * seconds[-1], 2),
                calls=alike,
            )
