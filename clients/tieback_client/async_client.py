"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

import grpc
from google.protobuf.message import Message

from tieback_client import procedures
from tieback_client.async_operation import AsyncOperation
from tieback_client.async_streams import AsyncEncodingStream, AsyncEventStream, AsyncWrites, items_of
from tieback_client.attempts import ALWAYS_TAKEN, Attempts, CallSession
from tieback_client.channels import AsyncioChannels
from tieback_client.encodings import Encodings
from tieback_client.errors import Details, InternalError, TiebackError, Unavailable
from tieback_client.events import AnswerEvent
from tieback_client.exchange import BROKEN, Exchange, SendWindow
from tieback_client.lines import Line
from tieback_client.operations import OperationStatus
from tieback_client.options import Options, default_token, server_address
from tieback_client.paging import Pages
from tieback_client.reports import CallInfo
from tieback_client.rpc import ContractRpc, Procedure, Reply, StreamCall, UnaryCall
from tieback_client.status import REQUEST_ID_KEY, readable
from tieback_client.surface import dressed
from tieback_client.writes import Acknowledgement

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
E = TypeVar("E", bound=AnswerEvent)

END: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs do not list it


def _unary(
    procedure: Callable[P, Procedure[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(procedure(*args, **kwargs))

    return dressed(method, procedure, "{}")


def _pages(procedure: Callable[P, Pages[T]]) -> Callable[Concatenate[AsyncClient, P], AsyncIterator[T]]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self._all(procedure(*args, **kwargs))

    return dressed(method, procedure, "AsyncIterator[{}]")


def _stream(
    procedure: Callable[P, StreamCall[E]],
) -> Callable[Concatenate[AsyncClient, P], AsyncEventStream[E]]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncEventStream[E]:
        return AsyncEventStream(self, procedure(*args, **kwargs))

    return dressed(method, procedure, "AsyncEventStream[{}]")


def _operated(
    procedure: Callable[P, Procedure[OperationStatus[R]]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, AsyncOperation[R]]]:
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncOperation[R]:
        return AsyncOperation(self, await self._run(procedure(*args, **kwargs)))

    return dressed(method, procedure, "AsyncOperation")


def _writes(
    procedure: Callable[P, Exchange[Acknowledgement]],
) -> Callable[Concatenate[AsyncClient, P], AsyncWrites]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncWrites:
        return AsyncWrites(self, procedure(*args, **kwargs))

    return dressed(method, procedure, "AsyncWrites")


def _encodings(
    procedure: Callable[P, Exchange[Encodings]],
) -> Callable[Concatenate[AsyncClient, P], AsyncEncodingStream]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncEncodingStream:
        return AsyncEncodingStream(self, procedure(*args, **kwargs))

    return dressed(method, procedure, "AsyncEncodingStream")


class AsyncClient:
    """A connection to a tieback server, for asyncio: `Client` with the same methods, to be awaited.

    Streams and pages are asynchronous iterators, not awaited. The channel is of the first call's event loop.
    """

    def __init__(self, server: str | None = None, **options: Any) -> None:
        options.setdefault("token", default_token())
        self._session = CallSession(server_address(server), Options(**options))
        self._opened: AsyncioChannels | None = None

    encode = _unary(procedures.encode)
    encode_stream = _encodings(procedures.encode_stream)
    fuse = _unary(procedures.fuse)
    rerank = _unary(procedures.rerank)
    split = _unary(procedures.split)
    create_collection = _unary(procedures.create_collection)
    update_collection = _unary(procedures.update_collection)
    get_collection = _unary(procedures.get_collection)
    collections = _pages(procedures.collections)
    delete_collection = _unary(procedures.delete_collection)
    record_source = _unary(procedures.record_source)
    delete_source = _unary(procedures.delete_source)
    snapshot = _unary(procedures.snapshot)
    snapshots = _pages(procedures.snapshots)
    restore = _unary(procedures.restore)
    delete_snapshot = _unary(procedures.delete_snapshot)
    export_snapshot = _unary(procedures.export_snapshot)
    import_snapshot = _unary(procedures.import_snapshot)
    usage = _unary(procedures.usage)
    upsert = _writes(procedures.upsert)
    delete = _unary(procedures.delete)
    get = _unary(procedures.get)
    original = _unary(procedures.original)
    items = _pages(procedures.items)
    search = _unary(procedures.search)
    ingest = _writes(procedures.ingest)
    reindex = _operated(procedures.reindex)
    plan_upgrade = _operated(procedures.plan_upgrade)
    upgrade = _operated(procedures.upgrade)
    pause_upgrade = _unary(procedures.pause_upgrade)
    resume_upgrade = _operated(procedures.resume_upgrade)
    rollback_upgrade = _unary(procedures.rollback_upgrade)
    finish_upgrade = _unary(procedures.finish_upgrade)
    upgrade_report = _unary(procedures.upgrade_report)
    operation = _operated(procedures.operation)
    operations = _pages(procedures.operations)
    wait_operation = _unary(procedures.wait_operation)
    cancel_operation = _unary(procedures.cancel_operation)
    delete_operation = _unary(procedures.delete_operation)
    fit_head = _operated(procedures.fit_head)
    predict = _unary(procedures.predict)
    heads = _unary(procedures.heads)
    head = _unary(procedures.head)
    delete_head = _unary(procedures.delete_head)
    put_demonstration = _unary(procedures.put_demonstration)
    demonstrations = _unary(procedures.demonstrations)
    delete_demonstration = _unary(procedures.delete_demonstration)
    retrieve = _unary(procedures.retrieve)
    answer = _stream(procedures.answer)
    generate = _stream(procedures.generate)
    check = _unary(procedures.check)
    check_all = _unary(procedures.check_all)
    recognise = _unary(procedures.recognise)
    spaces = _unary(procedures.spaces)
    space = _unary(procedures.space)
    models = _unary(procedures.models)
    rerankers = _unary(procedures.rerankers)
    recognisers = _unary(procedures.recognisers)
    checkers = _unary(procedures.checkers)
    methods = _unary(procedures.methods)
    server_info = _unary(procedures.server_info)
    endpoints = _unary(procedures.endpoints)
    health = _unary(procedures.health)

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

    def _timeout(self, asked: float | None) -> float | None:
        return self._session.options.timeout if asked is None else asked


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
