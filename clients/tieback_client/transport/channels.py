"""The channels of a client: to the server, and to replicas where those are asked directly."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import grpc
from google.protobuf import wrappers_pb2
from tieback.v1 import catalog_pb2

from tieback_client.errors import Unavailable
from tieback_client.transport.attempts import CallSession
from tieback_client.transport.replicas import (
    Line,
    LinePool,
    LineReplica,
    Replicas,
    endpoints,
    service_of,
    tokens_of,
)
from tieback_client.transport.rpc import HEALTH_CHECK, RPCS, ContractRpc

_LIST = RPCS["ListEndpoints"]
_LIST_SECONDS = 5.0
_WHOLE = wrappers_pb2.StringValue()  # the server as a whole, to grpc.health.v1


class Channels(ABC):
    """Gives each call its line, to be given back when the call has ended."""

    def __init__(self, session: CallSession) -> None:
        self._session = session
        self._credentials = session.options.credentials()
        address, arguments = session.address, session.options.arguments()
        given = session.options.channel
        self._pool = LinePool(
            [Line(address, given)]
            if given is not None
            else [Line(address, self._channel(address, arguments)) for _ in range(session.options.channels)]
        )
        self._replicas = (
            Replicas(self._list, self._replica, self._connect, self._end) if session.options.direct else None
        )

    def take(self, rpc: ContractRpc, request: Any, size: int) -> Line:
        """The line for a call whose request has so many bytes."""
        if self._replicas is not None and (service := service_of(rpc, request)) is not None:
            replica = self._replicas.take(service, tokens_of(size))
            if replica is not None:
                return replica
        return self._pool.next()

    def give_back(self, line: Line, size: int) -> None:
        """Notes that a call ended."""
        if isinstance(line, LineReplica) and self._replicas is not None:
            self._replicas.give_back(line, tokens_of(size))

    def failed(self, line: Line, error: Any) -> bool:
        """Takes the failure of a call; whether the same call finds another line at once."""
        if not isinstance(line, LineReplica) or self._replicas is None or not _unavailable(error):
            return False
        self._replicas.lost(line)
        return True

    def _replica(self, address: str) -> LineReplica:
        """A replica, which shows the certificate of the server."""
        arguments = self._session.options.arguments(_host(self._session.address))
        return LineReplica(address, self._channel(address, arguments))

    def _connected(self, replica: LineReplica, code: grpc.StatusCode) -> None:
        """Takes in how a replica answered whether it is healthy; any answer shows that it can be asked."""
        if code in (grpc.StatusCode.OK, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND):
            replica.ready = True
        elif self._replicas is not None:
            self._replicas.lost(replica)

    @abstractmethod
    def _channel(self, address: str, arguments: list[tuple[str, Any]]) -> Any:
        """Opens a channel."""

    @abstractmethod
    def _list(self, service: str) -> None:
        """Begins to ask for a service's replicas."""

    @abstractmethod
    def _connect(self, replica: LineReplica) -> None:
        """Begins to connect to a replica, for as long as it takes."""

    @abstractmethod
    def _end(self, replica: LineReplica) -> None:
        """Closes a replica's channel."""


class BlockingChannels(Channels):
    """Those of `Client`."""

    def __init__(self, session: CallSession) -> None:
        self._connecting: dict[LineReplica, Any] = {}
        super().__init__(session)

    def close(self) -> None:
        """Ends all connections, and the calls that run on them."""
        for replica in self._replicas.close() if self._replicas is not None else ():
            self._end(replica)
        for line in self._pool.lines:
            line.channel.close()

    def _channel(self, address: str, arguments: list[tuple[str, Any]]) -> Any:
        if self._credentials is None:
            return grpc.insecure_channel(address, arguments)
        return grpc.secure_channel(address, self._credentials, arguments)

    def _list(self, service: str) -> None:
        request = catalog_pb2.ListEndpointsRequest(service=service)
        ask = self._pool.next().callable(_LIST).future
        asked = ask(request, timeout=_LIST_SECONDS, metadata=self._session.options.headers())

        def listed(answered: Any) -> None:
            good = answered.code() is grpc.StatusCode.OK
            if self._replicas is not None:
                self._replicas.listed(service, endpoints(answered.result()) if good else None)

        asked.add_done_callback(listed)

    def _connect(self, replica: LineReplica) -> None:
        check = replica.callable(HEALTH_CHECK).future(_WHOLE, wait_for_ready=True)
        self._connecting[replica] = check
        check.add_done_callback(lambda ended: self._connected(replica, ended.code()))

    def _connected(self, replica: LineReplica, code: grpc.StatusCode) -> None:
        self._connecting.pop(replica, None)
        super()._connected(replica, code)

    def _end(self, replica: LineReplica) -> None:
        if (check := self._connecting.get(replica)) is not None:
            check.cancel()
        replica.channel.close()


class AsyncioChannels(Channels):
    """Those of `AsyncClient`, which belong to the event loop in which they are made."""

    def __init__(self, session: CallSession) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        super().__init__(session)

    async def close(self) -> None:
        """Ends all connections, and the calls that run on them."""
        replicas = self._replicas.close() if self._replicas is not None else []
        for task in self._tasks:
            task.cancel()
        for line in (*replicas, *self._pool.lines):
            await line.channel.close(None)

    def _channel(self, address: str, arguments: list[tuple[str, Any]]) -> Any:
        if self._credentials is None:
            return grpc.aio.insecure_channel(address, arguments)
        return grpc.aio.secure_channel(address, self._credentials, arguments)

    def _list(self, service: str) -> None:
        self._start(self._listed(service))

    async def _listed(self, service: str) -> None:
        request = catalog_pb2.ListEndpointsRequest(service=service)
        ask = self._pool.next().callable(_LIST)
        try:
            answer = endpoints(
                await ask(request, timeout=_LIST_SECONDS, metadata=self._session.options.headers())
            )
        except grpc.RpcError:
            answer = None
        if self._replicas is not None:
            self._replicas.listed(service, answer)

    def _connect(self, replica: LineReplica) -> None:
        self._start(self._checked(replica))

    async def _checked(self, replica: LineReplica) -> None:
        check = replica.callable(HEALTH_CHECK)(_WHOLE, wait_for_ready=True)
        self._connected(replica, await check.code())

    def _end(self, replica: LineReplica) -> None:
        self._start(replica.channel.close(None))

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _unavailable(error: Any) -> bool:
    return isinstance(error, Unavailable) or (
        isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.UNAVAILABLE
    )


def _host(address: str) -> str:
    """The host in an address of gRPC's kinds."""
    place = address.rpartition("/")[2]
    return (place.rpartition(":")[0] or place).strip("[]")
