"""Calls between services: picks a replica, calls it directly, and tries another if one has gone.

Messages are bytes here; callers serialise them. A hop guarantees:

- The replica with the shortest expected wait is called, by its last reported load and the calls since then.
- If all replicas are full, the call is refused here, at the cost of a table look-up.
- A replica that cannot be reached is skipped at once, and tried again after growing pauses.
- If there is no replica, because it was killed and is being replaced, the call waits for one, up to its
  deadline and `PATIENCE`.
- An idempotent call that lost its connection before the first byte of a response goes to another replica.
- The deadline shrinks by `HOP_SECONDS`, and work that cannot finish in time is not started.
- The call's id, token and trace are passed on, and cancelling the task cancels the call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2
from prometheus_client import CollectorRegistry, Counter

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, Overloaded, Unavailable
from tieback.serving.mesh.directory import Directory
from tieback.serving.mesh.peers import Peer, estimate, least_loaded, refusal
from tieback.serving.requests import context, failures
from tieback.serving.requests.contract import METHOD_OF, ContractMethod

PATIENCE = 30.0  # seconds that a call without a deadline waits for a replica
HOP_SECONDS = 0.002  # kept back at every hop, to answer one's own caller in time
ATTEMPTS = 4  # a request that brings its replica down must not bring down all of them
_IDLE_POLL_SECONDS = 0.5

_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", -1),  # what a service of ours may send was decided there
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),  # retries are decided here, where other replicas are known
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Finds a machine that went without a word, while calls wait for it: its kernel acknowledges no bytes for
    # the first time, or its process answers no ping for the second, which a busy one may be late with.
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 4_000),
    ("grpc.http2.max_pings_without_data", 0),
)

MakeChannel = Callable[[str, list[tuple[str, Any]]], grpc.aio.Channel]


def plaintext(address: str, options: list[tuple[str, Any]]) -> grpc.aio.Channel:
    """A channel without TLS."""
    return grpc.aio.insecure_channel(address, options)


class Mesh:
    """The replicas of all deployments, to be called."""

    def __init__(
        self,
        directory: Directory,
        *,
        make_channel: MakeChannel = plaintext,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.directory = directory
        self._make_channel = make_channel
        self._peers: dict[str, Peer] = {}  # by address
        self._replicas: dict[str, tuple[Peer, ...]] = {}  # by target, as of `_version` of the directory
        self._version = -1
        self._closing: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._retries = Counter(
            "tieback_hop_retries",
            "Calls to another service that were repeated because a replica went away.",
            ("target",),
            registry=registry,
        )
        directory.listen(self._on_change)

    async def close(self) -> None:
        """Closes the channels."""
        for task in self._closing:
            task.cancel()
        for peer in self._peers.values():
            await peer.channel.close(None)
        self._peers.clear()

    def peers(self, target: str) -> tuple[Peer, ...]:
        """The replicas of a deployment that have an address."""
        if self._version != self.directory.version:
            self._version = self.directory.version
            self._replicas.clear()
        found = self._replicas.get(target)
        if found is None:
            replicas = self.directory.replicas(target)
            found = tuple(self.peer(one.address, waits=one.waits) for one in replicas if one.address)
            self._replicas[target] = found
        return found

    def is_pressed(self, target: str) -> bool:
        """Whether a replica was full just now for the running tenant."""
        return any(peer.is_pressed for peer in self.peers(target))

    def refusal(self, target: str, tokens: int, deadline: Deadline) -> Overloaded | None:
        """Why no replica would take so many tokens of the running tenant now; None where one might."""
        return refusal(self.peers(target), tokens, deadline.shrunk(HOP_SECONDS).remaining())

    async def unary(
        self,
        target: str,
        method: ContractMethod,
        request: bytes,
        *,
        deadline: Deadline = NO_DEADLINE,
        calls: int = 1,
    ) -> bytes:
        """Calls a method of a deployment that takes one message and gives one; of so many `calls` joined.

        Raises `grpc.aio.AioRpcError` as the replica answered, `Unavailable` where none can be found,
        `Overloaded` where all are full, and `DeadlineExceeded` where no time is left.
        """
        deadline, attempt, tokens = deadline.shrunk(HOP_SECONDS), 0, estimate(request)
        while True:
            attempt += 1
            peer = await self._pick(target, tokens, deadline)
            peer.begin(tokens)
            asked = deadline.remaining()
            try:
                call = peer.call(method)(request, timeout=_timeout(deadline), metadata=context.outgoing())
                response: bytes = await call
                peer.observe(await call.trailing_metadata())
            except grpc.aio.AioRpcError as error:
                may_repeat = method.idempotent and attempt < ATTEMPTS
                if not self._again(target, error, peer, (tokens // calls, asked), may_repeat):
                    raise
            else:
                peer.pause = 0.0
                return response
            finally:
                peer.end(tokens)

    async def stream(
        self,
        target: str,
        method: ContractMethod,
        request: bytes | AsyncIterator[bytes],
        *,
        deadline: Deadline = NO_DEADLINE,
    ) -> AsyncGenerator[bytes, None]:
        """Calls a method that gives a stream. Raises as `unary` does.

        A stream that is interrupted before its first message is begun again on another replica, where the
        request is at hand as bytes; messages that came from an iterator are gone, and the caller's to repeat.
        """
        deadline, attempt, begun = deadline.shrunk(HOP_SECONDS), 0, False
        repeatable = method.idempotent and isinstance(request, bytes)
        tokens = estimate(request) if isinstance(request, bytes) else 0
        while True:
            attempt += 1
            peer = await self._pick(target, tokens, deadline)
            peer.begin(tokens)
            sent = _once(request) if method.request_streaming and isinstance(request, bytes) else request
            asked = deadline.remaining()
            call = peer.call(method)(sent, timeout=_timeout(deadline), metadata=context.outgoing())
            try:
                async for response in call:
                    begun = True
                    yield response
                peer.observe(await call.trailing_metadata())
            except grpc.aio.AioRpcError as error:
                may_repeat = repeatable and not begun and attempt < ATTEMPTS
                if not self._again(target, error, peer, (tokens, asked), may_repeat):
                    raise
            else:
                peer.pause = 0.0
                return
            finally:
                call.cancel()  # of no effect on a call that has ended
                peer.end(tokens)

    async def _pick(self, target: str, tokens: int, deadline: Deadline) -> Peer:
        """The replica to ask; waits for one where there is none. Overloaded where all are full."""
        patience = time.monotonic() + PATIENCE
        while True:
            deadline.check(f"a replica of {target} was asked")
            # Cleared before looking, so that a change in between is not slept through.
            self._changed.clear()
            now = time.monotonic()
            peers = self.peers(target)
            awake = [peer for peer in peers if peer.rests_until <= now]
            if awake:
                peer = least_loaded(awake, tokens, deadline.remaining())
                if not peer.pause:
                    return peer
                peer.outstanding += 1  # so that others are asked meanwhile
                try:
                    if await peer.answers(deadline):
                        return peer
                finally:
                    peer.outstanding -= 1
                peer.rest()
                continue
            until = min([deadline.at, patience, *(peer.rests_until for peer in peers)])
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, until - now))
            except TimeoutError:
                if time.monotonic() >= deadline.at:
                    raise DeadlineExceeded(
                        f"the deadline passed while no replica of {target} was there"
                    ) from None
                if time.monotonic() >= patience:
                    raise Unavailable(
                        f"{target} is not there now; it is being restarted, or its replicas are all lost"
                    ) from None

    def peer(self, address: str, *, waits: bool = False) -> Peer:
        """The replica at an address of the inner side; one that `waits` may not serve yet."""
        if address not in self._peers:
            self._peers[address] = Peer(self._make_channel(address, list(_OPTIONS)), waits=waits)
        return self._peers[address]

    def _again(
        self,
        target: str,
        error: grpc.aio.AioRpcError,
        peer: Peer,
        asked: tuple[int, float],
        may_repeat: bool,
    ) -> bool:
        """Whether to ask another replica; one that was lost is left out from here on, in any case.

        `asked` are the call's tokens and the seconds that it had left.
        """
        trailing = _trailing(error)
        observed = peer.observe(trailing.items())
        if observed and _is_full(error, trailing):
            peer.refuse(*asked)
        if error.code() not in failures.LOST or failures.DETAILS_KEY in trailing:
            return False  # the service itself answered
        peer.rest()
        if may_repeat:
            self._retries.labels(target).inc()
        return may_repeat

    def _on_change(self) -> None:
        listed = {
            replica.address
            for deployment in self.directory.deployments()
            for replica in self.directory.replicas(deployment)
        }
        for address in self._peers.keys() - listed:
            task = asyncio.get_running_loop().create_task(_close_when_idle(self._peers.pop(address)))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._changed.set()


async def _close_when_idle(peer: Peer) -> None:
    # A replica that drains still answers the calls that run on it.
    while peer.outstanding:  # noqa: ASYNC110 - a count has no event, and nobody waits for this
        await asyncio.sleep(_IDLE_POLL_SECONDS)
    await peer.channel.close(None)


def _trailing(error: grpc.aio.AioRpcError) -> dict[str, str | bytes]:
    metadata: Any = error.trailing_metadata() or ()  # the stubs know no iteration
    return dict(metadata)


def _is_full(error: grpc.aio.AioRpcError, trailing: dict[str, str | bytes]) -> bool:
    """Whether a replica refused because its queue is full. A tenant's quota does not count here."""
    details = trailing.get(failures.DETAILS_KEY)
    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED or not isinstance(details, bytes):
        return False
    return failures.reason_of(status_pb2.Status.FromString(details)) == Overloaded.reason


