"""Steady calls through the SDK, and what became of each."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from tieback_client import Client, Item, TiebackError

TIMEOUT = 60.0
COLLECTION = "rollout"
Ask = Callable[[Client], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call: when it began and ended, and what went wrong, if anything."""

    kind: str
    begun: float
    ended: float
    error: str = ""


def kinds(space: str, reranked: str) -> dict[str, Ask]:
    """Calls by name; all may be repeated. Together they reach every service that is deployed."""

    def words() -> str:
        return f"the {secrets.token_hex(3)} sea rises with the {secrets.token_hex(3)} moon"

    return {
        "Encode": lambda client: client.encode(words(), space=space),
        "Rerank": lambda client: client.rerank(words(), [words(), words()], space=reranked),
        "CheckGrounding": lambda client: client.check("The tide follows the moon.", [words()]),
        "Retrieve": lambda client: client.retrieve(COLLECTION, words(), limit=3),
        "IngestItems": lambda client: client.ingest(
            COLLECTION, [Item(secrets.token_hex(2), [words()])]
        ).collect(),
        "ListOperations": lambda client: list(client.operations()),
    }


@dataclass
class Load:
    """Callers of every kind of call, `rate` calls a second each."""

    address: str
    asks: dict[str, Ask]
    callers: int
    rate: float
    options: Mapping[str, Any] = field(default_factory=dict)
    """More keyword arguments of the clients."""
    outcomes: list[Outcome] = field(default_factory=list)
    retries: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Calls until the block is left."""
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._call, args=(kind, ask, stop))
            for kind, ask in self.asks.items()
            for _ in range(self.callers)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stop.set()
            for thread in threads:
                thread.join(TIMEOUT + 10)

    def _call(self, kind: str, ask: Ask, stop: threading.Event) -> None:
        # Several channels have connections of their own, so that the callers spread over the gateways.
        with Client(self.address, timeout=TIMEOUT, channels=2, **self.options) as client:
            while not stop.is_set():
                begun, error = time.monotonic(), ""
                before = client.retries
                try:
                    ask(client)
                except TiebackError as raised:
                    error = f"{type(raised).__name__}: {raised.message}"
                ended = time.monotonic()
                self.outcomes.append(Outcome(kind, begun, ended, error))
                self.retries[kind] += client.retries - before
                stop.wait(max(0.0, 1 / self.rate - (ended - begun)))


def summary(outcomes: Sequence[Outcome], begun: float, ended: float) -> dict[str, float | int]:
    """Of the calls of one kind that ran in a span of time: how many, how many failed, and how long they took.

    `silence` is the longest time without a good answer, seconds.
    """
    those = [one for one in outcomes if one.ended >= begun and one.begun < ended]
    good = sorted(one.ended for one in those if not one.error and one.ended <= ended)
    answers = [begun, *good, ended]
    seconds = [one.ended - one.begun for one in those]
    return {
        "calls": len(those),
        "failed": sum(bool(one.error) for one in those),
        "silence_s": max(after - before for before, after in pairwise(answers)),
        "p50_ms": 1000 * median(seconds) if seconds else 0.0,
        "slowest_s": max(seconds, default=0.0),
    }
