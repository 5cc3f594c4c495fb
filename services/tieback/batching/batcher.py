"""One worker thread that closes a batch when it becomes free.

A model is fastest on a few hundred tokens at a time, whatever the number of requests they come from, and
padding a short text to the length of a long one costs as much as computing it. So a batch is built around the
item whose turn it is, from waiting items of nearly its length, up to a budget of padded tokens. Nothing waits
for a timer: an idle worker takes what there is, and a busy one finds the next batch waiting.

Turns. The clock counts the tokens begun so far. An item's turn is the clock at its request's arrival plus the
tokens of that request ahead of it. So requests of equal size are served by age; a huge one is spread over the
clock and lets later small ones pass between its parts; and since later arrivals get later turns, and the
earliest turn is in every batch, nothing starves.

What is cancelled, or cannot meet its deadline, leaves before it is computed. A run that fails is repeated
item by item, so that one bad item fails alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
import time
from bisect import insort
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from tieback.admission import Admission, Dropped, Ticket
from tieback.batching.filling import fill_padded, fill_plain
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, TiebackError, Unavailable

logger = logging.getLogger(__name__)

WINDOW = 256
"""Waiting items, by turn, among which a batch looks for lengths like its first item's."""

DOUBT = 0.5
"""An item is dropped where it would be late at twice the measured rate: the rate is only an average."""

UNANSWERED = Unavailable("not computed")
"""Holds the place of a result until it is there."""


class Weighed(Protocol):
    """Something that knows how many tokens it costs."""

    @property
    def tokens(self) -> int:
        """Useful tokens; an item of none still costs one."""
        ...


