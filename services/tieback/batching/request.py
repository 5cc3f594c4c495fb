"""A request that waits in a batcher, and its results.

Two threads change a request: the caller's thread, which makes it and may give it up, and the worker's thread.
Both change its state (closed or not, how much of it waits) under its lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from tieback.admission import Ticket
from tieback.batching.fair_queue import QueueLine, Turn
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError, Unavailable

UNANSWERED = Unavailable("not computed")
"""Holds the place of a result until it is there."""


class HasTokens(Protocol):
    """Something with a cost in tokens."""

    @property
    def tokens(self) -> int:
        """Useful tokens; an item of none still costs one."""
        ...


def cost_of(item: HasTokens) -> int:
    """Tokens that an item counts as."""
    return max(item.tokens, 1)


W = TypeVar("W", bound=HasTokens)
R = TypeVar("R")


@dataclass(slots=True)
class Batched(Generic[R]):
    """A request's results, in order, and its share of the batches that held them.

    `queue` and `compute` add up to the seconds spent in the batcher; `batch_size` is the largest batch.
    """

    results: list[R | TiebackError]
    queue: float = 0.0
    compute: float = 0.0
    batch_size: int = 0
    padding_tokens: int = 0


@dataclass(slots=True, eq=False)
class Request(Generic[W, R]):
    """What a caller waits for. `waiting` items have not begun, `left` items have not ended.

    `ideal` are the seconds that the waiting ones would take at full speed.
    """

    items: Sequence[W]
    group: Hashable
    deadline: Deadline
    ticket: Ticket
    alone: bool
    line: QueueLine
    future: asyncio.Future[Batched[R]]
    answer: Batched[R] = field(init=False)
    waiting: int = field(init=False)
    left: int = field(init=False)
    ideal: float = 0.0
    arrived: float = field(default_factory=time.monotonic)
    closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self.waiting = self.left = len(self.items)
        self.answer = Batched([UNANSWERED] * len(self.items))

    def begin(self, turns: Sequence[Turn[Request[W, R]]], ideal: float) -> bool:
        """Marks some of its items as begun; False where it was closed in the meantime.

        `ideal` are the seconds that those would take at full speed.
        """
        with self._lock:
            if self.closed:
                return False
            self.waiting -= len(turns)
        self.ideal = max(0.0, self.ideal - ideal)
        self.ticket.start(self._tokens(turns), len(turns))
        return True

    def end(self, turns: Sequence[Turn[Request[W, R]]]) -> None:
        """Marks items that had begun as ended."""
        self.left -= len(turns)
        self.ticket.finish(self._tokens(turns), len(turns))

    def close(self) -> int | None:
        """Takes the items that wait out, and returns how many they were; None where it was closed before."""
        with self._lock:
            if self.closed:
                return None
            self.closed = True
            waiting = self.waiting
        self.ticket.release()
        return waiting

    def reject(self, error: TiebackError) -> None:
        """Fails it, from any thread."""
        hand_over(self.future.get_loop(), _reject, self.future, error)

    def _tokens(self, turns: Sequence[Turn[Request[W, R]]]) -> int:
        return sum([self.items[turn.place].tokens for turn in turns])


def by_request(turns: Sequence[Turn[Request[W, R]]]) -> list[list[Turn[Request[W, R]]]]:
    """The turns of each request together."""
    if len(turns) == 1:
        return [list(turns)]
    requests: dict[int, list[Turn[Request[W, R]]]] = {}
    for turn in turns:
        requests.setdefault(id(turn.request), []).append(turn)
    return list(requests.values())


def resolve(requests: Sequence[Request[W, R]]) -> None:
    """Gives requests their answers, from any thread: those of one event loop in one step of it."""
    of: dict[asyncio.AbstractEventLoop, list[Request[W, R]]] = {}
    for request in requests:
        of.setdefault(request.future.get_loop(), []).append(request)
    for loop, finished in of.items():
        hand_over(loop, _set_results, finished)


def hand_over(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    """Calls on the loop's thread; a loop that has been closed has nobody left to answer."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)


def _set_results(requests: Sequence[Request[W, R]]) -> None:
    for request in requests:
        if not request.future.done():
            request.future.set_result(request.answer)


def _reject(future: asyncio.Future[Batched[R]], error: TiebackError) -> None:
    if not future.done():
        future.set_exception(error)
