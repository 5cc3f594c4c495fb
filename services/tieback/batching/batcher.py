"""One worker thread that closes a batch when it becomes free.

Nothing waits for a timer: an idle worker takes what there is, and a busy one finds the next batch waiting.
Whose turn it is, is settled by `fair_queue`; around the item whose turn it is, `filling` gathers those that
are computed most efficiently with it, by what batches of such items were measured to cost on this machine
(`cost_surface`).

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
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from tieback.admission import Admission, Dropped, Ticket
from tieback.batching.calibration import measure
from tieback.batching.cost_surface import CostSurface
from tieback.batching.fair_queue import FairQueue, Turn
from tieback.batching.filling import best_prefix, best_run
from tieback.batching.run_clock import RunClock
from tieback.batching.weighed import Weighed, cost_of
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, TiebackError, Unavailable
from tieback.core.tenant import TENANT

logger = logging.getLogger(__name__)

MAX_ITEMS = 128
"""Items of a batch at most: where a GPU still gains; a processor's measured costs stop long before."""

WINDOW = 256
"""Waiting items, by turn, among which a batch looks for those that suit its first."""

DOUBT = 0.5
"""An item is dropped where it would be late at twice the measured speed: what is measured varies."""

CURIOSITY = 32
"""Every so many batches, one is filled to learn what it costs rather than by what is known."""

OVERHEAD_SMOOTHING = 0.05
"""Weight of the newest batch in the measured seconds that a batch costs besides its run."""

LONGEST_OVERHEAD = 0.002
"""Seconds between two batches that count as that cost; the rest was another process's doing."""

UNANSWERED = Unavailable("not computed")
"""Holds the place of a result until it is there."""


