"""One worker thread that forms the next batch when it becomes free.

There is no timer: an idle worker takes what is there, and a busy worker finds the next batch waiting.
`fair_queue` decides which item is first. `selection` adds the items that are computed most efficiently with
it, by the batch costs measured on this machine (`cost_surface`).

Items that are cancelled or cannot meet their deadline are removed before they are computed. If a run fails,
its items are run one by one, so that only the bad item fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from tieback.admission import Admission, Dropped, Ticket
from tieback.batching.cost_surface import CostSurface, measure
from tieback.batching.fair_queue import FairQueue, QueueLine, Turn
from tieback.batching.request import Batched, HasTokens, Request, by_request, cost_of, hand_over, resolve
from tieback.batching.selection import Selection
from tieback.core.alone import internal
from tieback.core.call import IN_BULK
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, TiebackError, Unavailable
from tieback.core.tenant import TENANT

logger = logging.getLogger(__name__)

MAX_ITEMS = 128
"""Items of a batch at most: where a GPU still gains; a processor's measured costs stop long before."""

WINDOW = 256
"""Waiting items, by turn, among which a batch looks for those that suit its first."""

LATE_FACTOR = 0.5
"""An item is dropped where it would be late at twice the measured speed: what is measured varies."""

EXPLORATION_PERIOD = 32
"""Every so many batches, one is filled to learn what it costs rather than by what is known."""

