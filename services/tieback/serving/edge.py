"""The edge that every call passes on every server: one interceptor, in a fixed order.

When a call is opened: request id, token, number of open calls; of one that is refused, nothing is read. Then
its message is decompressed and decoded (so that malformed bytes are INVALID_ARGUMENT and not the transport's
INTERNAL), and the servicer runs. Whatever it raises becomes a status by `failures`; every call is counted,
timed and logged once; of refusals, which come in crowds, only some are logged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from tieback.core.errors import DeadlineExceeded, InvalidInput, TiebackError
from tieback.core.tenant import PRINCIPAL, Principal, act_for
from tieback.core.types import Load
from tieback.serving import context as call_context
from tieback.serving import failures, health_edge, logs
from tieback.serving.credentials import Tokens
from tieback.serving.health_edge import HealthEdge
from tieback.serving.inflation import inflate
from tieback.serving.load_report import write_load
from tieback.serving.open_calls import OpenCalls, Revocation, running_task
from tieback.serving.route import Route
from tieback.serving.settings import Settings
from tieback.serving.telemetry import Telemetry

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic for the type checker alone

log = logging.getLogger(__name__)
STATUS_SECONDS = 1.0
"""How long a call waits for its status to be sent."""

Context = grpc.aio.ServicerContext[Any, Any]


class Passed(Exception):  # noqa: N818 - not an error of ours but another server's answer, handed on
    """A failure of a service behind this server, to be handed on as it came."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class Edge(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Decides on every call when it is opened, before a byte of its request is read, and wraps the handlers.

    Handlers are wrapped once and kept. `load`, where it is set before the first call, goes along with every
    answer.
    """

    def __init__(self, telemetry: Telemetry, settings: Settings, tokens: Tokens | None) -> None:
        self.load: Callable[[], Load] | None = None
        self._telemetry = telemetry
        self._tokens = tokens
        self._streams = Revocation(tokens) if tokens is not None else None
        self._open = OpenCalls(settings.open_calls, settings.tenant_calls)
        self._message_bytes = settings.message_bytes
        self._stall = settings.stall_seconds
        self._health = HealthEdge()
        self._wrapped: dict[str, tuple[Handler, Route | None]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The wrapped handler of the method that is called, or one that refuses; None where there is none.

        gRPC runs the handler in the task that asks for it here: what is set for the task holds for the call.
        """
        method = str(handler_call_details.method)
        known = self._wrapped.get(method)
        if known is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return handler
            known = self._wrapped[method] = self._wrap(method, handler)
        wrapped, route = known
        if route is None:
            return wrapped
        try:
            self._admit(call_context.enter(handler_call_details.invocation_metadata))
        except TiebackError as error:
            return _refusing(route, error)
        return wrapped

    def _admit(self, context: call_context.CallContext) -> None:
        if self._tokens is not None:
            principal = self._tokens.principal_of(context.authorization)
            context = replace(context, tenant=principal.tenant)
            call_context.set_current(context)
            act_for(principal)
        self._open.enter(context.tenant)

    def _wrap(self, method: str, handler: Any) -> tuple[Handler, Route | None]:
        """The handler of a method for all its calls; health checks are no calls of the contract."""
        if method.startswith(health_edge.PREFIX):
            return self._health.wrap(handler), None
        decode = _decoder(handler.request_deserializer, self._message_bytes)
        route = Route(method, self._telemetry, self.load, self._streams)
        make: Any
        behaviour: Callable[..., Any]
        if handler.request_streaming and handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler

            async def behaviour(requests: AsyncIterator[bytes], context: Context) -> None:
                async with _Stream(route, context):
                    await _write(
                        handler.stream_stream(_decoded(requests, decode), context), context, self._stall
                    )

        elif handler.response_streaming:
            make = grpc.unary_stream_rpc_method_handler

            async def behaviour(request: bytes, context: Context) -> None:
                async with _Stream(route, context):
                    await _write(handler.unary_stream(decode(request), context), context, self._stall)

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
        return wrapped, route


async def _write(responses: AsyncGenerator[Any, None], context: Context, stall: float) -> None:
    """Sends what a handler yields. Written here, not by gRPC, so that what ends a stream is seen here.

    DeadlineExceeded where the caller takes nothing for `stall` seconds while something is there for it.
    """
    async with aclosing(responses):
        async for response in responses:
            try:
                async with asyncio.timeout(stall):
                    await context.write(response)
            except TimeoutError:
                raise DeadlineExceeded(
                    f"nothing of the stream was read for {stall:g} s; read what comes, or ask for less"
                ) from None


def _refusing(route: Route, error: TiebackError) -> Handler:
    """A handler that ends one call with an error and reads none of it, whatever kind of method it is for."""

    async def behaviour(_: object, context: Context) -> None:
        async with _Call(route, context, traced=False):
            raise error

    refusing: Handler = grpc.stream_stream_rpc_method_handler(behaviour)
    return refusing


class _Call:
    """One running call, from when its request was read to its log line."""

    def __init__(self, route: Route, context: Context, *, traced: bool = True) -> None:
        self._route = route
        self._context = context
        self._traced = traced
        self._code = grpc.StatusCode.OK
        self._reason = ""
        self._span: AbstractContextManager[object] | None = None

    async def __aenter__(self) -> None:
        self._begin = time.perf_counter()
        self._running = call_context.current()
        self._route.in_flight.inc()
        if self._traced:
            self._span = self._route.telemetry.span(
                self._route.method, self._context.invocation_metadata() or ()
            )
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
        # gRPC's own error: the caller went away while an answer was written.
        if isinstance(error, asyncio.CancelledError | grpc.aio.InternalError):
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
        try:
            async with asyncio.timeout(STATUS_SECONDS):
                await self._context.abort(
                    self._code, status.message, (*self._trailing(), *failures.trailing(status))
                )
        except TimeoutError:
            # What was written before is not read, so the status waits behind it in gRPC. The call does not.
            raise asyncio.CancelledError from None

    def _finish(self) -> None:
        took = time.perf_counter() - self._begin
        route = self._route
        if self._span is not None:
            route.telemetry.say_outcome(self._code)
            self._span.__exit__(None, None, None)
        route.in_flight.dec()
        route.count(self._code.name)
        route.seconds.observe(took)
        refused = self._code is grpc.StatusCode.RESOURCE_EXHAUSTED
        if refused:
            route.telemetry.reject(route.service, self._reason)
        route.telemetry.tenants.finished(self._code.name, self._reason if refused else "")
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


class _Stream(_Call):
    """A call that may stay open for as long as its caller likes; it ends where its token is revoked."""

    _ended: TiebackError | None = None
    authorization: str
    principal: Principal

    async def __aenter__(self) -> None:
        await super().__aenter__()
        self._task = running_task()
        self.authorization, self.principal = self._running.authorization, PRINCIPAL.get()
        if self._route.streams is not None:
            self._route.streams.add(self)

    def end(self, error: TiebackError) -> None:
        """Stops the work and tells the caller why."""
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
        await super().__aexit__(kind, error, trace)


def _decoder(parse: Callable[[bytes], Any] | None, limit: int) -> Callable[[bytes], Any]:
    if parse is None:  # a handler that passes bytes on
        return lambda data: inflate(data, limit)

    def decode(data: bytes) -> Any:
        try:
            data = inflate(data, limit)
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
