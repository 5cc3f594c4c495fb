"""Memory and replicas of a server while it is under load, by its page of metrics."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

MEMORY = "process_resident_memory_bytes"
EVERY = 2.0  # seconds
TIMEOUT = 10.0


@dataclass(frozen=True)
class Reading:
    """Sums over all processes that have a page, after so many seconds, and how many processes each has."""

    at: float
    memory: float
    replicas: Mapping[str, int]


@dataclass
class Watch:
    """Reads the page again and again beside a load. Without an address, nothing."""

    address: str
    readings: list[Reading] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.address:
            self._thread = threading.Thread(target=self._watch, args=(time.monotonic(),))
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, begun: float) -> None:
        while not self._over.wait(EVERY):
            try:
                with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=TIMEOUT) as answer:
                    page = answer.read().decode()
            except OSError:  # a server under load may be late with it
                continue
            self.readings.append(read(page, time.monotonic() - begun))


def read(page: str, at: float) -> Reading:
    """A reading of a page of metrics."""
    memory, replicas = 0.0, Counter[str]()
    for family in text_string_to_metric_families(page):
        if family.name != MEMORY:
            continue
        for sample in family.samples:
            memory += sample.value
            replicas[sample.labels.get("deployment", "server")] += 1
    return Reading(at, memory, replicas)
