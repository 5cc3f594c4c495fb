"""The client that blocks."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

import grpc

from tieback_client import operations
from tieback_client.attempts import Attempts, Session
from tieback_client.errors import InternalError, TiebackError
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


class EventStream(Generic[E]):
    """The events of an answer, as they come. Iterate or `collect()` it; leaving early cancels the work."""

    def __init__(self, client: Client, call: StreamCall[E]) -> None:
        self.answer = Answer()
        """The answer as far as it was read."""
        self._call: Any = None
        self._events = client._stream(call, self)

    def collect(self) -> Answer:
        """Reads to the end and returns the whole answer."""
        for _ in self:
            pass
        return self.answer

    def cancel(self) -> None:
        """Gives up, from any thread; a reader that waits gets `Cancelled`, and the server stops its work."""
        if self._call is not None:
            self._call.cancel()

    def close(self) -> None:
        """Ends reading; the server stops its work."""
        self._events.close()

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        event = next(self._events)
        self.answer.add(event)
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Writes:
    """The acknowledgements of a stream of writes. Iterate or `collect()` it; until then nothing is sent."""

    def __init__(self, client: Client, exchange: Exchange) -> None:
        self._tally = Tally()
        self._acknowledgements = client._exchange(exchange, self._tally)

    @property
    def report(self) -> WriteReport:
        """The sum of the acknowledgements so far."""
        return self._tally.report()

    def collect(self) -> WriteReport:
        """Sends everything and returns the sum of the acknowledgements."""
        for _ in self:
            pass
        return self.report

    def close(self) -> None:
        """Gives up; what is not acknowledged may or may not be written."""
        self._acknowledgements.close()

    def __iter__(self) -> Iterator[Acknowledgement]:
        return self

    def __next__(self) -> Acknowledgement:
        return next(self._acknowledgements)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _unary(operation: Callable[P, Operation[T]]) -> Callable[Concatenate[Client, P], T]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(operation(*args, **kwargs))

    return dressed(method, operation, "{}")


def _pages(operation: Callable[P, Pages[T]]) -> Callable[Concatenate[Client, P], Iterator[T]]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._all(operation(*args, **kwargs))

    return dressed(method, operation, "Iterator[{}]")


def _stream(operation: Callable[P, StreamCall[E]]) -> Callable[Concatenate[Client, P], EventStream[E]]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> EventStream[E]:
        return EventStream(self, operation(*args, **kwargs))

    return dressed(method, operation, "EventStream[{}]")


def _writes(operation: Callable[P, Exchange]) -> Callable[Concatenate[Client, P], Writes]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Writes:
        return Writes(self, operation(*args, **kwargs))

    return dressed(method, operation, "Writes")


class Client:
    """A connection to a tieback server, for code that blocks. Safe to share between threads.

    `server` is an address ("localhost:50051", "dns:///host:port", "unix:/path"); left out, that of
    TIEBACK_SERVER, else localhost:50051. The keyword arguments are the fields of `Options`: `token` (left
    out, that of TIEBACK_TOKEN), `tls`, `ca`, `certificate`, `key`, `timeout`, `retry`, `hedging` and more.
    Nothing is sent before the first call; `close()`, or leaving the `with`, ends what is running.
    """

    def __init__(self, server: str | None = None, **options: Any) -> None:
        options.setdefault("token", default_token())
        self._session = Session(server_address(server), Options(**options))
        self._rpcs: dict[Rpc, Any] = {}
        settings = self._session.options
        credentials = settings.credentials()
        self._channel = (
            grpc.insecure_channel(self.server, settings.arguments())
            if credentials is None
            else grpc.secure_channel(self.server, credentials, settings.arguments())
        )

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

    def close(self) -> None:
        """Ends the connection and all calls that run."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, operation: Operation[T]) -> T:
        guarded = self._session.within_limits(operation)
        try:
            call = next(guarded)
            while True:
                try:
                    reply = self._perform(call)
                except TiebackError as error:
                    call = guarded.throw(error)
                else:
                    call = guarded.send(reply)
        except StopIteration as stop:
            return cast(T, stop.value)

    def _all(self, pages: Pages[T]) -> Iterator[T]:
        token = ""
        while True:
            page = self._run(pages.fetch(token))
            yield from page.entries
            token = page.next_token
            if not token:
                return

    def _perform(self, call: Call) -> Reply:
        attempts = Attempts(self._session, call.rpc, self._timeout(call.timeout))
        while True:
            try:
                response, ended = self._send(call, attempts)
            except grpc.RpcError as error:
                time.sleep(attempts.failed(error))
            else:
                attempts.progressed()
                return Reply(response, attempts.info(ended.initial_metadata(), ended.trailing_metadata()))

    def _send(self, call: Call, attempts: Attempts) -> tuple[Any, Any]:
        rpc = self._rpc(call.rpc, self._channel.unary_unary)
        if not self._session.may_hedge(call.rpc):
            return cast("tuple[Any, Any]", rpc.with_call(call.request, **attempts.arguments))
        return self._race(lambda: rpc.future(call.request, **attempts.arguments))

    def _race(self, start: Callable[[], Any]) -> tuple[Any, Any]:
        """The first good answer of one call, or of two where the first is slow."""
        hedging = self._session.options.hedging
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        running = [start()]
        running[0].add_done_callback(ended.put)
        try:
            first = ended.get(timeout=hedging.after if hedging else None)
        except queue.Empty:
            self._session.hedges += 1
            running.append(start())
            running[1].add_done_callback(ended.put)
            first = ended.get()
            if first.code() is not grpc.StatusCode.OK:
                first = ended.get()
        finally:
            for one in running:
                one.cancel()
        return first.result(), first

    def _stream(self, call: StreamCall[E], stream: EventStream[E]) -> Generator[E, None, None]:
        self._run(self._session.checked(call.request.ByteSize(), call.rpc))
        attempts = Attempts(self._session, call.rpc, self._timeout(call.timeout))
        rpc = self._rpc(call.rpc, self._channel.unary_stream)
        begun = False
        while True:
            running = stream._call = rpc(call.request, **attempts.arguments)
            try:
                for response in running:
                    attempts.progressed()
                    event = call.parse(response, attempts.info(running.initial_metadata()))
                    if event is not None:
                        begun = True
                        yield event
            except grpc.RpcError as error:
                time.sleep(attempts.failed(error, begun=begun))
            else:
                stream.answer.call = attempts.info(running.initial_metadata(), running.trailing_metadata())
                return
            finally:
                running.cancel()

    def _exchange(self, exchange: Exchange, tally: Tally) -> Generator[Acknowledgement, None, None]:
        if not isinstance(exchange.items, Iterable):
            raise TypeError(
                "Client takes items from an ordinary iterable; AsyncClient takes asynchronous ones"
            )
        attempts = Attempts(self._session, exchange.rpc, exchange.timeout)
        rpc = self._rpc(exchange.rpc, self._channel.stream_stream)
        window, source = Window(exchange), iter(exchange.items)
        while not window.done:
            outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
            running = rpc(iter(outbox.get, None), **attempts.arguments)
            window.rewind()
            try:
                self._fill(window, source, outbox, exchange.rpc)
                while not window.done:
                    acknowledgement = window.acknowledge(self._next(running))
                    attempts.progressed()
                    tally.add(acknowledgement)
                    yield acknowledgement
                    self._fill(window, source, outbox, exchange.rpc)
                for _ in running:
                    raise InternalError("the server acknowledged a request that was never sent")
                tally.call = attempts.info(running.initial_metadata(), running.trailing_metadata())
            except grpc.RpcError as error:
                if window.done:  # all is durable; how the stream ended after that does not matter
                    tally.call = attempts.info()
                    return
                time.sleep(attempts.failed(error))
            finally:
                outbox.put(None)  # frees gRPC's thread that waits for the next request
                running.cancel()

    def _fill(self, window: Window, source: Iterator[Any], outbox: queue.SimpleQueue[Any], rpc: Rpc) -> None:
        """Sends as much as there is room for, then the end where nothing is left."""
        while window.has_room and not window.all_sent:
            request = window.resend()
            if request is None:
                try:
                    item = next(source)
                except StopIteration:
                    request = window.close()
                else:
                    request = window.offer(item)
            if request is not None:
                self._run(self._session.checked(request.ByteSize(), rpc))
                outbox.put(request)
        if window.all_sent:
            outbox.put(None)

    @staticmethod
    def _next(running: Any) -> Any:
        for response in running:
            return response
        raise InternalError("the server ended the stream before it acknowledged everything")

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
