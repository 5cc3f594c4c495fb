"""Holds what an artifact gives against the ranges that it had when it was made: has the use drifted away?

An artifact may record, by kind of input and name, the range of the mean of so many values; a binding does of
the weights of its blocks. If a mean leaves its range, inputs differ from those that it was made with.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge

from tieback.serving.metrics import logs

log = logging.getLogger(__name__)
WINDOW = 100
"""Values that a mean is taken over: as many as when an artifact was made."""

ROUNDING = 1e-9
"""Sums that are kept up by adding and taking away are off by less."""


class Ranges:
    """The ranges of served artifacts. Safe in any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._drift = Gauge(
            "tieback_artifact_drift",
            "Distance of the mean of the last 100 values from its range when the artifact was made.",
            ("kind", "input", "value"),
            registry=registry,
        )
        self._watches: dict[tuple[str, str, str], _Watch] = {}

    def expect(
        self, kind: str, revision: str, ranges: Mapping[str, Mapping[str, tuple[float, float]]]
    ) -> None:
        """Watches an artifact: `ranges` are by input and name."""
        for name, of_input in ranges.items():
            self._watches[kind, revision, name] = _Watch(self._drift, kind, name, of_input)

    def observe(self, kind: str, revision: str, name: str, values: Mapping[str, float]) -> None:
        """Counts what an artifact gave for one input; of others than are watched it is passed over."""
        if (watch := self._watches.get((kind, revision, name))) is not None:
            watch.add(values)


class _Watch:
    """Means of one kind of input."""

    def __init__(self, drift: Gauge, kind: str, name: str, ranges: Mapping[str, tuple[float, float]]) -> None:
        self._drift, self._kind, self._input, self._ranges = drift, kind, name, ranges
        self._last: deque[Mapping[str, float]] = deque(maxlen=WINDOW)
        self._sums = dict.fromkeys(ranges, 0.0)
        self._reported: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, values: Mapping[str, float]) -> None:
        """Takes in one more, and lets go of the oldest."""
        with self._lock:
            leaving = self._last[0] if len(self._last) == WINDOW else {}
            self._last.append(values)
            for name in self._sums:
                self._sums[name] += values.get(name, 0.0) - leaving.get(name, 0.0)
            if len(self._last) == WINDOW:
                for name, (low, high) in self._ranges.items():
                    mean = self._sums[name] / WINDOW
                    distance = max(low - mean, mean - high, 0.0)
                    self._report(name, mean, distance if distance > ROUNDING else 0.0)

    def _report(self, name: str, mean: float, distance: float) -> None:
        """Sets the metric, with a line in the log when a mean leaves its range, and one when it is back."""
        before = self._reported.get(name)
        if distance == before:
            return
        self._reported[name] = distance
        self._drift.labels(self._kind, self._input, name).set(distance)
        low, high = self._ranges[name]
        fields: dict[str, Any] = {
            "kind": self._kind,
            "input": self._input,
            "value": name,
            "mean": round(mean, 4),
            "range": f"{low:.4f}-{high:.4f}",
        }
        if distance and not before:
            logs.event(log, "an artifact's values drift", level=logging.WARNING, **fields)
        elif before and not distance:
            logs.event(log, "an artifact's values are back in their range", **fields)
