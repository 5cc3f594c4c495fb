"""One running call, from when its request is read to its log line: counted, timed, traced, and ended.

Whatever is raised becomes a status by `failures`. Every call is logged once; of refusals, only some are.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
from google.rpc import status_pb2

from tieback.core.call import IN_BULK, waited
from tieback.core.errors import TiebackError
from tieback.core.tenant import PRINCIPAL, Principal
from tieback.core.types.load import Load
from tieback.serving.mesh.peers import write_load
from tieback.serving.metrics import logs
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.metrics.tracing import trace_ids
from tieback.serving.requests import context as call_context
from tieback.serving.requests import failures
from tieback.serving.requests.context import time_left
from tieback.serving.requests.open_calls import Revocation, running_task
from tieback.serving.requests.parsing import HeldBytes, Reader, done_with

log = logging.getLogger(__name__)
STATUS_SECONDS = 1.0
"""How long a call waits for its status to be sent."""
Context = grpc.aio.ServicerContext[Any, Any]


class Passed(Exception):  # noqa: N818 - not an error of ours but another server's answer, handed on
    """A failure of a service behind this server, to be handed on as it came."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class RunningCall:
    """One running call, from when its request was read to its log line."""

    def __init__(self, route: Route, context: Context, *, traced: bool = True) -> None:
        self._route = route
        self.context = context
        self._traced = traced
        self._code = grpc.StatusCode.OK
        self._reason = ""
        self._span: AbstractContextManager[object] | None = None
        self._held = 0
        self._request_bytes = 0
        self._response_bytes = 0

    async def __aenter__(self) -> Self:
        self._begin = time.perf_counter()
        self._running = call_context.current()
        self._route.in_flight.inc()
        if self._traced:
            self._span = self._route.telemetry.tracing.span(
                self._route.method, self.context.invocation_metadata() or (), self._running.request_id
            )
        if self._span is not None:
            self._span.__enter__()
        return self

    async def read(self, data: bytes) -> Any:
        """The request, whose bytes count as in work until the call ends or reads the next."""
        self._request_bytes += len(data)
        return await self._read(data)

    async def _read(self, data: bytes) -> Any:
        self._hold(len(data))
        request, size = await self._route.reader.read(data)
        self._hold(max(len(data), size))
        return request

    def write(self, response: Any) -> bytes:
        """An answer as bytes, which are counted."""
        data = self._route.serialize(response)
        self._response_bytes += len(data)
        return data

    def _hold(self, size: int) -> None:
        self._route.held.give(self._held)
        self._held = 0
        self._route.held.take(size)
        self._held = size

    async def each(self, requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        """The requests of a stream. Where the process holds too much already, the next one waits."""
        async for data in requests:
            self._request_bytes += len(data)
            yield await waited(functools.partial(self._read, data), time_left(self.context))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del trace  # see `_forget`
        # A call has been counted by the time that its caller knows how it ended.
        try:
            status = self._status_of(error) if error is not None else None
        finally:
            self._finish()
        if error is None:
            self.context.set_trailing_metadata(self._trailing())
        elif status is not None:
            await self._abort(status)

    @property
    def id(self) -> tuple[str, str]:
        """The call's id, as metadata."""
        return (call_context.REQUEST_ID_KEY, self._running.request_id)

    def _trailing(self) -> tuple[tuple[str, str], ...]:
        """What goes along with every answer. Read at the end, when the load is what the next call finds."""
        load = self._route.load
        return (self.id,) if load is None else (self.id, write_load(load()))

    def _status_of(self, error: BaseException) -> status_pb2.Status | None:
        """The status that ends the call. None where the error itself must go on."""
        # gRPC's own error: the caller went away while an answer was written.
        if isinstance(error, asyncio.CancelledError | grpc.aio.InternalError):
            self._code = grpc.StatusCode.CANCELLED
            return None
        if isinstance(error, grpc.aio.AbortError):
            self._code = grpc.StatusCode.UNKNOWN
            return None
        if not isinstance(error, TiebackError | Passed):
            log.error("a call failed inside", exc_info=error)
        status = error.status if isinstance(error, Passed) else failures.to_status(error)
        self._code = failures.code_by_number(status.code)
        self._reason = failures.reason_of(status)
        _forget(error)
        return status

    async def _abort(self, status: status_pb2.Status) -> None:
        """Sends the status that ends the call, and raises what gRPC raises then."""
        try:
            async with asyncio.timeout(STATUS_SECONDS):
                await self.context.abort(
                    self._code, status.message, (*self._trailing(), *failures.trailing(status))
                )
        except TimeoutError:
            # What was written before is not read, so the status waits behind it in gRPC. The call does not.
            raise asyncio.CancelledError from None

    def _finish(self) -> None:
        took = time.perf_counter() - self._begin
        route = self._route
        traced = trace_ids()
        if self._span is not None:
            route.telemetry.tracing.say_outcome(self._code)
            self._span.__exit__(None, None, None)
        route.in_flight.dec()
        route.held.give(self._held)
        done_with(self._held)
        route.count(self._code.name)
        route.seconds.observe(took)
        # A hop of bulk work that is refused is asked for again: nobody is told of it.
        refused = self._code is grpc.StatusCode.RESOURCE_EXHAUSTED and not IN_BULK.get()
        if refused:
            route.telemetry.reject(route.service, self._reason)
        route.telemetry.tenants.finished(self._code.name, self._reason if refused else "")
        level = route.level if self._code is grpc.StatusCode.OK else logging.INFO
        if log.isEnabledFor(level) and (alike := route.lines(self._code)):
            logs.event(
                log,
                "call",
                level=level,
                request_id=self._running.request_id,
                tenant=self._running.tenant,
                method=route.method,
                code=self._code.name,
                reason=self._reason,
                milliseconds=round(took * 1000, 2),
                request_bytes=self._request_bytes,
                response_bytes=self._response_bytes,
                **({"calls": alike} if alike > 1 else {}),
                **traced,
            )


REFUSALS_SECONDS = 1.0
# What a caller can bring about as often as it likes, with no work done for it.
REFUSALS = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


@dataclass(slots=True)
class _Crowd:
    """Calls that ended alike: how many since the last one that was logged, and when that was."""

    unwritten: int = 0
    written: float = -math.inf


class Route:
    """One method of the contract. Metrics find their labels once, not at every call.

    `streams`, where tokens are asked for, ends the open streams whose token is revoked. `level` is that of
    the log line of a call that succeeds; `serialize` makes bytes of an answer that is none yet.
    """

    def __init__(
        self,
        method: str,
        telemetry: Telemetry,
        reader: Reader,
        held: HeldBytes,
        load: Callable[[], Load] | None = None,
        streams: Revocation | None = None,
        level: int = logging.DEBUG,
        serialize: Callable[[Any], bytes] | None = None,
    ) -> None:
        self.method = method[1:]
        full_service, _, name = self.method.partition("/")
        self.service = full_service.rpartition(".")[2]
        self.telemetry = telemetry
        self.reader = reader
        self.held = held
        self.load = load
        self.streams = streams
        self.level = level
        self.serialize: Callable[[Any], bytes] = serialize or bytes
        self.in_flight = telemetry.in_flight.labels(self.service, name)
        self.seconds = telemetry.request_seconds.labels(self.service, name)
        self._outcomes: dict[str, Any] = {}
        self._name = name
        self._crowds: dict[grpc.StatusCode, _Crowd] = {}

    def lines(self, code: grpc.StatusCode, calls: int = 1) -> int:
        """For how many calls the log line of these stands, themselves included; 0 where they need none.

        Anybody can have calls refused by the thousand, and a line for each would be work on top of too much
        and would fill the disk: of those, the first of each second is written, with the number of those
        before it that were not.
        """
        if code not in REFUSALS:
            return calls
        crowd = self._crowds.setdefault(code, _Crowd())
        crowd.unwritten += calls
        now = time.monotonic()
        if now < crowd.written + REFUSALS_SECONDS:
            return 0
        alike, crowd.unwritten, crowd.written = crowd.unwritten, 0, now
        return alike

    def count(self, code: str, calls: int = 1) -> None:
        """Counts the outcome of calls."""
        if code not in self._outcomes:
            self._outcomes[code] = self.telemetry.requests.labels(self.service, self._name, code)
        self._outcomes[code].inc(calls)


class Stream(RunningCall):
    """A call that may stay open for as long as its caller likes; it ends where its token is revoked."""

    _ended: TiebackError | None = None
    authorization: str
    principal: Principal

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._task = running_task()
        self.authorization, self.principal = self._running.authorization, PRINCIPAL.get()
        if self._route.streams is not None:
            self._route.streams.add(self)
        return self

    def end(self, error: TiebackError) -> None:
        """Stops the work and sends the reason to the caller."""
        if self._ended is None:
            self._ended = error
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._route.streams is not None:
            self._route.streams.discard(self)
        if isinstance(error, asyncio.CancelledError) and self._ended is not None:
            kind, error = type(self._ended), self._ended
        del trace  # see `_forget`
        await super().__aexit__(kind, error, None)


def _forget(error: BaseException) -> None:
    """Lets go of where an error came from. gRPC keeps it in a cycle, and with it the requests on its way."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
