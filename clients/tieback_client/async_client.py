"""The client for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

import grpc

from tieback_client import operations
from tieback_client.attempts import Attempts, Session
from tieback_client.errors import InternalError, TiebackError, Unavailable
from tieback_client.events import Answer, AnswerEvent
from tieback_client.exchange import Exchange, Tally, Window
from tieback_client.options import Options, default_token, server_address
from tieback_client.paging import Pages
from tieback_client.results import Acknowledgement, WriteReport
from tieback_client.rpc import Call, Operation, Reply, Rpc, StreamCall
from tieback_client.surface import dressed

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=AnswerEvent)

END: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs do not list it


class AsyncEventStream(Generic[E]):
    """The events of an answer, as they come. Iterate or `collect()` it; leaving early cancels the work."""

    def __init__(self, client: AsyncClient, call: StreamCall[E]) -> None:
        self.answer = Answer()
        """The answer as far as it was read."""
        self._call: Any = None
        self._events = client._stream(call, self)

    async def collect(self) -> Answer:
        """Reads to the end and returns the whole answer."""
        async for _ in self:
            pass
        return self.answer

    def cancel(self) -> None:
        """Gives up; a reader that waits gets `Cancelled`, and the server stops its work."""
        if self._call is not None:
            self._call.cancel()

    async def close(self) -> None:
        """Ends reading; the server stops its work."""
        await self._events.aclose()

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def __anext__(self) -> E:
        event = await anext(self._events)
        self.answer.add(event)
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()


class AsyncWrites:
    """The acknowledgements of a stream of writes. Iterate or `collect()` it; until then nothing is sent."""

    def __init__(self, client: AsyncClient, exchange: Exchange) -> None:
        self._tally = Tally()
        self._acknowledgements = client._exchange(exchange, self._tally)

    @property
    def report(self) -> WriteReport:
        """The sum of the acknowledgements so far."""
        return self._tally.report()

    async def collect(self) -> WriteReport:
        """Sends everything and returns the sum of the acknowledgements."""
        async for _ in self:
            pass
        return self.report

    async def close(self) -> None:
        """Gives up; what is not acknowledged may or may not be written."""
        await self._acknowledgements.aclose()

    def __aiter__(self) -> AsyncIterator[Acknowledgement]:
        return self

    async def __anext__(self) -> Acknowledgement:
        return await anext(self._acknowledgements)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()


def _unary(
    operation: Callable[P, Operation[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(operation(*args, **kwargs))

    return dressed(method, operation, "{}")


def _pages(operation: Callable[P, Pages[T]]) -> Callable[Concatenate[AsyncClient, P], AsyncIterator[T]]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self._all(operation(*args, **kwargs))

    return dressed(method, operation, "AsyncIterator[{}]")


def _stream(
    operation: Callable[P, StreamCall[E]],
) -> Callable[Concatenate[AsyncClient, P], AsyncEventStream[E]]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncEventStream[E]:
        return AsyncEventStream(self, operation(*args, **kwargs))

    return dressed(method, operation, "AsyncEventStream[{}]")


def _writes(operation: Callable[P, Exchange]) -> Callable[Concatenate[AsyncClient, P], AsyncWrites]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncWrites:
        return AsyncWrites(self, operation(*args, **kwargs))

    return dressed(method, operation, "AsyncWrites")


class AsyncClient:
    """A connection to a tieback server, for asyncio: `Client` with the same methods, to be awaited.

    Streams and pages are asynchronous iterators and are not awaited. The channel belongs to the event loop of
    the first call.
    """

    def __init__(self, server: str | None = None, **options: Any) -> None:
        options.setdefault("token", default_token())
        self._session = Session(server_address(server), Options(**options))
        self._rpcs: dict[Rpc, Any] = {}
        self._credentials = self._session.options.credentials()
        self._opened: grpc.aio.Channel | None = None

    encode = _unary(operations.encode)
    fuse = _unary(operations.fuse)
    rerank = _unary(operations.rerank)
    create_collection = _unary(operations.create_collection)
    get_collection = _unary(operations.get_collection)
    collections = _pages(operations.collections)
    delete_collection = _unary(operations.delete_collection)
    upsert = _writes(operations.upsert)
    delete = _unary(operations.delete)
    get = _unary(operations.get)
    items = _pages(operations.items)
    search = _unary(operations.search)
    ingest = _writes(operations.ingest)
    retrieve = _unary(operations.retrieve)
    answer = _stream(operations.answer)
    generate = _stream(operations.generate)
    spaces = _unary(operations.spaces)
    space = _unary(operations.space)
    models = _unary(operations.models)
    methods = _unary(operations.methods)
    server_info = _unary(operations.server_info)
    health = _unary(operations.health)

    @property
    def server(self) -> str:
        """The address."""
        return self._session.address

    @property
    def options(self) -> Options:
        """The settings."""
        return self._session.options

    @property
    def retries(self) -> int:
        """How many times a call of this client was sent again."""
        return self._session.retries

    async def close(self) -> None:
        """Ends the connection and all calls that run."""
        if self._opened is not None:
            await self._opened.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _channel(self) -> grpc.aio.Channel:
        # Opened by the first call, because only then is it sure which event loop it belongs to.
        if self._opened is None:
            arguments = self._session.options.arguments()
            self._opened = (
                grpc.aio.insecure_channel(self.server, arguments)
                if self._credentials is None
                else grpc.aio.secure_channel(self.server, self._credentials, arguments)
            )
        return self._opened

    async def _run(self, operation: Operation[T]) -> T:
        guarded = self._session.within_limits(operation)
        try:
            call = next(guarded)
            while True:
                try:
                    reply = await self._perform(call)
                except TiebackError as error:
                    call = guarded.throw(error)
                else:
                    call = guarded.send(reply)
        except StopIteration as stop:
            return cast(T, stop.value)

    async def _all(self, pages: Any) -> AsyncIterator[Any]:
        token = ""
        while True:
            page = await self._run(pages.fetch(token))
            for entry in page.entries:
                yield entry
            token = page.next_token
            if not token:
                return

    async def _perform(self, call: Call) -> Reply:
        attempts = Attempts(self._session, call.rpc, self._timeout(call.timeout))
        while True:
            try:
                response, ended = await self._send(call, attempts)
            except grpc.RpcError as error:
                await asyncio.sleep(attempts.failed(error))
            else:
                attempts.progressed()
                info = attempts.info(await ended.initial_metadata(), await ended.trailing_metadata())
                return Reply(response, info)

    async def _send(self, call: Call, attempts: Attempts) -> tuple[Any, Any]:
        rpc = self._rpc(call.rpc, self._channel.unary_unary)
        if self._session.may_hedge(call.rpc):
            return await self._race(lambda: rpc(call.request, **attempts.arguments))
        running = rpc(call.request, **attempts.arguments)
        return await running, running

    async def _race(self, start: Callable[[], Any]) -> tuple[Any, Any]:
        """The first good answer of one call, or of two where the first is slow."""
        hedging = self._session.options.hedging
        running = {asyncio.ensure_future(_paired(start()))}
        try:
            done, _ = await asyncio.wait(running, timeout=hedging.after if hedging else None)
            if not done:
                self._session.hedges += 1
                running.add(asyncio.ensure_future(_paired(start())))
                done, others = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if others and next(iter(done)).exception() is not None:
                    done, _ = await asyncio.wait(others)
            return done.pop().result()
        finally:
            for one in running:
                one.cancel()

    async def _stream(self, call: StreamCall[E], stream: AsyncEventStream[E]) -> AsyncGenerator[E, None]:
        await self._run(self._session.checked(call.request.ByteSize(), call.rpc))
        attempts = Attempts(self._session, call.rpc, self._timeout(call.timeout))
        rpc = self._rpc(call.rpc, self._channel.unary_stream)
        begun = False
        while True:
            running = stream._call = rpc(call.request, **attempts.arguments)
            try:
                async for response in running:
                    attempts.progressed()
                    event = call.parse(response, attempts.info(await running.initial_metadata()))
                    if event is not None:
                        begun = True
                        yield event
            except grpc.RpcError as error:
                await asyncio.sleep(attempts.failed(error, begun=begun))
            else:
                stream.answer.call = attempts.info(
                    await running.initial_metadata(), await running.trailing_metadata()
                )
                return
            finally:
                running.cancel()

    async def _exchange(self, exchange: Exchange, tally: Tally) -> AsyncGenerator[Acknowledgement, None]:
        attempts = Attempts(self._session, exchange.rpc, exchange.timeout)
        rpc = self._rpc(exchange.rpc, self._channel.stream_stream)
        window, source = Window(exchange), _source(exchange.items)
        while not window.done:
            running = rpc(**attempts.arguments)
            window.rewind()
            try:
                await self._fill(window, source, running, exchange.rpc)
                while not window.done:
                    acknowledgement = window.acknowledge(await self._next(running))
                    attempts.progressed()
                    tally.add(acknowledgement)
                    yield acknowledgement
                    await self._fill(window, source, running, exchange.rpc)
                if await running.read() is not END:
                    raise InternalError("the server acknowledged a request that was never sent")
                tally.call = attempts.info(
                    await running.initial_metadata(), await running.trailing_metadata()
                )
            except grpc.RpcError as error:
                if window.done:  # all is durable; how the stream ended after that does not matter
                    tally.call = attempts.info()
                    return
                await asyncio.sleep(attempts.failed(_behind(error)))
            finally:
                running.cancel()

    async def _fill(self, window: Window, source: AsyncIterator[Any], running: Any, rpc: Rpc) -> None:
        """Sends as much as there is room for, then the end where nothing is left."""
        while window.has_room and not window.all_sent:
            request = window.resend()
            if request is None:
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    request = window.close()
                else:
                    request = window.offer(item)
            if request is not None:
                await self._run(self._session.checked(request.ByteSize(), rpc))
                # A write to a stream that has ended fails without saying why; the next read does.
                with contextlib.suppress(grpc.RpcError, asyncio.InvalidStateError):
                    await running.write(request)
        if window.all_sent:
            with contextlib.suppress(grpc.RpcError, asyncio.InvalidStateError):
                await running.done_writing()

    @staticmethod
    async def _next(running: Any) -> Any:
        response = await running.read()
        if response is END:
            raise InternalError("the server ended the stream before it acknowledged everything")
        return response

    def _rpc(self, rpc: Rpc, kind: Callable[..., Any]) -> Any:
        if rpc not in self._rpcs:
            self._rpcs[rpc] = kind(
                rpc.path,
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.response.FromString,
            )
        return self._rpcs[rpc]

    def _timeout(self, asked: float | None) -> float | None:
        return self._session.options.timeout if asked is None else asked


def _behind(error: Any) -> Any:
    """The failure behind one that grpc.aio made up.

    Where a stream ends while a request is being written, grpc.aio puts an INTERNAL of its own in the place of
    what the server said. What that was is not known, so that it counts as a broken connection; if the server
    refused the request, it will say so again.
    """
    if error.code() is grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core":
        return Unavailable("the stream ended while a request was written")
    return error


async def _paired(running: Any) -> tuple[Any, Any]:
    """A call's answer beside the call, which has the metadata."""
    return await running, running


async def _source(items: Any) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