W = TypeVar("W", bound=Weighed)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One batch that ran: its useful tokens, the padding computed beside them, the seconds it took.

    `expected` are the seconds that it was thought to take when it was chosen.
    """

    items: int
    tokens: int
    padding_tokens: int
    seconds: float
    expected: float


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
    """What a caller waits for. `waiting` items have not begun, `left` items have not ended.

    `ideal` are the seconds that the waiting ones would take at full speed.
    """

    items: Sequence[W]
    group: Hashable
    deadline: Deadline
    ticket: Ticket
    alone: bool
    tenant: str
    future: asyncio.Future[Batched[R]]
    answer: Batched[R]
    waiting: int
    left: int
    ideal: float = 0.0
    arrived: float = field(default_factory=time.monotonic)
    closed: bool = False


@dataclass(slots=True, eq=False)
class _Calibration(Generic[W]):
    """A wish to measure, which the worker fulfils between batches."""

    samples: Sequence[W]
    group: Hashable
    future: asyncio.Future[None]


class Batcher(Generic[W, R]):
    """Runs items in batches on one thread of its own.

    `run(items, group)` computes one batch, whose items all have that group, and returns a result for each, in
    order. `pads` says whether a batch costs its longest item times their number, or the sum of its items.
    `budget` bounds the tokens of a batch, padding included, and `max_items` its items; an item over the
    budget runs alone. `on_batch` hears of each batch on the worker's thread. Unless it
    `learns`, costs are not measured, and an item is dropped only once its deadline has passed. Batches of
    groups that are not `usual` cost other than those that were measured, and teach nothing.
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
        learns: bool = True,
        usual: Callable[[Hashable], bool] = lambda _: True,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self.name = name
        self.admission = admission if admission is not None else Admission()
        self.surface = CostSurface(max_items)
        self._run = run
        self._pads, self._budget = pads, budget
        self._learns, self._usual = learns, usual
        self._on_batch = on_batch
        self._overhead = 0.0
        self._batches = 0
        self._queue: FairQueue[_Request[W, R]] = FairQueue()  # the worker's alone
        self._inbox: SimpleQueue[_Request[W, R] | _Calibration[W] | None] = SimpleQueue()
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
            answer: Batched[R] = Batched([UNANSWERED] * len(items))
            request = _Request(
                items=items,
                group=group,
                deadline=deadline,
                ticket=ticket,
                alone=alone,
                tenant=TENANT.get(),
                future=asyncio.get_running_loop().create_future(),
                answer=answer,
                waiting=len(items),
                left=len(items),
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
                    besides = min(begun - ended, LONGEST_OVERHEAD)
                    self._overhead += OVERHEAD_SMOOTHING * (besides - self._overhead)
                ended = self._serve(batch, begun, expected)
        self._clock.close()
        for request in {turn.request for turn in self._queue}:
            _call(request.future.get_loop(), _reject, request, Unavailable("the server is shutting down"))

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

    def _enqueue(self, request: _Request[W, R]) -> None:
        costs = [cost_of(item) for item in request.items]
        if self.surface.is_measured:
            request.ideal = sum(map(self.surface.ideal, costs))
        self._queue.add(request.tenant, request, costs)

    def _next_batch(self) -> tuple[list[Turn[_Request[W, R]]], float]:
        """Claims the next batch, with the seconds it is expected to take; empty where nothing is wanted."""
        now = time.monotonic()
        window = self._queue.window(WINDOW, lambda request: self._is_wanted(request, now))
        if not window:
            return [], 0.0
        head = self._most_urgent(window, now)
        chosen = [head] if head.request.alone else self._gather(head, window, now)
        for tenant in {turn.request.tenant for turn in chosen}:
            self._queue.take(tenant, [turn for turn in chosen if turn.request.tenant == tenant])
        batch = [turn for turns in _by_request(chosen) if self._claim(turns) for turn in turns]
        return batch, self._expected(batch) if batch else 0.0

    def _gather(
        self, head: Turn[_Request[W, R]], window: Sequence[Turn[_Request[W, R]]], now: float
    ) -> list[Turn[_Request[W, R]]]:
        """The head, and those of its group that are computed most efficiently with it."""
        group = head.request.group
        alike = [turn for turn in window if turn.request.group == group and not turn.request.alone]
        if len(alike) == 1:
            return alike
        if not self._pads:
            if alike[0] is not head:
                alike.remove(head)
                alike.insert(0, head)
            lengths = [turn.cost for turn in alike]
            count = best_prefix(lengths, self.surface, budget=self._budget, overhead=self._overhead)
            return alike[:count]
        alike.sort(key=lambda turn: (turn.cost, turn is not head, turn.turn))  # the head first among equals
        slack = None
        if any(turn.request.deadline.at < math.inf for turn in alike):
            slack = [turn.request.deadline.at - now for turn in alike]
        low, high = best_run(
            [turn.cost for turn in alike],
            next(place for place, turn in enumerate(alike) if turn is head),
            self.surface,
            budget=self._budget,
            overhead=self._overhead,
            slack=slack,
            curious=self._batches % CURIOSITY == CURIOSITY - 1,
        )
        return alike[low:high]

    def _most_urgent(self, window: Sequence[Turn[_Request[W, R]]], now: float) -> Turn[_Request[W, R]]:
        """The item whose turn it is; or, of the same tenant, one that would be late if it waited for that."""
        head = window[0]
        tenant, first = head.request.tenant, self.surface.seconds(1, head.cost)
        for turn in window[1:]:
            if turn.request.deadline.at < math.inf and turn.request.tenant == tenant:
                needed = self.surface.seconds(1, turn.cost)
                left = turn.request.deadline.at - now
                if needed < left < needed + first and turn.request.deadline.at < head.request.deadline.at:
                    head = turn
        return head

    def _expected(self, batch: Sequence[Turn[_Request[W, R]]]) -> float:
        return self.surface.seconds(len(batch), self._length([turn.cost for turn in batch]))

    def _length(self, costs: Sequence[int]) -> int:
        """The length of a batch as the cost surface counts it."""
        return max(costs) if self._pads else -(-sum(costs) // len(costs))

    def _is_wanted(self, request: _Request[W, R], now: float) -> bool:
        """Whether its answer is still worth computing; closes it where it would come too late."""
        if request.closed:
            return False
        if request.deadline.at - now <= DOUBT * request.ideal:
            self._expire(request)
            return False
        return True

    def _claim(self, turns: Sequence[Turn[_Request[W, R]]]) -> bool:
        """Marks items of one request as begun; False where it was closed in the meantime."""
        request = turns[0].request
        with self._lock:
            if request.closed:
                return False
            request.waiting -= len(turns)
        if request.ideal:
            begun = sum([self.surface.ideal(turn.cost) for turn in turns])
            request.ideal = max(0.0, request.ideal - begun)
        request.ticket.start(sum([request.items[turn.place].tokens for turn in turns]), len(turns))
        return True

    def _serve(self, batch: list[Turn[_Request[W, R]]], begun: float, expected: float) -> float:
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
        finished: dict[asyncio.AbstractEventLoop, list[_Request[W, R]]] = {}
        for turns in _by_request(batch):
            request = turns[0].request
            answer = request.answer
            for turn in turns:
                answer.results[turn.place] = next(computed)
            answer.compute += seconds
            answer.batch_size = max(answer.batch_size, len(batch))
            if self._pads:
                answer.padding_tokens += len(turns) * longest - sum([turn.cost for turn in turns])
            request.left -= len(turns)
            request.ticket.finish(sum([request.items[turn.place].tokens for turn in turns]), len(turns))
            if not request.left:
                answer.queue = ended - request.arrived - answer.compute
                finished.setdefault(request.future.get_loop(), []).append(request)
        for loop, requests in finished.items():
            _call(loop, _resolve, requests)

        # What nobody waits for comes after the answers.
        for turn in batch:
            self._queue.charge(turn.request.tenant, seconds * turn.cost / total)
        self.admission.measure(tokens, seconds)
        if self._learns and not failed and self._usual(batch[0].request.group):
            self.surface.observe(len(batch), self._length(costs), cost)
        self._report(BatchReport(len(batch), tokens, padding, seconds, expected))
        return ended

    def _compute(self, items: list[W], group: Hashable) -> tuple[Sequence[R | TiebackError], bool]:
        """A result for each item, and whether the run failed and was repeated item by item."""
        try:
            results = self._run(items, group)
            if len(results) != len(items):
                raise RuntimeError(f"{len(items)} items gave {len(results)} results")
        except Exception as error:
            # A model's failure, of any kind, is its item's and no more.
            if len(items) > 1:
                return [self._compute([item], group)[0][0] for item in items], True
            if isinstance(error, TiebackError):
                return [error], True
            logger.exception("%s failed on an item of %d tokens", self.name, items[0].tokens)
            return [TiebackError("the model failed on this input")], True
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
        except Exception as raised:  # noqa: BLE001 - whoever asked for it hears of it
            error = raised
        _call(wish.future.get_loop(), _settle, wish.future, error)

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


def _by_request(turns: Sequence[Turn[_Request[W, R]]]) -> list[list[Turn[_Request[W, R]]]]:
    """The turns of each request together."""
    if len(turns) == 1:
        return [list(turns)]
    requests: dict[int, list[Turn[_Request[W, R]]]] = {}
    for turn in turns:
        requests.setdefault(id(turn.request), []).append(turn)
    return list(requests.values())


def _resolve(requests: list[_Request[W, R]]) -> None:
    for request in requests:
        if not request.future.done():
            request.future.set_result(request.answer)


def _reject(request: _Request[W, R], error: TiebackError) -> None:
    if not request.future.done():
        request.future.set_exception(error)


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    """Calls on the loop's thread; a loop that has been closed has nobody left to hear."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)
