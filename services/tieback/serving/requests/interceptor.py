"""The edge that every call passes on every server: one interceptor, in a fixed order.

When a call is opened: request id, token, number of open calls; of one that is refused, nothing is read. Then
its message is decompressed and decoded (so that malformed bytes are INVALID_ARGUMENT and not the transport's
INTERNAL), and the servicer runs. `call` makes a status of whatever it raises.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from tieback.core.errors import DeadlineExceeded, TiebackError, Unsupported
from tieback.core.extensions import how_to_use
from tieback.core.tenant import act_for
from tieback.core.types.load import Load
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.requests import context as call_context
from tieback.serving.requests import failures, rejection
from tieback.serving.requests.call import Route, RunningCall, Stream
from tieback.serving.requests.contract import methods
from tieback.serving.requests.limits import Gate
from tieback.serving.requests.open_calls import OpenCalls, Revocation
from tieback.serving.requests.parsing import HeldBytes, Reader, inflate
from tieback.serving.requests.rejection import Refusals
from tieback.serving.security.credentials import Tokens
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic for the type checker alone

Context = grpc.aio.ServicerContext[Any, Any]


# What health checks pass instead of the edge: they need no token, so what one may bring or keep is small.
#
# A check is answered whatever goes on. Of many that are open and have not sent their request yet, the later
# ones are answered for the server as a whole, unread.
PREFIX = "/grpc.health.v1.Health/"
WATCHES = 1_000
READING = 16
READ_SECONDS = 1.0
REQUEST_BYTES = 1024


class HealthEdge:
    """Wraps the handlers of grpc.health.v1."""

    def __init__(self) -> None:
        self._watches = OpenCalls(WATCHES, WATCHES)
        self._reading = 0

    def wrap(self, handler: Any) -> Any:
        """The handler, which reads its request itself: nothing is read for a call that is refused."""

        async def behaviour(_: object, context: Any) -> None:
            try:
                if handler.response_streaming:
                    self._watches.enter("")
                request = await self._read(context, unread=not handler.response_streaming)
            except TiebackError as error:
                status = failures.to_status(error)
                await context.abort(failures.code_of(error), status.message, failures.trailing(status))
                return
            if request is None:
                return
            if handler.response_streaming:
                await handler.unary_stream(handler.request_deserializer(request), context)
            else:
                await context.write(await handler.unary_unary(handler.request_deserializer(request), context))

        return grpc.stream_stream_rpc_method_handler(
            behaviour, request_deserializer=None, response_serializer=handler.response_serializer
        )

    async def _read(self, context: Any, *, unread: bool) -> bytes | None:
        """The request's bytes; None where the caller sent none."""
        if unread and self._reading >= READING:
            return b""
        self._reading += 1
        try:
            async with asyncio.timeout(READ_SECONDS):
                request = await context.read()
        except TimeoutError:
            raise DeadlineExceeded(f"no request came within {READ_SECONDS:.0f} s") from None
        finally:
            self._reading -= 1
        return None if request is grpc.aio.EOF else inflate(request, REQUEST_BYTES)  # type: ignore[attr-defined]  # stubs


