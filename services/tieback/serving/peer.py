"""A replica as this process sees it: its channel, what it said of its load, what was asked of it since."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from typing import Any

import grpc

from tieback.admission import LONGEST_RETRY, SHORTEST_RETRY
from tieback.core.deadline import Deadline
from tieback.core.errors import Overloaded
from tieback.serving.contract import Method
from tieback.serving.load_report import read_load

CONNECT_SECONDS = 0.5  # for a replica that could not be reached before
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds that an unreachable replica is left out
BYTES_PER_TOKEN = 4
MANY = 4
"""Of more, two are looked at: gateways that all see the same least busy replica would flood it."""

REFUSING = 0.02
"""A full replica is not asked again until so much of what waits there must have been done: the queue hardly
shrinks by it, and the refusals of an overload do not cost the replica the time it computes in."""


def estimate(request: bytes) -> int:
    """Tokens of a request, from its size: replicas are compared by it, nothing is refused for it."""
    return len(request) // BYTES_PER_TOKEN + 1


class Peer:
    """One replica. `outstanding` and `tokens` are this process's calls that it has not answered.

    `queued` tokens waited when it was last heard of, at `rate` tokens per second; 0 until it says one.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.outstanding = self.tokens = 0
        self.queued, self.rate, self._heard = 0, 0.0, 0.0
        self.pause = self.rests_until = 0.0
        self._asked_since = 0
        self._refused_tokens, self._refuses_until = 0, 0.0
        self._calls: dict[str, Any] = {}

    def call(self, method: Method) -> Any:
        """The multi-callable of a method; made once, since making one costs as much as a small message."""
        if method.path not in self._calls:
            kind = (
                ("unary", "stream")[method.request_streaming],
                ("unary", "stream")[method.response_streaming],
            )
            self._calls[method.path] = getattr(self.channel, "_".join(kind))(method.path)
        return self._calls[method.path]

    def begin(self, tokens: int) -> None:
        """Notes a call of so many tokens."""
        self.outstanding += 1
        self.tokens += tokens
        self._asked_since += tokens

    def end(self, tokens: int) -> None:
        """Notes that a call has been answered, or given up."""
        self.outstanding -= 1
        self.tokens -= tokens

    def hear(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> bool:
        """Takes in what an answer's trailing metadata says of the load; False where it says nothing."""
        found = read_load(metadata)
        if found is not None:
            self.queued, self.rate = found
            self._heard, self._asked_since = time.monotonic(), 0
        return found is not None

    def refuse(self, tokens: int) -> None:
        """Notes that it was full for a call of so many tokens."""
        now = time.monotonic()
        still = now < self._refuses_until
        self._refused_tokens = min(tokens, self._refused_tokens) if still else tokens
        self._refuses_until = now + (REFUSING * self.queued / self.rate if self.rate else 0.0)

    def refuses(self, tokens: int, now: float) -> bool:
        """Whether it would be full for a call of so many tokens."""
        return now < self._refuses_until and tokens >= self._refused_tokens

    def seconds_ahead(self, now: float) -> float:
        """Time that a call would wait there. What was heard shrinks as it is worked off; 0 without a rate."""
        if not self.rate:
            return 0.0
        left = self.queued - self.rate * (now - self._heard)
        return max(max(left, 0.0) + self._asked_since, self.tokens) / self.rate

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


def least_loaded(peers: Sequence[Peer], tokens: int) -> Peer:
    """The peer where a call of so many tokens is done first, as far as is known.

    Until all of them have said their rate, the one with the fewest calls outstanding. Overloaded where all
    are full.
    """
    now = time.monotonic()
    open_ = [peer for peer in peers if not peer.refuses(tokens, now)]
    if not open_:
        raise _full(peers, now)
    if len(open_) == 1:
        return open_[0]
    if len(open_) > MANY:
        open_ = random.sample(open_, 2)
    if all(peer.rate for peer in open_):
        return min(open_, key=lambda peer: peer.seconds_ahead(now) + tokens / peer.rate)
    fewest = min(peer.outstanding for peer in open_)
    return random.choice([peer for peer in open_ if peer.outstanding == fewest])  # noqa: S311 - no secret


def _full(peers: Sequence[Peer], now: float) -> Overloaded:
    least = min(peers, key=lambda peer: peer.seconds_ahead(now))
    spread = random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret
    retry_after = min(max(least.seconds_ahead(now) * spread, SHORTEST_RETRY), LONGEST_RETRY)
    return Overloaded(
        f"{least.queued} tokens are waiting and more would pass the limit; try again in {retry_after:.2f} s",
        retry_after=retry_after,
    )
