"""Calls of this process to its own gRPC server without a socket: through the same edge to the same handlers.

A door calls the platform as any client of the SDK does. A socket between the two decides nothing, and costs
more than the edge and the door together: HTTP/2, and gRPC's work on both sides. So this channel hands the
bytes of a request to the edge, in a task of its own, as gRPC does. It has what the SDK uses of
`grpc.aio.Channel` and its calls, and what the edge and the servicers use of `grpc.aio.ServicerContext`.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from typing import Any, NamedTuple, NoReturn

import grpc

log = logging.getLogger(__name__)
ROOM = 16
"""Responses of a stream that wait for their reader; then their writer waits, as on a full connection."""
EOF: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it
Code = grpc.StatusCode
Metadata = tuple[tuple[str, Any], ...]
Intercept = Callable[[Callable[[Any], Awaitable[Any]], Any], Awaitable[Any]]


class Handlers:
    """Registers handlers at a server, and finds them for calls of its own process."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self._generic: list[Any] = []

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        """As of a server; generated code calls it."""
        added = tuple(handlers)
        self._generic.extend(added)
        self._server.add_generic_rpc_handlers(added)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """As of a server. They are among the generic ones, too."""
        server: Any = self._server  # the stubs lack it
        server.add_registered_method_handlers(service, handlers)

    async def of(self, details: Any) -> Any:
        """The handler of a method; None where there is none."""
        return next((found for one in self._generic if (found := one.service(details)) is not None), None)


class InProcessChannel:
    """A channel to the server of this process, for the SDK's `Options.channel`.

    `intercept` is the interception of the server's edge. The size of a request is the caller's to check.
    """

    def __init__(self, intercept: Intercept, handlers: Handlers) -> None:
        self._intercept, self._handlers = intercept, handlers
        self._running: set[asyncio.Task[None]] = set()
        # What a door has set for its request is not for the platform, which is told by metadata alone.
        self._clean = contextvars.copy_context()

    def unary_unary(
        self, path: str, request_serializer: Callable[[Any], bytes], response_deserializer: Any
    ) -> Callable[..., CallInProcess]:
        """What calls an RPC with a request; the call is awaited for its response, or iterated for them."""

        def call(request: Any, **options: Any) -> CallInProcess:
            return self._begin(path, _once([request_serializer(request)]), response_deserializer, **options)

        return call

    unary_stream = unary_unary

    def stream_stream(
        self, path: str, request_serializer: Callable[[Any], bytes], response_deserializer: Any
    ) -> Callable[..., CallInProcess]:
        """What calls an RPC with an asynchronous iterator of requests."""

        def call(requests: AsyncIterator[Any], **options: Any) -> CallInProcess:
            return self._begin(path, _written(requests, request_serializer), response_deserializer, **options)

        return call

    async def close(self, grace: float | None = None) -> None:
        """Cancels what runs."""
        del grace  # whoever closes has waited already
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _begin(
        self,
        path: str,
        requests: AsyncIterator[bytes],
        parse: Callable[[bytes], Any],
        *,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, Any]] = (),
        **_: object,  # whether to wait for a connection, and how to compress: there is neither
    ) -> CallInProcess:
        call = CallInProcess(parse, timeout)
        served = _Served(call, _Details(path, tuple(metadata)), requests)
        serving = served.run(self._intercept, self._handlers)
        call.task = asyncio.get_running_loop().create_task(serving, context=self._clean.copy())
        self._running.add(call.task)
        call.task.add_done_callback(self._running.discard)
        return call


