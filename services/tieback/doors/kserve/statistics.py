"""What models were asked and how long it took, since the process began, as the protocol counts it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tieback_contract.reports import Timing

from tieback.dialects import kserve_pb2


@dataclass(slots=True)
class _Duration:
    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds

    def fill(self, message: kserve_pb2.StatisticDuration) -> None:
        message.count, message.ns = self.count, max(0, int(self.seconds * 1e9))


@dataclass(slots=True)
class Statistics:
    """Of one model."""

    rows: int = 0
    requests: int = 0
    last: float = 0.0
    success: _Duration = field(default_factory=_Duration)
    fail: _Duration = field(default_factory=_Duration)
    queue: _Duration = field(default_factory=_Duration)
    compute_input: _Duration = field(default_factory=_Duration)
    compute_infer: _Duration = field(default_factory=_Duration)
    compute_output: _Duration = field(default_factory=_Duration)

    def succeeded(self, rows: int, seconds: float, timing: Timing) -> None:
        """Counts a request; what is neither waiting nor the model is its output."""
        self.rows += rows
        self.requests += 1
        self.last = time.time()
        self.success.add(seconds)
        self.queue.add(timing.queue)
        self.compute_input.add(timing.prepare)
        self.compute_infer.add(timing.compute)
        self.compute_output.add(max(0.0, seconds - timing.queue - timing.prepare - timing.compute))

    def failed(self, seconds: float) -> None:
        """Counts a request that was answered with an error."""
        self.fail.add(seconds)

    def message(self, name: str, version: str) -> kserve_pb2.ModelStatistics:
        """The counts of a model."""
        message = kserve_pb2.ModelStatistics(
            name=name,
            version=version,
            last_inference=int(self.last * 1000),
            inference_count=self.rows,
            execution_count=self.requests,
        )
        for part in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"):
            getattr(self, part).fill(getattr(message.inference_stats, part))
        return message
