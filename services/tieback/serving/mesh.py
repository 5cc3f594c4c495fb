"""Calls between services: picks a replica, calls it directly, and tries another where one has gone.

Messages are bytes here; who has something to say of them serialises them. What a hop promises:

- the replica with the fewest calls of this process outstanding is asked;
- a replica that cannot be reached is left out at once, and asked again after a pause that grows;
- where no replica is there, because it was killed and is being replaced, the call waits for one, bounded by
  its deadline and by `PATIENCE`;
- an idempotent call that lost its connection before the first byte of an answer goes to another replica;
- the deadline shrinks by `HOP_SECONDS`, and work that cannot finish is not started;
- the running call's id, token and trace go along, and cancelling the task cancels the call.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from prometheus_client import CollectorRegistry, Counter

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, Unavailable
from tieback.serving import context, failures
from tieback.serving.contract import Method
from tieback.serving.directory import Directory

PATIENCE = 30.0  # seconds that a call without a deadline waits for a replica
HOP_SECONDS = 0.002  # kept back at every hop, to answer one's own caller in time
CONNECT_SECONDS = 0.5  # for a replica that could not be reached before
ATTEMPTS = 4  # a request that brings its replica down must not bring down all of them
_IDLE_POLL_SECONDS = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds that an unreachable replica is left out

_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", -1),  # what a service of ours may send was decided there
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),  # retries are decided here, where other replicas are known
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 20_000),  # finds a machine that went without a word
    ("grpc.keepalive_timeout_ms", 5_000),
)

MakeChannel = Callable[[str, list[tuple[str, Any]]], grpc.aio.Channel]


def plaintext(address: str, options: list[tuple[str, Any]]) -> grpc.aio.Channel:
    """A channel without TLS."""
    return grpc.aio.insecure_channel(address, options)


@dataclass(slots=True)
class _Peer:
    """A replica as this process sees it."""

    channel: grpc.aio.Channel
    outstanding: int = 0
    pause: float = 0.0
    rests_until: float = 0.0
    calls: dict[str, Any] = field(default_factory=dict)

    def call(self, method: Method) -> Any:
        """The multi-callable of a method; made once, since making one costs as much as a small message."""
        if method.path not in self.calls:
            kind = (
                ("unary", "stream")[method.request_streaming],
                ("unary", "stream")[method.response_streaming],
            )
            self.calls[method.path] = getattr(self.channel, "_".join(kind))(method.path)
        return self.calls[method.path]

    async def answers(self, deadline: Deadline) -> bool:
        """Whether a connection stands, or can be made soon. Asked of a replica that was lost before a call is
        risked on it, so that a call's few attempts are not spent while Ray Serve has yet to notice a death.
        """
        try:
            await asyncio.wait_for(self.channel.channel_ready(), min(CONNECT_SECONDS, deadline.remaining()))
        except TimeoutError:
            return False
        return True

    def rest(self) -> None:
        """Leaves the replica out for a while. The calls that fail together count as one failure."""
        now = time.monotonic()
        if now >= self.rests_until:
            self.pause = min(max(FIRST_PAUSE, 2 * self.pause), LONGEST_PAUSE)
            self.rests_until = now + self.pause


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
        self._peers: dict[str, _Peer] = {}
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

    async def unary(
        self, target: str, method: Method, request: bytes, *, deadline: Deadline = NO_DEADLINE
    ) -> bytes:
        """Calls a method of a deployment that takes one message and gives one.

        Raises `grpc.aio.AioRpcError` as the replica answered, `Unavailable` where none can be found, and
        `DeadlineExceeded` where no time is left.
        """
        deadline, attempt = deadline.shrunk(HOP_SECONDS), 0
        while True:
            attempt += 1
            with self._leased(await self._pick(target, deadline)) as peer:
                try:
                    response: bytes = await peer.call(method)(
                        request, timeout=_timeout(deadline), metadata=_metadata()
                    )
                except grpc.aio.AioRpcError as error:
                    if not self._again(target, error, peer, method.idempotent and attempt < ATTEMPTS):
                        raise
                else:
                    peer.pause = 0.0
                    return response

    async def stream(
        self,
        target: str,
        method: Method,
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
        while True:
            attempt += 1
            with self._leased(await self._pick(target, deadline)) as peer:
                sent = _once(request) if method.request_streaming and isinstance(request, bytes) else request
                call = peer.call(method)(sent, timeout=_timeout(deadline), metadata=_metadata())
                try:
                    async for response in call:
                        begun = True
                        yield response
                except grpc.aio.AioRpcError as error:
                    may_repeat = repeatable and not begun and attempt < ATTEMPTS
                    if not self._again(target, error, peer, may_repeat):
                        raise
                else:
                    peer.pause = 0.0
                    return
                finally:
                    call.cancel()  # of no effect on a call that has ended

    @contextmanager
    def _leased(self, peer: _Peer) -> Iterator[_Peer]:
        peer.outstanding += 1
        try:
            yield peer
        finally:
            peer.outstanding -= 1

    async def _pick(self, target: str, deadline: Deadline) -> _Peer:
        """The least busy replica that can be reached; waits for one where there is none."""
        patience = time.monotonic() + PATIENCE
        while True:
            deadline.check(f"a replica of {target} was asked")
            # Cleared before looking, so that a change in between is not slept through.
            self._changed.clear()
            now = time.monotonic()
            peers = [
                self._peer(replica.address) for replica in self.directory.replicas(target) if replica.address
            ]
            awake = [peer for peer in peers if peer.rests_until <= now]
            if awake:
                least = min(peer.outstanding for peer in awake)
                peer = random.choice([peer for peer in awake if peer.outstanding == least])  # noqa: S311 - no secret
                if not peer.pause:
                    return peer
                with self._leased(peer):
                    if await peer.answers(deadline):
                        return peer
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

    def _peer(self, address: str) -> _Peer:
        if address not in self._peers:
            self._peers[address] = _Peer(self._make_channel(address, list(_OPTIONS)))
        return self._peers[address]

    def _again(self, target: str, error: grpc.aio.AioRpcError, peer: _Peer, may_repeat: bool) -> bool:
        """Whether to ask another replica; one that was lost is left out from here on, in any case."""
        if error.code() is not grpc.StatusCode.UNAVAILABLE or _answered(error):
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


async def _close_when_idle(peer: _Peer) -> None:
    # A replica that drains still answers the calls that run on it.
    while peer.outstanding:  # noqa: ASYNC110 - a count has no event, and nobody waits for this
        await asyncio.sleep(_IDLE_POLL_SECONDS)
    await peer.channel.close(None)


def _answered(error: grpc.aio.AioRpcError) -> bool:
    """Whether a tieback server gave this status, and not the transport."""
    trailing: Any = error.trailing_metadata() or ()  # the stubs know no iteration
    return any(key == failures.DETAILS_KEY for key, _ in trailing)


def _timeout(deadline: Deadline) -> float | None:
    remaining = deadline.remaining()
    return None if remaining == float("inf") else remaining


def _metadata() -> tuple[tuple[str, str], ...]:
    return tuple(context.outgoing())


async def _once(message: bytes) -> AsyncIterator[bytes]:
    yield message