class CallInProcess:
    """One call as its caller has it. It runs from when it is made."""

    task: asyncio.Task[None]
    leading: Metadata = ()
    trailing: Metadata = ()

    def __init__(self, parse: Callable[[bytes], Any], timeout: float | None) -> None:
        loop = asyncio.get_running_loop()
        self.deadline = None if timeout is None else loop.time() + timeout
        self._timer = None if timeout is None else loop.call_later(timeout, self._expire)
        self._parse = parse
        self._responses: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(ROOM)
        self._status: tuple[Code, str] | None = None
        self._is_given_up = False

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._only().__await__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (response := await self.read()) is not EOF:
            yield response

    async def read(self) -> Any:
        """The next response, EOF after the last. `grpc.aio.AioRpcError` where the call failed."""
        data = await self._responses.get()
        if data is not None:
            self._room.release()
            return self._parse(data)
        self._responses.put_nowait(None)  # for whoever reads again
        code, message = self._status or (Code.UNKNOWN, "")
        if self._is_given_up:
            raise asyncio.CancelledError
        if code is not Code.OK:
            leading, trailing = (grpc.aio.Metadata(*pairs) for pairs in (self.leading, self.trailing))
            raise grpc.aio.AioRpcError(code, leading, trailing, message, None)
        return EOF

    def cancel(self) -> None:
        """Gives the call up, and has its work end."""
        self._is_given_up = self._is_given_up or self._status is None
        self._stop(Code.CANCELLED, "")

    async def initial_metadata(self) -> Metadata:
        """What came before the first response; known once there was one."""
        return self.leading

    async def trailing_metadata(self) -> Metadata:
        """What came after the last response; known once the call has ended."""
        return self.trailing

    async def answer(self, data: bytes) -> None:
        """Gives a response to the caller, once there is room for it."""
        await self._room.acquire()
        self._responses.put_nowait(data)

    def end(self, code: Code, message: str) -> None:
        """Ends the call, unless it has ended."""
        if self._status is None:
            self._status = code, message
            self._responses.put_nowait(None)
            if self._timer is not None:
                self._timer.cancel()

    async def _only(self) -> Any:
        try:
            response = await self.read()
            if response is not EOF and await self.read() is EOF:
                return response
        except asyncio.CancelledError:
            self.cancel()
            raise
        raise grpc.aio.AioRpcError(Code.INTERNAL, details="a call has one response")  # type: ignore[call-arg]  # stubs

    def _expire(self) -> None:
        self._stop(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")

    def _stop(self, code: Code, message: str) -> None:
        if self._status is None:
            self.end(code, message)
            self.task.cancel()


class _Details(NamedTuple):
    """As `grpc.HandlerCallDetails`."""

    method: str
    invocation_metadata: Metadata


class _Served:
    """The same call as the server has it: the context that handlers take."""

    def __init__(self, call: CallInProcess, details: _Details, requests: AsyncIterator[bytes]) -> None:
        self._call, self._details, self._requests = call, details, requests
        self._code, self._message = Code.OK, ""
        self._serialize: Callable[[Any], bytes] | None = None

    async def run(self, intercept: Intercept, handlers: Handlers) -> None:
        """Serves the call to its end."""
        call = self._call
        try:
            handler = await intercept(handlers.of, self._details)
            if handler is None:
                self._code, self._message = Code.UNIMPLEMENTED, "Method not found!"  # gRPC's own words
            else:
                await self._handle(handler)
        except grpc.aio.AbortError:
            pass
        except asyncio.CancelledError:
            call.end(Code.CANCELLED, "")
            raise
        except Exception:
            log.exception("a call failed outside of its handler")
            self._code = Code.UNKNOWN
        call.end(self._code, self._message)

    async def _handle(self, handler: Any) -> None:
        self._serialize = handler.response_serializer
        match handler.request_streaming, handler.response_streaming:
            case False, False:
                await self.write(await handler.unary_unary(await self.read(), self))
            case False, True:
                await handler.unary_stream(await self.read(), self)
            case _:
                await handler.stream_stream(self._requests, self)

    async def read(self) -> Any:
        return await anext(self._requests, EOF)

    async def write(self, message: Any) -> None:
        await self._call.answer(message if self._serialize is None else self._serialize(message))

    async def send_initial_metadata(self, metadata: Iterable[tuple[str, Any]]) -> None:
        self._call.leading = tuple(metadata)

    def set_trailing_metadata(self, metadata: Iterable[tuple[str, Any]]) -> None:
        self._call.trailing = tuple(metadata)

    def set_code(self, code: Code) -> None:
        self._code = code

    def set_details(self, message: str) -> None:
        self._message = message

    async def abort(self, code: Code, message: str, metadata: Iterable[tuple[str, Any]] = ()) -> NoReturn:
        self._code, self._message = code, message
        self.set_trailing_metadata(metadata)
        raise grpc.aio.AbortError

    def invocation_metadata(self) -> Metadata:
        return self._details.invocation_metadata

    def time_remaining(self) -> float | None:
        deadline = self._call.deadline
        return None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())


async def _once(requests: list[bytes]) -> AsyncIterator[bytes]:
    yield requests.pop()  # which is not kept: requests may be large


async def _written(requests: AsyncIterator[Any], serialize: Callable[[Any], bytes]) -> AsyncIterator[bytes]:
    async for request in requests:
        yield serialize(request)
