"""The edge that every call passes on every server: one interceptor, in a fixed order.

Request id, trace, token, then decoding of the message (so that malformed bytes are INVALID_ARGUMENT and not
the transport's INTERNAL), then the servicer. Whatever it raises becomes a status by `failures`; every call is
counted, timed and logged once; of refusals, which come in crowds, only some are logged.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.tenant import act_for
from tieback.core.types import Load
from tieback.serving import context as call_context
from tieback.serving import failures, logs
from tieback.serving.credentials import Tokens
from tieback.serving.load_report import write_load
from tieback.serving.telemetry import Telemetry

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic for the type checker alone

log = logging.getLogger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]
# Probes carry no token, what they read is no secret, and they would drown the calls that matter.
HEALTH = "/grpc.health.v1.Health/"
REFUSALS_SECONDS = 1.0


class Passed(Exception):  # noqa: N818 - not an error of ours but another server's answer, handed on
    """A failure of a service behind this server, to be handed on as it came."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class Edge(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Wraps every handler. Handlers are wrapped once and kept.

    `load`, where it is set before the first call, goes along with every answer.
    """

    def __init__(self, telemetry: Telemetry, tokens: Tokens | None) -> None:
        self.load: Callable[[], Load] | None = None
        self._telemetry = telemetry
        self._tokens = tokens
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The wrapped handler of the method that is called; None where there is none."""
        method = str(handler_call_details.method)
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None or method.startswith(HEALTH):
                return handler
            self._wrapped[method] = self._wrap(method, handler)
        return self._wrapped[method]

    def _wrap(self, method: str, handler: Any) -> Handler:
        decode = _decoder(handler.request_deserializer)
        route = Route(method, self._telemetry, self._tokens, self.load)
        make: Any
        behaviour: Callable[..., Any]
        if handler.request_streaming and handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler

            async def behaviour(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
                async with _Call(route, context):
                    async for response in handler.stream_stream(_decoded(requests, decode), context):
                        yield response

        elif handler.response_streaming:
            make = grpc.unary_stream_rpc_method_handler

            async def behaviour(request: bytes, context: Context) -> AsyncIterator[Any]:
                async with _Call(route, context):
                    async for response in handler.unary_stream(decode(request), context):
                        yield response

        elif handler.request_streaming:
            raise TypeError(f"{method} streams requests only; no method of the contract does")
        else:
            make = grpc.unary_unary_rpc_method_handler

            async def behaviour(request: bytes, context: Context) -> Any:
                async with _Call(route, context):
                    return await handler.unary_unary(decode(request), context)

        wrapped: Handler = make(
            behaviour, request_deserializer=None, response_serializer=handler.response_serializer
        )
        return wrapped


class Route:
    """What all calls of one method share. Metrics find their labels once, not at every call."""

    def __init__(
        self, method: str, telemetry: Telemetry, tokens: Tokens | None, load: Callable[[], Load] | None
    ) -> None:
        self.method = method[1:]
        full_service, _, name = self.method.partition("/")
        self.service = full_service.rpartition(".")[2]
        self.telemetry = telemetry
        self.tokens = tokens
        self.load = load
        self.in_flight = telemetry.in_flight.labels(self.service, name)
        self.seconds = telemetry.request_seconds.labels(self.service, name)
        self._outcomes: dict[str, Any] = {}
        self._name = name
        self._unwritten, self._written = 0, -math.inf  # refusals since the last line of one, and when it was

    def lines(self, code: grpc.StatusCode) -> int:
        """For how many calls the log line of this one stands, itself included; 0 where it needs none.

        Refusals come by the hundred when they come, and writing of each would be work on top of too much: of
        those, the first of each second is written, with the number of those before it that were not.
        """
        if code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            return 1
        self._unwritten += 1
        now = time.monotonic()
        if now < self._written + REFUSALS_SECONDS:
            return 0
        alike, self._unwritten, self._written = self._unwritten, 0, now
        return alike

    def count(self, code: str) -> None:
        """Counts one call's outcome."""
        if code not in self._outcomes:
            self._outcomes[code] = self.telemetry.requests.labels(self.service, self._name, code)
        self._outcomes[code].inc()


class _Call:
    """One running call, from admission to its log line."""

    def __init__(self, route: Route, context: Context) -> None:
        self._route = route
        self._context = context
        self._code = grpc.StatusCode.OK
        self._reason = ""
        self._span: AbstractContextManager[object] | None = None

    async def __aenter__(self) -> None:
        self._begin = time.perf_counter()
        metadata = self._context.invocation_metadata() or ()
        self._running = call_context.enter(metadata)
        self._route.in_flight.inc()
        try:
            if self._route.tokens is not None:
                principal = self._route.tokens.principal_of(self._running.authorization)
                self._running = replace(self._running, tenant=principal.tenant)
                call_context.set_current(self._running)
                act_for(principal)
        except TiebackError as error:
            try:
                await self._fail(error)
            finally:
                self._finish()
        self._span = self._route.telemetry.span(self._route.method, metadata)
        if self._span is not None:
            self._span.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._context.set_trailing_metadata(self._trailing())
            else:
                await self._fail(error)
        finally:
            self._finish()

    def _trailing(self) -> tuple[tuple[str, str], ...]:
        """What goes along with every answer. Read at the end, when the load is what the next call finds."""
        request_id = (call_context.REQUEST_ID_KEY, self._running.request_id)
        load = self._route.load
        return (request_id,) if load is None else (request_id, write_load(load()))

    async def _fail(self, error: BaseException) -> None:
        """Ends the call with the error's status. Returns only where the error itself must go on."""
        # A stream whose caller went away between two messages is closed by GeneratorExit.
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            self._code = grpc.StatusCode.CANCELLED
            return
        if isinstance(error, grpc.aio.AbortError):
            self._code = grpc.StatusCode.UNKNOWN
            return
        if not isinstance(error, TiebackError | Passed):
            log.error("a call failed inside", exc_info=error)
        status = error.status if isinstance(error, Passed) else failures.to_status(error)
        self._code = failures.code_by_number(status.code)
        self._reason = failures.reason_of(status)
        await self._context.abort(self._code, status.message, (*self._trailing(), *failures.trailing(status)))

    def _finish(self) -> None:
        took = time.perf_counter() - self._begin
        route = self._route
        if self._span is not None:
            route.telemetry.say_outcome(self._code)
            self._span.__exit__(None, None, None)
        route.in_flight.dec()
        route.count(self._code.name)
        route.seconds.observe(took)
        if self._code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            route.telemetry.reject(route.service, self._reason)
        level = logging.DEBUG if self._code is grpc.StatusCode.OK else logging.INFO
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
                **({"calls": alike} if alike > 1 else {}),
            )


def _decoder(parse: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    if parse is None:  # a handler that passes bytes on
        return lambda data: data

    def decode(data: bytes) -> Any:
        try:
            return parse(data)
        except (DecodeError, UnicodeDecodeError):
            raise InvalidInput(
                "the request is not a message of this method: it is malformed, or a text is not valid UTF-8",
                reason="MALFORMED_MESSAGE",
            ) from None

    return decode


async def _decoded(requests: AsyncIterator[bytes], decode: Callable[[bytes], Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield decode(request)
