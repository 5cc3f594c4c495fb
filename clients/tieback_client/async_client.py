"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Self, TypeVar, cast

import grpc
from google.protobuf.message import Message

from tieback_client.errors import Details, InternalError, TiebackError, Unavailable
from tieback_client.procedures import Methods
from tieback_client.reports import CallInfo
from tieback_client.transport.async_streams import AsyncEventStream, items_of
from tieback_client.transport.attempts import ALWAYS_TAKEN, Attempts, Connection
from tieback_client.transport.channels import AsyncioChannels
from tieback_client.transport.exchange import BROKEN, SendWindow
from tieback_client.transport.replicas import Line
from tieback_client.transport.rpc import ContractRpc, Procedure, Reply, StreamCall, UnaryCall
from tieback_client.transport.status import REQUEST_ID_KEY, readable

R = TypeVar("R")
T = TypeVar("T")

END: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs do not list it


class AsyncClient(Methods, Connection):
    """A connection to a tieback server, for asyncio: `Client` with the same methods, to be awaited.

    Streams and pages are asynchronous iterators, not awaited. The channel is of the first call's event loop.
    """

    _is_async = True

    def __init__(self, server: str | None = None, **options: Any) -> None:
        super().__init__(server, **options)
        self._opened: AsyncioChannels | None = None

    async def close(self) -> None:
        """Ends the connection and all calls that run."""
        if self._opened is not None:
            await self._opened.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def _channels(self) -> AsyncioChannels:
        # Opened by the first call, because only then is it sure which event loop they belong to.
        if self._opened is None:
            self._opened = AsyncioChannels(self._session)
        return self._opened

    async def _run(self, procedure: Procedure[T]) -> T:
        try:
            call = next(procedure)
            while True:
                try:
                    reply = await self._perform(call)
                except TiebackError as error:
                    call = procedure.throw(error)
                else:
                    call = procedure.send(reply)
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

    async def _perform(self, call: UnaryCall) -> Reply:
        size = await self._checked(call.request, call.rpc)
        attempts = Attempts(self._session, call.rpc, self._timeout(call.timeout))
        while True:
            line = self._channels.take(call.rpc, call.request, size)
            try:
                response, ended = await self._send(line, call, attempts)
            except grpc.RpcError as error:
                delay = attempts.failed(error, elsewhere=self._channels.failed(line, error))
            else:
                attempts.progressed()
                info = attempts.info(await ended.initial_metadata(), await ended.trailing_metadata())
                line.observe(info.metadata)
                return Reply(response, info)
            finally:
                self._channels.give_back(line, size)
            await asyncio.sleep(delay)

    async def _send(self, line: Line, call: UnaryCall, attempts: Attempts) -> tuple[Any, Any]:
        rpc = line.callable(call.rpc)
        arguments = attempts.arguments(patient=line.patient, metadata=call.metadata)
        if self._session.may_hedge(call.rpc):
            return await self._race(lambda: rpc(call.request, **arguments))
        running = rpc(call.request, **arguments)
        return await running, running

    async def _checked(self, request: Message, rpc: ContractRpc) -> int:
        """The bytes of a request; `InvalidArgument` where they are over the server's limit."""
        size = request.ByteSize()
        if size > ALWAYS_TAKEN:
            await self._run(self._session.checked(size, rpc))
        return size

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

    async def _stream(self, call: StreamCall[T], stream: AsyncEventStream[Any]) -> AsyncGenerator[T, None]:
        size = await self._checked(call.request, call.rpc)
        attempts = Attempts(self._session, call.rpc, self._timeout(call.timeout))
        begun = False
        while True:
            line = self._channels.take(call.rpc, call.request, size)
            running = line.callable(call.rpc)(call.request, **attempts.arguments(patient=line.patient))
            stream._call = running
            try:
                async for response in running:
                    attempts.progressed()
                    event = call.parse(response, attempts.info(await running.initial_metadata()))
                    if event is not None:
                        begun = True
                        yield event
            except grpc.RpcError as error:
                elsewhere = self._channels.failed(line, error)
                delay = attempts.failed(error, begun=begun, elsewhere=elsewhere)
            else:
                stream._ended(
                    attempts.info(await running.initial_metadata(), await running.trailing_metadata())
                )
                return
            finally:
                running.cancel()
                self._channels.give_back(line, size)
            await asyncio.sleep(delay)

    async def _exchange(self, window: SendWindow[R]) -> AsyncGenerator[R, None]:
        exchange = window.exchange
        attempts = Attempts(self._session, exchange.rpc, exchange.timeout)
        source = items_of(exchange.items)
        while True:
            # Written beside the reading: a server that holds back answers until they are read would wait
            # for ever.
            outbox: asyncio.Queue[Any] = asyncio.Queue()
            line = self._channels.take(exchange.rpc, window.sample, window.size)
            arguments = attempts.arguments(patient=line.patient)
            running = line.callable(exchange.rpc)(_taken(outbox), **arguments)
            window.rewind()
            try:
                await self._fill(window, source, outbox)
                while not window.done:
                    # Nothing else is guarded: what the source raises is the caller's.
                    try:
                        response = await self._next(running)
                        attempts.progressed()
                        ready = window.answer(response, attempts.info(await running.initial_metadata()))
                    except BROKEN as error:
                        broken = _behind(error)
                        delay = attempts.failed(broken, elsewhere=self._channels.failed(line, broken))
                        break
                    for one in ready:
                        yield one
                    await self._fill(window, source, outbox)
                else:
                    window.call = await self._ended(running, attempts)
                    return
            finally:
                running.cancel()
                self._channels.give_back(line, window.size)
            await asyncio.sleep(delay)

    async def _fill(
        self, window: SendWindow[R], source: AsyncIterator[Any], outbox: asyncio.Queue[Any]
    ) -> None:
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
                await self._checked(request, window.exchange.rpc)
                outbox.put_nowait(request)
        if window.all_sent:
            outbox.put_nowait(None)

    @staticmethod
    async def _next(running: Any) -> Any:
        response = await running.read()
        if response is END:
            raise InternalError("the server ended the stream before it answered everything")
        return response

    @staticmethod
    async def _ended(running: Any, attempts: Attempts) -> CallInfo:
        """How a stream went of which everything is answered; how it ends after that does not matter."""
        try:
            if await running.read() is not END:
                raise InternalError("the server answered a request that was never sent")
        except grpc.RpcError:
            return attempts.info()
        return attempts.info(await running.initial_metadata(), await running.trailing_metadata())


def _behind(error: Any) -> Any:
    """The failure behind one that grpc.aio made up.

    Where a stream ends while a request is being written, grpc.aio puts an INTERNAL of its own in the place of
    what the server sent. What that was is not known, so that it counts as a broken connection; if the server
    refused the request, it will do so again.
    """
    made_up = isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.INTERNAL
    if made_up and error.details() == "Internal error from Core":
        known = readable(error.initial_metadata())
        details = Details(request_id=known.get(REQUEST_ID_KEY, ""), metadata=known)
        return Unavailable("the stream ended while a request was written", details)
    return error


async def _taken(outbox: asyncio.Queue[Any]) -> AsyncIterator[Any]:
    while (request := await outbox.get()) is not None:
        yield request


async def _paired(running: Any) -> tuple[Any, Any]:
    """A call's answer beside the call, which has the metadata."""
    return await running, running
