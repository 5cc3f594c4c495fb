"""Monitors learned routers: whether their weights stay in the range measured at binding, and the shadow's.

If a mean weight leaves its range, the queries differ from those that the router was trained for, or a space
has changed.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from tieback.router import Routed
from tieback.serving.metrics import logs
from tieback.serving.metrics.telemetry import Telemetry

log = logging.getLogger(__name__)
WINDOW = 100
"""Queries that a mean is taken over: as many as at binding."""

ROUNDING = 1e-9
"""Sums that are kept up by adding and taking away are off by less."""

WeightRanges = Mapping[str, Mapping[str, tuple[float, float]]]
"""Modality → block → the range of the mean weights of so many queries at binding."""


class RoutingWatch:
    """Called for every query that routers weighted, in any thread.

    Queries that lost a space, and those of a canary, are weighted otherwise for a reason and do not count.
    """

    def __init__(self, telemetry: Telemetry, binding: str, weight_ranges: WeightRanges) -> None:
        self._telemetry, self._binding, self._weight_ranges = telemetry, binding, weight_ranges
        self._last: dict[str, deque[Mapping[str, float]]] = {
            modality: deque(maxlen=WINDOW) for modality in weight_ranges
        }
        self._sums: dict[str, dict[str, float]] = {
            modality: dict.fromkeys(weight_ranges[modality], 0.0) for modality in weight_ranges
        }
        self._outside: set[tuple[str, str]] = set()
        self._reported: dict[tuple[str, str], float] = {}  # the distances in the metrics
        self._lock = threading.Lock()

    def __call__(self, routed: Routed) -> None:
        """Counts one query."""
        if routed.difference is not None:
            self._telemetry.observe_shadow(routed.modality, routed.difference)
        if routed.binding == self._binding and not routed.degraded and routed.modality in self._weight_ranges:
            with self._lock:
                self._count(routed.modality, routed.weights)

    def _count(self, modality: str, weights: Mapping[str, float]) -> None:
        last, sums = self._last[modality], self._sums[modality]
        leaving = last[0] if len(last) == WINDOW else {}
        last.append(weights)
        for space in sums:
            sums[space] += weights.get(space, 0.0) - leaving.get(space, 0.0)
        if len(last) < WINDOW:
            return
        for space, (low, high) in self._weight_ranges[modality].items():
            mean = sums[space] / WINDOW
            distance = max(low - mean, mean - high, 0.0)
            distance = distance if distance > ROUNDING else 0.0
            if distance != self._reported.get((modality, space)):
                self._reported[modality, space] = distance
                self._telemetry.set_drift(modality, space, distance)
            self._say(modality, space, mean, distance)

    def _say(self, modality: str, space: str, mean: float, distance: float) -> None:
        """A line when a weight leaves its range, and one when it is back."""
        key = (modality, space)
        if (distance > 0) == (key in self._outside):
            return
        low, high = self._weight_ranges[modality][space]
        fields: dict[str, Any] = {
            "modality": modality,
            "space": space,
            "mean": round(mean, 4),
            "range": f"{low:.4f}-{high:.4f}",
        }
        if distance > 0:
            self._outside.add(key)
            logs.event(log, "routing drifts", level=logging.WARNING, **fields)
        else:
            self._outside.discard(key)
            logs.event(log, "routing is back in its range", **fields)
