"""Which replica of a service is asked, where a client asks replicas themselves.

The server lists them (`CatalogService.ListEndpoints`); the list is asked for in the background and kept for
as long as it says. A replica is asked once its connection stands, so that a client whose network does not
reach it loses nothing: until then, and where there is none, the server is asked. Nothing here touches a
channel.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieback.v1 import catalog_pb2
from tieback_contract.server import Endpoint

from tieback_client.transport.codec import CODEC
from tieback_client.transport.rpc import ContractRpc

# What a service of the contract is called in ListEndpoints. The pipeline and the catalog are the server's
# own.
_NAMES = {
    "EncoderService": "encoder",
    "RouterService": "router",
    "IndexService": "index",
    "RerankerService": "reranker",
    "GeneratorService": "generator",
}
_BYTES_PER_TOKEN = 4
# Seconds to keep a list without a duration of its own, and to not ask a server again that gave none.
_DEFAULT_VALID = 5.0
_SHORTEST_VALID = 0.1


LOAD_KEY = "tieback-load"


class Line:
    """One channel to one address, with its callables made once."""

    patient = True
    """Whether a call may wait for the connection to come back."""

    def __init__(self, address: str, channel: Any) -> None:
        self.address = address
        self.channel = channel
        self._callables: dict[str, Any] = {}

    def callable(self, rpc: ContractRpc) -> Any:
        """What calls an RPC on this channel."""
        found = self._callables.get(rpc.path)
        if found is None:
            made = getattr(self.channel, rpc.kind)(
                rpc.path,
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.response.FromString,
            )
            found = self._callables.setdefault(rpc.path, made)
        return found

    def observe(self, metadata: Mapping[str, str]) -> None:
        """Takes in what came along with an answer."""


class LineReplica(Line):
    """A line to one replica of a service, beside the server's own."""

    patient = False

    def __init__(self, address: str, channel: Any) -> None:
        super().__init__(address, channel)
        self.ready = False
        """Whether it was connected, so that it can be asked."""
        self.listed = True
        """Whether it is still in a list."""
        self.outstanding = 0
        """Tokens of this client's own calls that run there, about."""
        self.queued_tokens = 0
        """The waiting tokens in its last report."""
        self.tokens_per_second = 0.0
        """The rate that it measured; 0 before any was."""

    def observe(self, metadata: Mapping[str, str]) -> None:
        """Reads the load in a response: waiting tokens, and tokens per second."""
        with contextlib.suppress(ValueError):
            tokens, rate, *_ = metadata.get(LOAD_KEY, "").split(" ")
            self.queued_tokens, self.tokens_per_second = int(tokens), float(rate)