class Edge(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Decides on every call when it is opened, before a byte of its request is read, and wraps the handlers.

    Handlers are wrapped once and kept. `load`, where it is set before the first call, goes along with every
    answer; `screen` knows which calls of Encode are refused by their space and deadline alone. Where it
    `takes_hops`, other processes of the platform call.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        settings: Settings,
        tokens: Tokens | None,
        *,
        behind: bool = False,
        takes_hops: bool = False,
    ) -> None:
        self.load: Callable[[], Load] | None = None
        self.screen: rejection.Screen | None = None
        self._telemetry = telemetry
        self._tokens = tokens
        self._streams = Revocation(tokens) if tokens is not None else None
        self._open = OpenCalls(settings.open_calls, settings.limits.tenant_calls)
        self._stall = settings.stall_seconds
        # One line for each call at the platform's door; what services ask each other is for debugging.
        self._level = (
            logging.INFO if settings.log_level in ("debug", "info") and not behind else logging.DEBUG
        )
        self._held = HeldBytes(settings.request_bytes)
        self._limits = settings.limits
        self._takes_hops = takes_hops
        self._gate = None if behind else Gate(settings.limits)
        self._health = HealthEdge()
        self._refusals: Refusals | None = None  # of Encode, once it was called
        self._wrapped: dict[str, tuple[Handler, Route | None]] = {}
        self._requests = {method.path: method.request for method in methods().values()}

    def add(self, service: ServiceDescriptor) -> None:
        """Holds the requests of a service that is not of the contract to the limits too. Before `start`."""
        for method in service.methods:
            self._requests[f"/{service.full_name}/{method.name}"] = method.input_type

    def close(self) -> None:
        """Lets go of what it watches, when no more calls come."""
        if self._streams is not None:
            self._streams.close()

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
                return cast("Handler", _elsewhere(method))  # which may be None, as gRPC's own
            known = self._wrapped[method] = self._wrap(method, handler)
        wrapped, route = known
        if route is None:
            return wrapped
        metadata = handler_call_details.invocation_metadata
        try:
            context = self._identify(call_context.enter(metadata, is_hop=self._takes_hops))
            if self._refusals is not None and method == rejection.METHOD:
                space = rejection.named(metadata)
                if space and self._refusals.screen.is_pressed(space):
                    return self._unread(wrapped, route, self._refusals, space)
            self._open.enter(context.tenant)
        except TiebackError as error:
            return _refusing(route, error)
        if self._open.is_crowded and not wrapped.request_streaming:
            return self._awaited(wrapped, route)
        return wrapped

    def _identify(self, context: call_context.CallContext) -> call_context.CallContext:
        if self._tokens is not None:
            principal = self._tokens.principal_of(context.authorization)
            context = replace(context, tenant=principal.tenant)
            call_context.set_current(context)
            act_for(principal)
        return context

    def _unread(self, wrapped: Any, route: Route, refusals: Refusals, space: str) -> Handler:
        """A handler of one call of a unary method that reads it only where it is not refused."""
        begun = time.perf_counter()

        async def behaviour(_: object, context: Context) -> None:
            if refusals.end(space, context, begun):
                return
            try:
                self._open.enter(call_context.current().tenant)
            except TiebackError as error:
                async with RunningCall(route, context, traced=False):
                    raise error
            await self._ask(wrapped, route, context)

        unread: Handler = grpc.stream_stream_rpc_method_handler(behaviour)
        return unread

    def _awaited(self, wrapped: Any, route: Route) -> Handler:
        """A handler of one call whose request is not waited for longer than a stall may last.

        gRPC itself waits for ever; reading here costs a little, so it is done where open calls are many.
        """

        async def behaviour(_: object, context: Context) -> None:
            await self._ask(wrapped, route, context)

        awaited: Handler = grpc.stream_stream_rpc_method_handler(behaviour)
        return awaited

    async def _ask(self, wrapped: Any, route: Route, context: Context) -> None:
        """Reads the request of a call that was opened as a stream, and has it answered."""
        try:
            async with asyncio.timeout(self._stall):
                given = [await context.read()]
        except TimeoutError:
            async with RunningCall(route, context, traced=False):
                raise DeadlineExceeded(
                    f"no request came in {self._stall:g} s; open a call to send one"
                ) from None
        if given[0] is grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
            return
        if wrapped.response_streaming:
            await wrapped.unary_stream(given.pop(), context)
        else:
            await context.write(await wrapped.unary_unary(given.pop(), context))

    def _wrap(self, method: str, handler: Any) -> tuple[Handler, Route | None]:
        """The handler of a method for all its calls; health checks are no calls of the contract."""
        if method.startswith(PREFIX):
            return self._health.wrap(handler), None
        reader = Reader(self._requests.get(method), handler.request_deserializer, self._limits, self._gate)
        route = Route(
            method,
            self._telemetry,
            reader,
            self._held,
            self.load,
            self._streams,
            self._level,
            handler.response_serializer,
        )
        make: Any
        behaviour: Callable[..., Any]
        if handler.request_streaming and handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler

            async def behaviour(requests: AsyncIterator[bytes], context: Context) -> None:
                async with Stream(route, context) as call:
                    # At once, so that a caller whose connection breaks before an answer
                    # knows that the server was there.
                    await context.send_initial_metadata((call.id,))
                    await _write(handler.stream_stream(call.each(requests), context), call, self._stall)

        elif handler.response_streaming:
            make = grpc.unary_stream_rpc_method_handler

            async def behaviour(request: bytes, context: Context) -> None:
                given = [request]
                del request  # what an error refers to must not keep it
                async with Stream(route, context) as call:
                    responses = handler.unary_stream(await call.read(given.pop()), context)
                    await _write(responses, call, self._stall)

        elif handler.request_streaming:
            make = grpc.stream_unary_rpc_method_handler

            async def behaviour(requests: AsyncIterator[bytes], context: Context) -> Any:
                async with Stream(route, context) as call:
                    return call.write(await handler.stream_unary(call.each(requests), context))

        else:
            make = grpc.unary_unary_rpc_method_handler
            refusals = None
            if self.screen is not None and method == rejection.METHOD:
                refusals = self._refusals = Refusals(self.screen, route)

            async def behaviour(request: bytes, context: Context) -> Any:
                given = [request]
                del request  # as above
                if refusals is not None:
                    await refusals.check(given[0], context)
                async with RunningCall(route, context) as call:
                    return call.write(await handler.unary_unary(await call.read(given.pop()), context))

        wrapped: Handler = make(behaviour)
        return wrapped, route


async def _write(responses: AsyncGenerator[Any, None], call: RunningCall, stall: float) -> None:
    """Sends what a handler yields. Written here, not by gRPC, so that what ends a stream is seen here.

    DeadlineExceeded where the caller takes nothing for `stall` seconds while something is there for it.
    """
    async with aclosing(responses):
        async for response in responses:
            try:
                async with asyncio.timeout(stall):
                    await call.context.write(call.write(response))
            except TimeoutError:
                raise DeadlineExceeded(
                    f"nothing of the stream was read for {stall:g} s; read what comes, or ask for less"
                ) from None


def _refusing(route: Route, error: TiebackError) -> Handler:
    """A handler that ends one call with an error and reads none of it, whatever kind of method it is for."""

    async def behaviour(_: object, context: Context) -> None:
        async with RunningCall(route, context, traced=False):
            raise error

    refusing: Handler = grpc.stream_stream_rpc_method_handler(behaviour)
    return refusing


def _elsewhere(method: str) -> Handler | None:
    """A handler that says which extension has a method that is not served; None where none has.

    The protos of an extension are in the package tieback.NAME.v1.
    """
    root, _, rest = method.removeprefix("/").partition(".")
    hint = how_to_use(rest.partition(".")[0]) if root == "tieback" else ""

    async def behaviour(_: object, context: Context) -> None:
        refused = failures.to_status(Unsupported(f"this server has no such service; {hint}"))
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, refused.message, failures.trailing(refused))

    refusing: Handler = grpc.stream_stream_rpc_method_handler(behaviour)
    return refusing if hint else None
