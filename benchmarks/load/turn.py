"""Results of one turn of a load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Turn:
    """Answers, refusals and failures of one turn.

    Times are in seconds; those of an open loop are counted from when the request should have been sent, so
    that they hold the load's own delay as well. `seconds` is how long the turn took, from its begin to its
    last answer, and `offered_seconds` how long requests arrived. `due`, `latencies` and `items` are of the
    answered requests: when they should have been sent, from the turn's begin, how long they took, what they
    held. `followed_at` and `followed_well` are of refused requests that came back when the server had said:
    when they did, and whether they were then answered. `steady` is the begin and the end of the steady state
    of a closed loop: from when each caller could have had an answer to the last one before a caller had
    nothing more to send, so that neither filling nor draining counts. `generator_share` is the load's own
    processor use, 1 for one core; `late` the time by which 99 % of the requests were sent after they should
    have been; `retries` how many calls the target has sent again. `answered_of`, `rejected_of` and
    `failed_of` are the places in the work of the requests that were answered, refused, and that failed, each
    in the order of their numbers above.
    """

    seconds: float
    offered_seconds: float
    due: Floats
    latencies: Floats
    items: NDArray[np.int64]
    rejected: Floats
    retry_after: Floats
    followed_at: Floats
    followed_well: NDArray[np.bool_]
    failures: Mapping[str, int]
    generator_share: float
    late: float = 0.0
    steady: tuple[float, float] | None = None
    retries: int = 0
    answered_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    rejected_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    failed_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def rate(self) -> float:
        """Answered items a second, of the whole turn."""
        return float(self.items.sum()) / self.seconds

    @property
    def steady_rate(self) -> float:
        """Answered items a second in the steady state; of a turn too short to have one, of all of it."""
        if self.steady is None:
            return self.rate
        begin, end = self.steady
        at = self.due + self.latencies
        return float(self.items[(at > begin) & (at <= end)].sum()) / (end - begin)

    @property
    def failed(self) -> int:
        """Requests that failed."""
        return sum(self.failures.values())

    def percentile(self, share: float) -> float:
        """A percentile of the answered requests' latencies; NaN where none was answered."""
        return float(np.percentile(self.latencies, share)) if len(self.latencies) else float("nan")

    def goodput(self, bound: float, *, after: float = 0.0) -> float:
        """Items answered within the bound per second of arrivals, the first seconds left out."""
        good = (self.latencies <= bound) & (self.due >= after)
        return float(self.items[good].sum()) / (self.offered_seconds - after)
