"""The client that blocks."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import grpc
from google.protobuf.message import Message

from tieback_client.errors import InternalError, TiebackError
from tieback_client.procedures import Methods
from tieback_client.reports import CallInfo
from tieback_client.transport.attempts import ALWAYS_TAKEN, Attempts, Connection
from tieback_client.transport.channels import BlockingChannels
from tieback_client.transport.exchange import BROKEN, SendWindow
from tieback_client.transport.paging import Pages
from tieback_client.transport.replicas import Line
from tieback_client.transport.rpc import ContractRpc, Procedure, Reply, StreamCall, UnaryCall
from tieback_client.transport.streams import EventStream

R = TypeVar("R")
T = TypeVar("T")


class Client(Methods, Connection):
    """A connection to a tieback server, for code that blocks. Safe to share between threads.

    `server` is an address ("localhost:50051", "dns:///host:port", "unix:/path"); left out, that of
    TIEBACK_SERVER, else localhost:50051. The keyword arguments are the fields of `Options`: `token` (left
    out, that of TIEBACK_TOKEN), `tls`, `ca`, `certificate`, `key`, `timeout`, `retry`, `hedging` and more.
    Nothing is sent before the first call; `close()`, or leaving the `with`, ends what is running.
    """

    _is_async = False

    def __init__(self, server: str | None = None, **options: Any) -> None:
        super().__init__(server, **options)
        self._channels = BlockingChannels(self._session)

    def close(self) -> None:
        """Ends the connection and all calls that run."""
        self._channels.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, procedure: Procedure[T]) -> T:
        try:
            call = next(procedure)
            while True:
                try:
                    reply = self._perform(call)
                except TiebackError as error:
                    call = procedure.throw(error)
                else:
                    call = procedure.send(reply)
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

    def _perform(self, call: UnaryCall) -> Reply:
        size = self._checked(call.request, call.rpc)
        attempts = Attempts(self._session, call.rpc, self._timeout(call.timeout))
        while True:
            line = self._channels.take(call.rpc, call.request, size)
            try:
                response, ended = self._send(line, call, attempts)
            except grpc.RpcError as error:
                delay = attempts.failed(error, elsewhere=self._channels.failed(line, error))
            else:
                attempts.progressed()
                info = attempts.info(ended.initial_metadata(), ended.trailing_metadata())
                line.observe(info.metadata)
                return Reply(response, info)
            finally:
                self._channels.give_back(line, size)
            time.sleep(delay)

    def _send(self, line: Line, call: UnaryCall, attempts: Attempts) -> tuple[Any, Any]:
        rpc = line.callable(call.rpc)
        arguments = attempts.arguments(patient=line.patient, metadata=call.metadata)
        if not self._session.may_hedge(call.rpc):
            return cast("tuple[Any, Any]", rpc.with_call(call.request, **arguments))
        return self._race(lambda: rpc.future(call.request, **arguments))

    def _checked(self, request: Message, rpc: ContractRpc) -> int:
        """The bytes of a request; `InvalidArgument` where they are over the server's limit."""
        size = request.ByteSize()
        if size > ALWAYS_TAKEN:
            self._run(self._session.checked(size, rpc))
        return size

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

    def _stream(self, call: StreamCall[T], stream: EventStream[Any]) -> Generator[T, None, None]:
        size = self._checked(call.request, call.rpc)
        attempts = Attempts(self._session, call.rpc, self._timeout(call.timeout))
        begun = False
        while True:
            line = self._channels.take(call.rpc, call.request, size)
            running = line.callable(call.rpc)(call.request, **attempts.arguments(patient=line.patient))
            stream._call = running
            try:
                for response in running:
                    attempts.progressed()
                    event = call.parse(response, attempts.info(running.initial_metadata()))
                    if event is not None:
                        begun = True
                        yield event
            except grpc.RpcError as error:
                elsewhere = self._channels.failed(line, error)
                delay = attempts.failed(error, begun=begun, elsewhere=elsewhere)
            else:
                stream._ended(attempts.info(running.initial_metadata(), running.trailing_metadata()))
                return
            finally:
                running.cancel()
                self._channels.give_back(line, size)
            time.sleep(delay)

    def _exchange(self, window: SendWindow[R]) -> Generator[R, None, None]:
        exchange = window.exchange
        if not isinstance(exchange.items, Iterable):
            raise TypeError(
                "Client takes items from an ordinary iterable; AsyncClient takes asynchronous ones"
            )
        attempts = Attempts(self._session, exchange.rpc, exchange.timeout)
        source = iter(exchange.items)
        while True:
            outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
            line = self._channels.take(exchange.rpc, window.sample, window.size)
            arguments = attempts.arguments(patient=line.patient)
            running = line.callable(exchange.rpc)(iter(outbox.get, None), **arguments)
            window.rewind()
            try:
                self._fill(window, source, outbox)
                while not window.done:
                    # Nothing else is guarded: what the source raises is the caller's.
                    try:
                        response = self._next(running)
                        attempts.progressed()
                        ready = window.answer(response, attempts.info(running.initial_metadata()))
                    except BROKEN as error:
                        delay = attempts.failed(error, elsewhere=self._channels.failed(line, error))
                        break
                    yield from ready
                    self._fill(window, source, outbox)
                else:
                    window.call = self._ended(running, attempts)
                    return
            finally:
                outbox.put(None)  # frees gRPC's thread that waits for the next request
                running.cancel()
                self._channels.give_back(line, window.size)
            time.sleep(delay)

    def _fill(self, window: SendWindow[R], source: Iterator[Any], outbox: queue.SimpleQueue[Any]) -> None:
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
                self._checked(request, window.exchange.rpc)
                outbox.put(request)
        if window.all_sent:
            outbox.put(None)

    @staticmethod
    def _next(running: Any) -> Any:
        for response in running:
            return response
        raise InternalError("the server ended the stream before it answered everything")

    @staticmethod
    def _ended(running: Any, attempts: Attempts) -> CallInfo:
        """How a stream went of which everything is answered; how it ends after that does not matter."""
        try:
            for _ in running:
                raise InternalError("the server answered a request that was never sent")
        except grpc.RpcError:
            return attempts.info()
        return attempts.info(running.initial_metadata(), running.trailing_metadata())