def _timeout(deadline: Deadline) -> float | None:
    remaining = deadline.remaining()
    return None if remaining == float("inf") else remaining


async def _once(message: bytes) -> AsyncIterator[bytes]:
    yield message


R = TypeVar("R", bound=Message)


async def call(
    mesh: Mesh, target: str, request: Message, answer: type[R], deadline: Deadline = NO_DEADLINE
) -> R:
    """One message for another. Raises the error that the service reported."""
    method = METHOD_OF[request.DESCRIPTOR.full_name]
    try:
        data = await mesh.unary(target, method, request.SerializeToString(), deadline=deadline)
    except grpc.aio.AioRpcError as error:
        raise failures.from_rpc_error(error) from None
    return answer.FromString(data)


async def stream(
    mesh: Mesh, target: str, request: Message, answer: type[R], deadline: Deadline = NO_DEADLINE
) -> AsyncGenerator[R, None]:
    """One message for a stream of others. Raises the error that the service reported."""
    method = METHOD_OF[request.DESCRIPTOR.full_name]
    answers = mesh.stream(target, method, request.SerializeToString(), deadline=deadline)
    try:
        async with aclosing(answers):
            async for data in answers:
                yield answer.FromString(data)
    except grpc.aio.AioRpcError as error:
        raise failures.from_rpc_error(error) from None