W = TypeVar("W", bound=Weighed)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One batch that ran: its useful tokens, the padding computed beside them, the seconds it took."""

    items: int
    tokens: int
    padding_tokens: int
    seconds: float


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
class _Request(Generic[W, R]):
    """What a caller waits for. `waiting` items have not begun; `left` items, of `tokens`, have not ended."""

    items: Sequence[W]
    group: Hashable
    deadline: Deadline
    ticket: Ticket
    clock: int
    future: asyncio.Future[Batched[R]]
    answer: Batched[R]
    tokens: int
    waiting: int
    left: int
    arrived: float = field(default_factory=time.monotonic)
    closed: bool = False


_Entry = tuple[int, int, _Request[W, R], int]
"""An item that waits: its turn, a number that settles ties, its request, its place in the request."""


class Batcher(Generic[W, R]):
    """Runs items in batches on one thread of its own.

    `run(items, group)` computes one batch, whose items all have that group, and returns a result for each, in
    order. `pads` says whether a batch costs its longest item times their number, or the sum of its items.
    `budget` bounds the tokens of a batch, padding included, and `max_items` its items; an item over the
    budget runs alone. `on_batch` hears of each batch on the worker's thread.
    """

    def __init__(
        self,
        run: Callable[[Sequence[W], Hashable], Sequence[R]],
        *,
        name: str,
        pads: bool,
        budget: int,
        max_items: int = 32,
        admission: Admission | None = None,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self.name = name
        self.admission = admission if admission is not None else Admission()
        self._run = run
        self._pads, self._budget, self._max_items = pads, budget, max_items
        self._on_batch = on_batch
        self._clock = self._sequence = 0
        self._waiting: list[_Entry[W, R]] = []  # by turn; the worker's alone
        self._inbox: SimpleQueue[_Request[W, R] | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards what both threads change in a request
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"batcher-{name}", daemon=True)
        self._thread.start()

    async def submit(
        self,
        items: Sequence[W],
        *,
        group: Hashable = None,
        deadline: Deadline = NO_DEADLINE,
        ticket: Ticket | None = None,
    ) -> Batched[R]:
        """The items' results in order, an error in the place of each that failed.

        `ticket` is the place that admission gave to these items; without one, it is asked for here.
        Cancelling the task takes the items out. DeadlineExceeded where they cannot be done in time;
        Overloaded and InvalidInput from admission; Unavailable where the batcher is closing.
        """
        if self._closing:
            raise Unavailable("the server is shutting down")
        tokens = sum(item.tokens for item in items)
        with ticket if ticket is not None else self.admission.admit(tokens, items=len(items)) as ticket:
            if not items:
                return Batched([])
            answer: Batched[R] = Batched([UNANSWERED] * len(items))
            request = _Request(
                items=items,
                group=group,
                deadline=deadline,
                ticket=ticket,
                clock=self._clock,
                future=asyncio.get_running_loop().create_future(),
                answer=answer,
                tokens=tokens,
                waiting=len(items),
                left=len(items),
            )
            return await self._answer(request)

    async def close(self) -> None:
        """Stops after the batch that runs; what still waits fails with Unavailable."""
        self._closing = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _answer(self, request: _Request[W, R]) -> Batched[R]:
        timer = None
        if request.deadline.at < math.inf:
            remaining = request.deadline.remaining()
            timer = asyncio.get_running_loop().call_later(max(remaining, 0.0), self._expire, request)
        self._inbox.put(request)
        try:
            return await request.future
        except asyncio.CancelledError:
            self._close_request(request, "cancelled")
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _work(self) -> None:
        """The worker's thread, until it is told to stop."""
        while self._receive():
            batch = self._next_batch()
            if batch:
                self._serve(batch)
        for request in {entry[2] for entry in self._waiting}:
            _call(request.future.get_loop(), _reject, request, Unavailable("the server is shutting down"))

    def _receive(self) -> bool:
        """Takes in what has arrived, waiting for it where nothing else is to be done. False to stop."""
        running = True
        with contextlib.suppress(Empty):
            while True:
                request = self._inbox.get(block=running and not self._waiting)
                if request is None:
                    running = False
                else:
                    self._enqueue(request)
        return running

    def _enqueue(self, request: _Request[W, R]) -> None:
        """Gives each item its turn, shorter ones first, so that neighbours in turn are alike in length."""
        items = request.items
        if len(items) == 1:
            self._sequence += 1
            insort(self._waiting, (request.clock, self._sequence, request, 0))
            return
        turn = request.clock
        for index in sorted(range(len(items)), key=lambda index: items[index].tokens):
            self._sequence += 1
            self._waiting.append((turn, self._sequence, request, index))
            turn += _cost(items[index])
        self._waiting.sort()  # two sorted runs: linear

    def _next_batch(self) -> list[_Entry[W, R]]:
        """Claims the next batch; empty where all that waited was cancelled or late."""
        window: list[_Entry[W, R]] = []
        seen = 0
        while seen < len(self._waiting) and len(window) < WINDOW:
            entry = self._waiting[seen]
            seen += 1
            if self._is_wanted(entry[2]):
                window.append(entry)
        batch: list[_Entry[W, R]] = []
        if window:
            group = window[0][2].group
            alike = [place for place, entry in enumerate(window) if entry[2].group == group]
            costs = [_cost(window[place][2].items[window[place][3]]) for place in alike]
            fill = fill_padded if self._pads else fill_plain
            chosen = {alike[i] for i in fill(costs, budget=self._budget, max_items=self._max_items)}
            batch = [window[place] for place in sorted(chosen) if self._claim(window[place])]
            window = [entry for place, entry in enumerate(window) if place not in chosen]
        self._waiting[:seen] = window
        return batch

    def _is_wanted(self, request: _Request[W, R]) -> bool:
        """Whether its answer is still worth computing; closes it where it would come too late."""
        if request.closed:
            return False
        if request.deadline.at < math.inf:
            rate = self.admission.tokens_per_second
            needed = DOUBT * request.tokens / rate if rate else 0.0
            if request.deadline.remaining() <= needed:
                self._expire(request)
                return False
        return True

    def _claim(self, entry: _Entry[W, R]) -> bool:
        """Marks an item as begun; False where its request was closed in the meantime."""
        request, item = entry[2], entry[2].items[entry[3]]
        with self._lock:
            if request.closed:
                return False
            request.waiting -= 1
        request.ticket.start(item.tokens, 1)
        return True

    def _serve(self, batch: list[_Entry[W, R]]) -> None:
        """Computes a batch and hands the results to its requests."""
        items = [request.items[index] for _, _, request, index in batch]
        costs = [_cost(item) for item in items]
        self._clock += sum(costs)
        begun = time.monotonic()
        results = self._compute(items, batch[0][2].group)
        ended = time.monotonic()
        tokens = sum(item.tokens for item in items)
        self.admission.measure(tokens, ended - begun)

        for request in {id(entry[2]): entry[2] for entry in batch}.values():
            request.answer.compute += ended - begun
            request.answer.batch_size = max(request.answer.batch_size, len(batch))
        longest = max(costs)
        padding = [longest - cost if self._pads else 0 for cost in costs]
        finished: dict[asyncio.AbstractEventLoop, list[_Request[W, R]]] = {}
        for (_, _, request, index), item, padded, result in zip(batch, items, padding, results, strict=True):
            request.answer.results[index] = result
            request.answer.padding_tokens += padded
            request.tokens -= item.tokens
            request.left -= 1
            request.ticket.finish(item.tokens, 1)
            if not request.left:
                request.answer.queue = ended - request.arrived - request.answer.compute
                finished.setdefault(request.future.get_loop(), []).append(request)
        for loop, requests in finished.items():
            _call(loop, _resolve, requests)
        self._report(BatchReport(len(batch), tokens, sum(padding), ended - begun))

    def _compute(self, items: list[W], group: Hashable) -> Sequence[R | TiebackError]:
        try:
            results = self._run(items, group)
            if len(results) != len(items):
                raise RuntimeError(f"{len(items)} items gave {len(results)} results")
        except Exception as error:
            # A model's failure, of any kind, is its item's and no more.
            if len(items) > 1:
                return [self._compute([item], group)[0] for item in items]
            if isinstance(error, TiebackError):
                return [error]
            logger.exception("%s failed on an item of %d tokens", self.name, items[0].tokens)
            return [TiebackError("the model failed on this input")]
        return results

    def _report(self, report: BatchReport) -> None:
        if self._on_batch is not None:
            try:
                self._on_batch(report)
            except Exception:  # whoever listens must not stop the worker
                logger.exception("a listener of %s failed", self.name)

    def _expire(self, request: _Request[W, R]) -> None:
        """Ends a request for lack of time; from either thread."""
        if self._close_request(request, "deadline"):
            error = DeadlineExceeded("the deadline would have passed before the answer was computed")
            _call(request.future.get_loop(), _reject, request, error)

    def _close_request(self, request: _Request[W, R], why: Dropped) -> bool:
        """Takes a request's waiting items out and counts them; False where it was closed before."""
        with self._lock:
            if request.closed:
                return False
            request.closed = True
            waiting = request.waiting
        request.ticket.release()
        self.admission.drop(why, items=waiting)
        return True


def _cost(item: Weighed) -> int:
    return max(item.tokens, 1)


def _resolve(requests: list[_Request[W, R]]) -> None:
    for request in requests:
        if not request.future.done():
            request.future.set_result(request.answer)


def _reject(request: _Request[W, R], error: TiebackError) -> None:
    if not request.future.done():
        request.future.set_exception(error)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    """Calls on the loop's thread; a loop that has been closed has nobody left to hear."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)
