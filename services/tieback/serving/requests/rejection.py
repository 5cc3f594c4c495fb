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
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import grpc

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Overloaded
from tieback.serving.mesh.peers import write_load
from tieback.serving.metrics import logs
from tieback.serving.requests import context as call_context
from tieback.serving.requests import failures
from tieback.serving.requests.call import Route
from tieback.serving.requests.context import time_left
from tieback.serving.requests.wire import fields

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


# Refuses a call of Encode before any work, if its space has no time for it.
#
# In an overload most calls are refused, and their cost is taken from those that are answered. So while a
# space is full, calls are decided by their space and deadline alone. If the metadata `tieback-space` names
# the space, as the SDK does, the request is not even read. Otherwise the space is read from the start of
# the request, which is not parsed. A wrong name gains nothing: a call that passes is checked again with the
# space in the request.
SPACE_KEY = "tieback-space"
METHOD = "/tieback.v1.EncoderService/Encode"


class Screen(Protocol):
    """Knows how full the spaces are."""

    def is_pressed(self, space: str) -> bool:
        """Whether requests were refused just now, so that the next ones are to be screened."""
        ...

    def refusal(self, space: str, deadline: Deadline) -> Overloaded | None:
        """Why no request with that deadline is taken now; None where it has to be looked at.

        The error may be one that was given before, and is not to be raised.
        """
        ...


_SPACE = 1  # the number of EncodeRequest.space, which every encoder of protobuf writes first
_LONGEST = 256


def named(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The space that a call's metadata names; empty where it names none."""
    for key, value in metadata:
        if key == SPACE_KEY and isinstance(value, str):
            return value
    return ""


def at_begin(request: bytes) -> str:
    """The space at the begin of an EncodeRequest; empty where something else is there."""
    try:
        number, _, value, end = next(fields(request), (0, 0, 0, 0))
        return request[value:end].decode() if number == _SPACE and end - value <= _LONGEST else ""
    except (InvalidInput, UnicodeDecodeError):
        return ""