class LinePool:
    """The lines to the server, taken in turn."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self._turns = itertools.cycle(lines)

    def next(self) -> Line:
        """The line whose turn it is."""
        return next(self._turns)


def service_of(rpc: ContractRpc, request: Any) -> str | None:
    """The one service that a call is for, by the server's name for it; None where it is the server's own."""
    name = _NAMES.get(rpc.path.partition("/")[2].partition("/")[0].rpartition(".")[2])
    if name != "encoder":
        return name
    space = request.request.space if rpc.kind == "stream_stream" else request.space
    return f"encoder:{space}"


def tokens_of(size: int) -> int:
    """About how many tokens a request of so many bytes holds."""
    return size // _BYTES_PER_TOKEN + 1


class _Service:
    """What is known of one service."""

    def __init__(self) -> None:
        self.addresses: frozenset[str] = frozenset()
        self.due = 0.0
        self.asking = False


class Replicas:
    """The replicas that one client knows. Any thread may call any method.

    `ask(service)` asks for the list of a service and must lead to `listed`; `open(address)` makes a replica,
    `connect(replica)` leads to its being `ready` or `lost`, `end(replica)` closes it when no call runs on it.
    """

    def __init__(
        self,
        ask: Callable[[str], None],
        open: Callable[[str], LineReplica],
        connect: Callable[[LineReplica], None],
        end: Callable[[LineReplica], None],
    ) -> None:
        self._ask, self._open, self._connect, self._end = ask, open, connect, end
        self._lock = threading.Lock()
        self._closed = False
        self._services: dict[str, _Service] = {}
        self._replicas: dict[str, LineReplica] = {}

    def take(self, service: str, tokens: int) -> LineReplica | None:
        """The least loaded replica, to be given back; None where the server is to be asked."""
        with self._lock:
            known = self._services.setdefault(service, _Service())
            ask = not known.asking and time.monotonic() >= known.due
            known.asking |= ask
            ready = [
                replica
                for address in known.addresses
                if (replica := self._replicas.get(address)) is not None and replica.ready
            ]
            chosen = _least_loaded(ready)
            if chosen is not None:
                chosen.outstanding += tokens
        if ask:
            self._ask(service)
        return chosen

    def give_back(self, replica: LineReplica, tokens: int) -> None:
        """Notes that a call on a replica ended."""
        with self._lock:
            replica.outstanding -= tokens
            over = not replica.listed and not replica.outstanding
        if over:
            self._end(replica)

    def listed(self, service: str, answer: Endpoints | None) -> None:
        """Takes in the list of a service; None where none came."""
        answer = answer or Endpoints([], _DEFAULT_VALID)
        with self._lock:
            if self._closed:
                return
            known = self._services[service]
            known.asking = False
            known.due = time.monotonic() + max(_SHORTEST_VALID, answer.valid or _DEFAULT_VALID)
            known.addresses = frozenset(one.address for one in answer.replicas)
            wanted = frozenset().union(*(one.addresses for one in self._services.values()))
            gone = [self._forget(address) for address in self._replicas.keys() - wanted]
            new = [self._open(address) for address in known.addresses if address not in self._replicas]
            self._replicas |= {replica.address: replica for replica in new}
            for one in answer.replicas:
                replica = self._replicas[one.address]
                replica.queued_tokens = one.queued_tokens
                replica.tokens_per_second = one.tokens_per_second
        for replica in new:
            self._connect(replica)
        for replica in gone:
            if not replica.outstanding:
                self._end(replica)

    def lost(self, replica: LineReplica) -> None:
        """Leaves a replica out from here on; where the next list still has it, it is connected anew."""
        with self._lock:
            kept = self._replicas.get(replica.address) is replica
            if kept:
                self._forget(replica.address)
            for known in self._services.values():
                if replica.address in known.addresses:
                    known.due = 0.0
            over = kept and not replica.outstanding
        if over:
            self._end(replica)

    def close(self) -> list[LineReplica]:
        """Takes in no more lists; returns every replica that is left to be closed."""
        with self._lock:
            self._closed = True
            return list(self._replicas.values())

    def _forget(self, address: str) -> LineReplica:
        replica = self._replicas.pop(address)
        replica.listed = False
        return replica


def _least_loaded(ready: list[LineReplica]) -> LineReplica | None:
    """By the expected wait: the replica's last report, and this client's own calls since."""
    if not ready:
        return None
    fastest = max(one.tokens_per_second for one in ready) or 1.0
    loads = [(one.queued_tokens + one.outstanding) / (one.tokens_per_second or fastest) for one in ready]
    least = min(loads)
    among = [one for load, one in zip(loads, ready, strict=True) if load == least]
    return random.choice(among)  # noqa: S311 - spread, not secrecy


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The replicas of one service; none where the deployment offers none."""

    replicas: Sequence[Endpoint]
    """The replicas."""
    valid: float
    """For how many seconds to keep the list."""


_endpoint = CODEC.reader(Endpoint, catalog_pb2.Endpoint.DESCRIPTOR)


def endpoints(message: Any) -> Endpoints:
    """The replicas as a server lists them."""
    return Endpoints(list(map(_endpoint, message.endpoints)), message.valid_ms / 1000)
