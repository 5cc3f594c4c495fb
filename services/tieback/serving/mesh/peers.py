"""A replica as seen by this process: its channel, its last reported load, and the calls since then."""

from __future__ import annotations

import asyncio
import functools
import math
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from tieback.admission import LONGEST_RETRY, PRESSED_SECONDS, SHORTEST_RETRY, RefusalCache
from tieback.core.call import BEGUN, IN_BULK
from tieback.core.deadline import Deadline
from tieback.core.errors import Overloaded
from tieback.core.tenant import TENANT
from tieback.core.types.load import OFTEN, Load
from tieback.serving.requests.contract import ContractMethod

CONNECT_SECONDS = 0.5  # for a replica that could not be reached before
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds that an unreachable replica is left out
BYTES_PER_TOKEN = 4
MANY = 4
"""Of more, two are looked at: gateways that all see the same least busy replica would flood it."""

CACHED = 0.02
"""Where much is cached, the share of the time a replica's queue takes for which a refusal is believed: the
next call may cost nothing, so it is to be asked again soon, but not for every call of an overload."""

LATER = 1.05
"""A call with so many times the time left may be let in where another was refused."""


@dataclass(slots=True)
class _Refused:
    """Calls of one tenant, in bulk or not, that a replica had no time or no room for: the smallest of them,
    the most time that any had left, when the replica last refused one, and the tokens it was sent since.
    """

    tokens: int
    time_left: float
    at: float
    sent: int = 0


_Caller = tuple[str, bool]


def _caller() -> _Caller:
    """The running tenant, and whether it works in bulk, for which there is less room."""
    return TENANT.get(), IN_BULK.get()


def estimate(request: bytes) -> int:
    """Tokens of a request, from its size: replicas are compared by it, nothing is refused for it."""
    return len(request) // BYTES_PER_TOKEN + 1


class Peer:
    """One replica. `outstanding` and `tokens` are this process's calls that it has not answered.

    `queued` tokens waited at its last report, at `rate` tokens per second; 0 before the first report.
    One that `waits` to serve is asked once its connection stands.
    """

    def __init__(self, channel: grpc.aio.Channel, *, waits: bool = False) -> None:
        self.channel = channel
        self.outstanding = self.tokens = 0
        self.queued, self.rate, self._observed_at = 0, 0.0, 0.0
        self.pause, self.rests_until = FIRST_PAUSE if waits else 0.0, 0.0
        self._asked_since = 0
        self._known_share = 0.0
        self._refused: dict[_Caller, _Refused] = {}
        self.refusal_cache = RefusalCache()
        self._calls: dict[str, Any] = {}

    def call(self, method: ContractMethod) -> Any:
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
        refused = self._refused.get(_caller())
        if refused is not None:
            refused.sent += tokens

    def end(self, tokens: int) -> None:
        """Notes that a call has been answered, or given up."""
        self.outstanding -= 1
        self.tokens -= tokens

    def observe(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> bool:
        """Reads the load in a response's trailing metadata; False if there is none."""
        found = read_load(metadata)
        if found is not None:
            self.queued, self.rate, self._known_share = found
            self._observed_at, self._asked_since = time.monotonic(), 0
        return found is not None

    def refuse(self, tokens: int, time_left: float = math.inf) -> None:
        """Notes that it was full for a call of so many tokens with so many seconds until its deadline."""
        now, caller = time.monotonic(), _caller()
        self._refused = {who: one for who, one in self._refused.items() if now - one.at < PRESSED_SECONDS}
        earlier = self._refused.get(caller, _Refused(tokens, time_left, now))
        self._refused[caller] = _Refused(min(tokens, earlier.tokens), max(time_left, earlier.time_left), now)

    @property
    def is_pressed(self) -> bool:
        """Whether it was full just now for the running tenant."""
        refused = self._refused.get(_caller())
        return refused is not None and time.monotonic() - refused.at < self._memory

    def refuses(self, tokens: int, now: float, time_left: float = math.inf) -> bool:
        """Whether it would be full for a call of the running tenant, by its answer to another lately.

        It was full to the brim then, for that tenant and a call of that size and deadline. Since then it has
        got through what its rate allows: that much may be sent and no more, until it reports again.
        """
        refused = self._refused.get(_caller())
        if refused is None or now - refused.at >= self._memory or BEGUN.get():
            return False
        if tokens < refused.tokens or time_left > LATER * refused.time_left:
            return False
        return self.rate * (now - refused.at) - refused.sent < tokens

    @property
    def _memory(self) -> float:
        """Seconds for which a refusal holds for the next call; few where a cache may answer that."""
        if not self.rate:
            return 0.0
        return PRESSED_SECONDS if self._known_share < OFTEN else CACHED * self.queued / self.rate

    def seconds_ahead(self, now: float) -> float:
        """The expected wait of a call. The reported queue shrinks with time; 0 without a rate."""
        if not self.rate:
            return 0.0
        left = self.queued - self.rate * (now - self._observed_at)
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


def refusal(peers: Sequence[Peer], tokens: int, time_left: float = math.inf) -> Overloaded | None:
    """Why none of the peers would take a call of at least so many tokens; None where one might.

    Not to be raised: it is given to many.
    """
    now = time.monotonic()
    if not peers or not all(peer.refuses(tokens, now, time_left) for peer in peers):
        return None
    least, seconds = _soonest(peers, now)
    return least.refusal_cache.refusal(seconds, functools.partial(_sentence, least))


def least_loaded(peers: Sequence[Peer], tokens: int, time_left: float = math.inf) -> Peer:
    """The peer where a call of so many tokens is done first, as far as is known.

    Until all of them have reported a rate, the one with the fewest calls outstanding. Overloaded where all
    are full.
    """
    now = time.monotonic()
    open_ = [peer for peer in peers if not peer.refuses(tokens, now, time_left)]
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
    least, seconds = _soonest(peers, now)
    return Overloaded(_sentence(least, seconds), retry_after=seconds)


def _soonest(peers: Sequence[Peer], now: float) -> tuple[Peer, float]:
    """The peer that is done first, and when to come back to it."""
    least = min(peers, key=lambda peer: peer.seconds_ahead(now))
    spread = random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret
    return least, min(max(least.seconds_ahead(now) * spread, SHORTEST_RETRY), LONGEST_RETRY)


def _sentence(peer: Peer, seconds: float) -> str:
    return f"{peer.queued} tokens are waiting and more would pass the limit; try again in {seconds:.2f} s"


# The load of a replica in its trailing metadata, one line per response, for callers that choose replicas.
#
# It is sent on inner ports and on direct ports, where the caller chooses between replicas. The public port
# does not send it.
KEY = "tieback-load"


def write_load(load: Load) -> tuple[str, str]:
    """The metadata of a load: tokens that wait, the measured tokens per second (0 before any was), and the
    share of contents that were known lately.
    """
    return KEY, f"{load.queued_tokens} {load.tokens_per_second:.1f} {load.known_share:.2f}"


def read_load(metadata: Iterable[tuple[str, str | bytes]] | None) -> tuple[int, float, float] | None:
    """What `write_load` wrote; None if the response has no load."""
    for key, value in metadata or ():
        if key == KEY and isinstance(value, str):
            tokens, rate, known_share = value.split(" ")
            return int(tokens), float(rate), float(known_share)
    return None