W = TypeVar("W", bound=HasTokens)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One batch that ran: useful tokens, padding beside them, seconds it took and was `expected` to take."""

    items: int
    tokens: int
    padding_tokens: int
    seconds: float
    expected: float


@dataclass(frozen=True, slots=True)
class Learning:
    """Learning what batches cost. Unless it `is_on`, an item is dropped only once its deadline has passed.

    Batches of groups that are not `is_typical` cost other than those that were measured, about `share` of it,
    and teach nothing.
    """

    is_on: bool = True
    is_typical: Callable[[Hashable], bool] = lambda _: True
    share: Callable[[Hashable], float] = lambda _: 1.0


LEARNING, NOT_LEARNING = Learning(), Learning(is_on=False)


@dataclass(slots=True, eq=False)
class _Calibration(Generic[W]):
    """A wish to measure, which the worker fulfils between batches."""

    samples: Sequence[W]
    group: Hashable
    future: asyncio.Future[None]


class Batcher(Generic[W, R]):
    """Runs items in batches on one thread of its own.

    `run(items, group)` computes one batch, whose items all have that group, and returns a result for each, in
    order. `pads` is whether a batch costs its longest item times their number, or the sum of its items.
    `budget` bounds the tokens of a batch, padding included, and `max_items` its items; an item over the
    budget runs alone. `on_batch` is called with each batch on the worker's thread.
    """

    def __init__(
        self,
        run: Callable[[Sequence[W], Hashable], Sequence[R]],
        *,
        name: str,
        pads: bool,
        budget: int,
        max_items: int = MAX_ITEMS,
        admission: Admission | None = None,
        learning: Learning = LEARNING,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self.name = name
        self.admission = admission if admission is not None else Admission()
        self.surface = CostSurface(max_items)
        self._run = run
        self._pads, self._budget = pads, budget
        self._learning, self._on_batch = learning, on_batch
        self._selection: Selection[W, R] = Selection(self.surface, pads=pads, budget=budget)
        self._batches = 0
        self._queue: FairQueue[Request[W, R]] = FairQueue()  # the worker's alone
        self._inbox: SimpleQueue[Request[W, R] | _Calibration[W] | None] = SimpleQueue()
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
        alone: bool = False,
    ) -> Batched[R]:
        """The items' results in order, an error in the place of each that failed.

        `ticket` is the place that admission gave to these items; without one, it is asked for here. `alone`
        has each item run in a batch of its own, where nothing else can touch its result.
        Cancelling the task takes the items out. DeadlineExceeded where they cannot be done in time;
        Overloaded and InvalidInput from admission; Unavailable where the batcher is closing.
        """
        if self._closing:
            raise Unavailable("the server is shutting down")
        if ticket is None:
            tokens = sum(item.tokens for item in items)
            ticket = self.admission.admit(tokens, items=len(items), deadline=deadline)
        with ticket:
            if not items:
                return Batched([])
            request: Request[W, R] = Request(
                items,
                group,
                deadline,
                ticket,
                alone,
                QueueLine(TENANT.get(), IN_BULK.get()),
                asyncio.get_running_loop().create_future(),
            )
            return await self._answer(request)

    async def calibrate(self, samples: Sequence[W], group: Hashable = None) -> None:
        """Measures what batches cost, on the worker's thread: of each sample, by growing number.

        `samples` are of growing length. Seconds, not minutes; call it before the first request.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put(_Calibration(samples, group, future))
        await future

    async def close(self) -> None:
        """Stops after the batch that runs; what still waits fails with Unavailable."""
        self._closing = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _answer(self, request: Request[W, R]) -> Batched[R]:
        timer = None
        if request.deadline.at < math.inf:
            remaining = request.deadline.remaining()
            timer = asyncio.get_running_loop().call_later(max(remaining, 0.0), self._expire, request)
        self._inbox.put(request)
        try:
            return await request.future
        except asyncio.CancelledError:
            self._close(request, "cancelled")
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _work(self) -> None:
        """The worker's thread; it ends when the batcher is closed."""
        self._clock = RunClock()
        ended = math.inf  # when the last batch ended, where the worker has been busy since
        while True:
            if not len(self._queue):
                ended = math.inf
            if not self._receive():
                break
            batch, expected = self._next_batch()
            if batch:
                begun = time.monotonic()
                if begun > ended:
                    self._selection.was_between(begun - ended)
                ended = self._serve(batch, begun, expected)
        self._clock.close()
        for request in {turn.request for turn in self._queue}:
            request.reject(Unavailable("the server is shutting down"))

    def _receive(self) -> bool:
        """Takes in what has arrived, waiting for it where nothing else is to be done. False to stop."""
        running = True
        with contextlib.suppress(Empty):
            while True:
                arrived = self._inbox.get(block=running and not len(self._queue))
                if arrived is None:
                    running = False
                elif isinstance(arrived, _Calibration):
                    self._calibrate(arrived)
                else:
                    self._enqueue(arrived)
        return running

    def _enqueue(self, request: Request[W, R]) -> None:
        costs = [cost_of(item) for item in request.items]
        if self.surface.is_measured:
            request.ideal = self._learning.share(request.group) * sum(map(self.surface.ideal, costs))
        self._queue.add(request.line, request, costs)

    def _next_batch(self) -> tuple[list[Turn[Request[W, R]]], float]:
        """Claims the next batch, with the seconds it is expected to take; empty where nothing is wanted."""
        now = time.monotonic()
        window = self._queue.window(WINDOW, lambda request: self._is_wanted(request, now))
        if not window:
            return [], 0.0
        explores = self._batches % EXPLORATION_PERIOD == EXPLORATION_PERIOD - 1
        chosen = self._selection.choose(window, now, explores=explores)
        for line in {turn.request.line for turn in chosen}:
            self._queue.take(line, [turn for turn in chosen if turn.request.line == line])
        batch = [turn for turns in by_request(chosen) if self._claim(turns) for turn in turns]
        return batch, self._selection.expected(batch) if batch else 0.0

    def _is_wanted(self, request: Request[W, R], now: float) -> bool:
        """Whether its answer is still worth computing; closes it where it would come too late."""
        if request.closed:
            return False
        if request.deadline.at - now <= LATE_FACTOR * request.ideal:
            self._expire(request)
            return False
        return True

    def _claim(self, turns: Sequence[Turn[Request[W, R]]]) -> bool:
        """Marks items of one request as begun; False where it was closed in the meantime."""
        request = turns[0].request
        ideal = sum([self.surface.ideal(turn.cost) for turn in turns]) if request.ideal else 0.0
        return request.begin(turns, self._learning.share(request.group) * ideal)

    def _serve(self, batch: list[Turn[Request[W, R]]], begun: float, expected: float) -> float:
        """Computes a batch and hands the results to its requests; returns when the computing ended."""
        items = [turn.request.items[turn.place] for turn in batch]
        clock = self._clock()
        results, failed = self._compute(items, batch[0].request.group)
        cost = self._clock() - clock
        ended = time.monotonic()
        seconds = ended - begun
        self._batches += 1
        tokens = sum(item.tokens for item in items)
        costs = [turn.cost for turn in batch]

        longest, total = max(costs), sum(costs)
        padding = len(batch) * longest - total if self._pads else 0
        computed = iter(results)  # in the batch, the turns of a request are neighbours
        finished: list[Request[W, R]] = []
        for turns in by_request(batch):
            request = turns[0].request
            share = request.answer
            for turn in turns:
                share.results[turn.place] = next(computed)
            share.compute += seconds
            share.batch_size = max(share.batch_size, len(batch))
            if self._pads:
                share.padding_tokens += len(turns) * longest - sum([turn.cost for turn in turns])
            request.end(turns)
            if not request.left:
                share.queue = ended - request.arrived - share.compute
                finished.append(request)
        resolve(finished)

        # What nobody waits for comes after the answers.
        for turn in batch:
            self._queue.charge(turn.request.line, seconds * turn.cost / total)
        # What is done of a part of the model is counted as that part of the tokens.
        self.admission.measure(round(tokens * self._learning.share(batch[0].request.group)), seconds)
        if self._learning.is_on and not failed and self._learning.is_typical(batch[0].request.group):
            self.surface.observe(len(batch), self._selection.length(costs), cost)
        self._report(BatchReport(len(batch), tokens, padding, seconds, expected))
        return ended

    def _compute(self, items: list[W], group: Hashable) -> tuple[Sequence[R | TiebackError], bool]:
        """A result for each item, and whether the run failed and was repeated item by item."""
        try:
            results = self._run(items, group)
            if len(results) != len(items):
                raise RuntimeError(f"{len(items)} items gave {len(results)} results")
        except Exception as error:  # noqa: BLE001 - a model's failure, of any kind, is its item's and no more
            if len(items) > 1:
                return [self._compute([item], group)[0][0] for item in items], True
            if isinstance(error, TiebackError):
                return [error], True
            return [internal(error, "the model failed on this input")], True
        return results, False

    def _calibrate(self, wish: _Calibration[W]) -> None:
        error: Exception | None = None
        try:
            costs = [cost_of(sample) for sample in wish.samples]
            seconds = measure(
                self._run,
                wish.samples,
                wish.group,
                max_items=self.surface.max_items,
                budget=self._budget,
                clock=self._clock,
            )
            self.surface.measured(costs, seconds)
            best = min(self.surface.ideal(cost) / cost for cost in costs)
            self.admission.measure(round(1.0 / best), 1.0)
        except Exception as raised:  # noqa: BLE001 - whoever asked for it gets it
            error = raised
        hand_over(wish.future.get_loop(), _settle, wish.future, error)

    def _report(self, report: BatchReport) -> None:
        if self._on_batch is not None:
            try:
                self._on_batch(report)
            except Exception:  # whoever listens must not stop the worker
                logger.exception("a listener of %s failed", self.name)

    def _expire(self, request: Request[W, R]) -> None:
        """Ends a request for lack of time; from either thread."""
        if self._close(request, "deadline"):
            request.reject(DeadlineExceeded("the deadline would have passed before the answer was computed"))

    def _close(self, request: Request[W, R], why: Dropped) -> bool:
        """Takes a request's waiting items out and counts them; False where it was closed before."""
        waiting = request.close()
        if waiting is not None:
            self.admission.drop(why, items=waiting)
        return waiting is not None


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


# A clock that does not count the time in which its thread waits for a core.
#
# The cost of a batch is its computation; if another process had the core meanwhile, that does not measure
# the next batch. Linux counts a thread's waiting in /proc/thread-self/schedstat (two reads of 3 µs). On
# other systems it is an ordinary clock.
NANO = 1e-9


class RunClock:
    """Seconds, for the differences between two looks. Make it in the thread that it is for."""

    def __init__(self) -> None:
        self._file: int | None
        try:
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = None

    def __call__(self) -> float:
        """Seconds since some moment."""
        if self._file is None:
            return time.monotonic()
        waited = _waited(self._file)
        while True:
            now, before, waited = time.monotonic(), waited, _waited(self._file)
            if waited == before:  # else it had to wait just here, and it is not known which side of `now`
                return now - NANO * waited

    def close(self) -> None:
        """Lets go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _waited(file: int) -> int:
    """Nanoseconds that the thread has waited for a core."""
    _, waited, _ = os.pread(file, 100, 0).split()  # running, waiting for a core, times scheduled
    return int(waited)
