"""Admission by tokens: take what can be done in time; refuse the rest early, with the time to return.

Requests do not measure work: one may hold one word or a thousand pages. So what waits is
counted in tokens (a picture's patches, a sound's frames), and the time to come back follows from the tokens
that wait and the rate at which this replica has been getting through them.

A full queue is no tenant's alone: one that has less waiting than an equal share of the limit is let in all
the same, up to that share. So who fills the queue is refused, and who comes by now and then is not.
Work in bulk (`tieback.core.call`) fills `BULK_SHARE` of the limit at most: the rest is for calls that
somebody waits for. A part of work that was begun is not refused by its time: what was done would be lost.

    with admission.admit(tokens, items=len(texts)) as ticket:   # Overloaded, InvalidInput
        ...                                                     # waiting for a worker
        ticket.start()
        result = model.run(...)
        ticket.finish(seconds=elapsed)
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, TypeVar

from tieback.core.call import BEGUN, IN_BULK
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput, Overloaded
from tieback.core.tenant import TENANT
from tieback.core.types.load import Load

HALF_LIFE = 5.0
"""Seconds of busy time after which a measurement counts half."""

SHORTEST_RETRY, LONGEST_RETRY = 0.05, 30.0
"""Bounds of `Overloaded.retry_after`, in seconds: below, clients hammer; above, they give up too soon."""

QUEUE_SHARE = 0.35
"""Share of the time until its deadline that a request may wait by what was measured: the rest is for
computing it, for hops, and for what an overload itself makes slower. At three times the capacity, on two
cores that the refusals share, 0.6 had 8 % of the admitted come too late in one process and most of them
behind a gateway, and this hardly any. The queue of an overload never empties, so it costs no throughput."""

BULK_SHARE = 0.75
"""Share of the limit up to which work in bulk is let in; one larger request, up to all of it."""

SLOT_SECONDS = 0.1
"""What waits is counted by deadlines of this grain."""

PRESSED_SECONDS = 0.25
"""After a refusal, the time for which the next ones are expected and decided on early."""

REFUSAL_CACHE_SECONDS = 0.5
"""How long a shared refusal is used before a new one is made."""

RETRY_STEP = 1.04
"""Ratio between the retry times of shared refusals."""

_LOG_STEP = math.log(RETRY_STEP)

UNMEASURED_RETRY = 1.0
"""`Overloaded.retry_after` while no work has been measured, in seconds."""

K = TypeVar("K")
Dropped = Literal["cancelled", "deadline"]


class Admission:
    """Decides whether more work may wait, and counts what waits, runs, was dropped and was refused.

    `limit_tokens` bounds the tokens that wait, with the exception above; what runs is beside it. 0 is no
    limit. `workers` is how many units of work run at once, each of which is measured alone. `unit` is what is
    counted where that is not tokens, for the messages. Any thread may call any method.
    """

    def __init__(self, limit_tokens: int = 0, *, workers: int = 1, unit: str = "tokens") -> None:
        self.limit_tokens = limit_tokens
        self._unit = unit
        self._workers = workers
        self._lock = threading.Lock()
        self._queued_tokens = self._queued_items = 0
        self._active_tokens = self._active_items = 0
        # Tokens that wait, by whose they are and by when they are wanted; who has none is not in it.
        self._by_tenant: dict[str, int] = {}
        self._by_slot: dict[float, int] = {}
        self._dropped: dict[Dropped, int] = {"cancelled": 0, "deadline": 0}
        self._rejected = 0
        self._refused_at = -math.inf
        self._refusal_cache = RefusalCache()
        self._done_tokens = self._busy_seconds = 0.0

    def admit(self, tokens: int, *, items: int = 1, deadline: Deadline = NO_DEADLINE) -> Ticket:
        """A place in the queue, to be released (it is a context manager).

        Overloaded where the queue is full for this request, or what waits before it will take longer than its
        deadline: a refusal now is worth more than a failure then. InvalidInput where the request alone is
        larger than the whole queue: waiting would never help.
        """
        self.check_size(tokens)
        tenant = TENANT.get()
        with self._lock:
            why = self._why_not(tenant, tokens, deadline)
            if why is not None:
                # Work in bulk only waits elsewhere: nothing is refused by that, and there is room for others.
                seconds = self._retry_after() if IN_BULK.get() else self._refuse()
                raise Overloaded(self._sentence(why)(seconds), retry_after=seconds)
            self._queued_tokens += tokens
            self._queued_items += items
            slot = _slot(deadline)
            self._count(tenant, slot, tokens)
        return Ticket(self, tenant, slot, tokens, items)

    def refusal(self, deadline: Deadline = NO_DEADLINE) -> Overloaded | None:
        """The refusal, counted, of a request of which nothing is known but its deadline; None where a small
        one would be let in. To be asked while `is_pressed`. Not to be raised: it is given to many.
        """
        with self._lock:
            why = self._why_not(TENANT.get(), 1, deadline)
            return None if why is None else self._refusal_cache.refusal(self._refuse(), self._sentence(why))

    @property
    def is_pressed(self) -> bool:
        """Whether a request was refused just now, so that more will be."""
        return time.monotonic() - self._refused_at < PRESSED_SECONDS

    def check_size(self, tokens: int) -> None:
        """Raises InvalidInput for a request that could never be admitted."""
        if self.limit_tokens and tokens > self.limit_tokens:
            raise InvalidInput(
                f"the request holds {tokens} {self._unit} and this server lets at most {self.limit_tokens} "
                "wait; send it in smaller batches",
                reason="REQUEST_TOO_LARGE",
            )

    def measure(self, tokens: int, seconds: float) -> None:
        """Takes a finished piece of work into the measured rate.

        The rate is a quotient of two decaying sums, so that many tiny pieces do not outweigh a large one.
        """
        with self._lock:
            kept = 0.5 ** (seconds / HALF_LIFE)
            self._done_tokens = self._done_tokens * kept + tokens
            self._busy_seconds = self._busy_seconds * kept + seconds

    def drop(self, why: Dropped, *, items: int = 1) -> None:
        """Counts items that were admitted and then not computed."""
        with self._lock:
            self._dropped[why] += items

    @property
    def tokens_per_second(self) -> float:
        """The measured rate of all workers together while busy; 0 before anything was measured."""
        if self._busy_seconds <= 0.0:
            return 0.0
        return self._workers * self._done_tokens / self._busy_seconds

    @property
    def load(self) -> Load:
        """What waits and runs now, and what has been dropped and refused since the start."""
        with self._lock:
            return Load(
                queued_items=self._queued_items,
                queued_tokens=self._queued_tokens,
                active_items=self._active_items,
                dropped_cancelled=self._dropped["cancelled"],
                dropped_deadline=self._dropped["deadline"],
                rejected=self._rejected,
                tokens_per_second=self.tokens_per_second,
            )

    def _why_not(self, tenant: str, tokens: int, deadline: Deadline) -> str | None:
        """Why such a request is not let in now. Needs the lock."""
        if self.limit_tokens and not self._has_room(tenant, tokens):
            return f"{tokens} more would pass the limit of {self.limit_tokens}"
        if self._queued_tokens and not BEGUN.get() and self._is_too_late(tenant, deadline):
            return "the deadline would pass before this request's turn"
        return None

    def _refuse(self) -> float:
        """Counts a refusal; returns when to come back. Needs the lock."""
        self._rejected += 1
        self._refused_at = time.monotonic()
        return self._retry_after()

    def _sentence(self, why: str) -> Callable[[float], str]:
        return lambda seconds: (
            f"{self._queued_tokens} {self._unit} are waiting and {why}; try again in {seconds:.2f} s"
        )

    def _is_too_late(self, tenant: str, deadline: Deadline) -> bool:
        """Whether what goes before it leaves too little time: neither what is wanted later, nor more of other
        tenants than of its own.
        """
        able = self.tokens_per_second * QUEUE_SHARE * deadline.remaining() - self._active_tokens
        if not self.tokens_per_second or self._queued_tokens <= able:
            return False
        tenants = len(self._by_tenant) + (tenant not in self._by_tenant)
        if self._by_tenant.get(tenant, 0) * tenants <= able:
            return False
        slot = _slot(deadline)
        return sum([tokens for wanted, tokens in self._by_slot.items() if wanted <= slot]) > able

    def _has_room(self, tenant: str, tokens: int) -> bool:
        limit = self.limit_tokens
        if IN_BULK.get() and tokens <= limit * BULK_SHARE:
            limit = int(limit * BULK_SHARE)
        if self._queued_tokens + tokens <= limit:
            return True
        own = self._by_tenant.get(tenant, 0)
        others = len(self._by_tenant) - (tenant in self._by_tenant)
        return others > 0 and own + tokens <= limit // (others + 1)

    def _count(self, tenant: str, slot: float, tokens: int) -> None:
        """Adds to what a tenant has waiting, wanted by then. Needs the lock."""
        _add(self._by_tenant, tenant, tokens)
        _add(self._by_slot, slot, tokens)

    def _retry_after(self) -> float:
        """When what waits now will have been done, spread so that the refused do not return as one herd."""
        rate = self.tokens_per_second
        waiting = self._queued_tokens + self._active_tokens
        seconds = waiting / rate if rate else UNMEASURED_RETRY
        spread = random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret
        return min(max(seconds * spread, SHORTEST_RETRY), LONGEST_RETRY)


class RefusalCache:
    """Refusals that many calls share: one for each step of the retry time, renewed regularly."""

    def __init__(self) -> None:
        self._refusals: dict[int, Overloaded] = {}
        self._since = -math.inf

    def refusal(self, seconds: float, write: Callable[[float], str]) -> Overloaded:
        """One with a retry time of `seconds` or little more; `write` makes its sentence."""
        now = time.monotonic()
        if now - self._since > REFUSAL_CACHE_SECONDS:
            self._refusals, self._since = {}, now
        step = math.ceil(math.log(seconds) / _LOG_STEP)
        found = self._refusals.get(step)
        if found is None:
            later = RETRY_STEP**step
            found = self._refusals[step] = Overloaded(write(later), retry_after=later)
        return found


class Ticket:
    """One request's place: its work waits, then runs (as a whole or in parts), then is released.

    Releasing gives back whatever waits or runs; after it the other calls do nothing, so that a worker that
    still holds a cancelled request needs no care. Any thread may call any method.
    """

    __slots__ = (
        "_active_items",
        "_active_tokens",
        "_admission",
        "_queued_items",
        "_queued_tokens",
        "_released",
        "_slot",
        "_tenant",
    )

    def __init__(self, admission: Admission, tenant: str, slot: float, tokens: int, items: int) -> None:
        self._admission = admission
        self._tenant, self._slot = tenant, slot
        self._queued_tokens, self._queued_items = tokens, items
        self._active_tokens = self._active_items = 0
        self._released = False

    def resize(self, tokens: int, items: int) -> None:
        """Corrects an estimate made before the work was prepared, while all of it still waits.

        Never Overloaded, since preparing it was paid for already; InvalidInput as in `Admission.admit`.
        """
        self._admission.check_size(tokens)
        with self._admission._lock:
            self._move((tokens - self._queued_tokens, items - self._queued_items), (0, 0))

    def split(self, tokens: int, items: int) -> Ticket:
        """A ticket of its own for a part of what waits, or for the rest, to be released by itself."""
        with self._admission._lock:
            taken = min(tokens, self._queued_tokens), min(items, self._queued_items)
            taken = (0, 0) if self._released else taken
            self._queued_tokens -= taken[0]
            self._queued_items -= taken[1]
        return Ticket(self._admission, self._tenant, self._slot, *taken)

    def start(self, tokens: int | None = None, items: int | None = None) -> None:
        """Moves a part, or all, from waiting to running."""
        with self._admission._lock:
            tokens = self._queued_tokens if tokens is None else tokens
            items = self._queued_items if items is None else items
            self._move((-tokens, -items), (tokens, items))

    def finish(self, tokens: int | None = None, items: int | None = None, *, seconds: float = 0.0) -> None:
        """Ends a part, or all, of what runs; `seconds`, where given, go into the measured rate."""
        with self._admission._lock:
            tokens = self._active_tokens if tokens is None else tokens
            items = self._active_items if items is None else items
            self._move((0, 0), (-tokens, -items))
        if seconds > 0.0:
            self._admission.measure(tokens, seconds)

    def release(self) -> None:
        """Gives back everything that still waits or runs."""
        with self._admission._lock:
            self._move(
                (-self._queued_tokens, -self._queued_items), (-self._active_tokens, -self._active_items)
            )
            self._released = True

    def _move(self, queued: tuple[int, int], active: tuple[int, int]) -> None:
        """Adds (tokens, items) to what waits and to what runs, here and in the sums. Needs the lock."""
        if self._released:
            return
        self._queued_tokens += queued[0]
        self._queued_items += queued[1]
        self._active_tokens += active[0]
        self._active_items += active[1]
        admission = self._admission
        if queued[0]:
            admission._count(self._tenant, self._slot, queued[0])
        admission._queued_tokens += queued[0]
        admission._queued_items += queued[1]
        admission._active_tokens += active[0]
        admission._active_items += active[1]

    def __enter__(self) -> Ticket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _add(counts: dict[K, int], key: K, tokens: int) -> None:
    total = counts.get(key, 0) + tokens
    if total:
        counts[key] = total
    else:
        counts.pop(key, None)


def _slot(deadline: Deadline) -> float:
    return deadline.at // SLOT_SECONDS if math.isfinite(deadline.at) else math.inf
