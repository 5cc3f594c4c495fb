"""A mix of calls at growing rates: the knee is found, and what is answered in time at multiples of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.load.arrivals import Trace, played
from benchmarks.load.generator import Generator
from benchmarks.load.loops import LATE
from benchmarks.load.mix import KINDS, LONGEST, Asked, Work
from benchmarks.load.target import Request
from benchmarks.load.turn import Turn

IN_TIME = 0.95
"""Share of the calls that is answered in time up to the knee."""

CALLERS, CAPACITY_SECONDS = 8, 5.0
"""Of the closed loop that tells where the knee may be."""

PROBES, PROBE_SECONDS = 5, 8.0
"""Rates that are tried, each of them between the last that went well and the first that did not."""

UNSETTLED_SECONDS = 1.5
"""The begin of a level that is not counted: it fills empty queues."""

CALM_SECONDS, CALM_AFTER = 0.5, 20.0


@dataclass(frozen=True)
class Level:
    """A rate of a mix, how often the knee it is, and what came of it. `knee` is None while it is sought."""

    side: str
    rate: float
    knee: float | None
    seconds: float
    work: Sequence[Request]
    due: NDArray[np.float64]
    turn: Turn

    @property
    def offered(self) -> float:
        """Calls a second that are counted."""
        return float((self.due >= UNSETTLED_SECONDS).sum()) / (self.seconds - UNSETTLED_SECONDS)

    @property
    def goodput(self) -> float:
        """Calls answered in time, a second."""
        good = self._in_time & (self.turn.due >= UNSETTLED_SECONDS)
        return float(good.sum()) / (self.seconds - UNSETTLED_SECONDS)

    @property
    def share(self) -> float:
        """The part of the calls that was answered in time."""
        return self.goodput / self.offered if self.offered else 0.0

    def row(self) -> dict[str, object]:
        """The level as a row of a table."""
        turn, refused = self.turn, 1e3 * self.turn.rejected
        return {
            "side": self.side,
            "× knee": None if self.knee is None else self.rate / self.knee,
            "offered /s": self.offered,
            "goodput /s": self.goodput,
            **{f"p{share} ms": _percentile(1e3 * turn.latencies, share) for share in (50, 95, 99)},
            "refused": len(refused),
            "refused p50 ms": _percentile(refused, 50),
            "refused p99 ms": _percentile(refused, 99),
            "told when to return": len(turn.retry_after),
            "late": turn.failures.get(LATE, 0),
            "failures": turn.failed - turn.failures.get(LATE, 0),
            "generator, cores": turn.generator_share,
            "sent late, p99 ms": 1e3 * turn.late,
        }

    def by_kind(self) -> Iterator[dict[str, object]]:
        """A row for each kind of call."""
        kinds = self._kinds(np.arange(len(self.due)))
        answered, refused = self._kinds(self.turn.answered_of), self._kinds(self.turn.rejected_of)
        failed, in_time = self._kinds(self.turn.failed_of), self._in_time
        for kind in dict.fromkeys(kinds.tolist()):
            own = 1e3 * self.turn.latencies[answered == kind]
            asked = int((kinds == kind).sum())
            yield {
                "side": self.side,
                "× knee": None if self.knee is None else self.rate / self.knee,
                "kind": kind,
                "calls": asked,
                "in time": float(in_time[answered == kind].sum()) / asked,
                **{f"p{share} ms": _percentile(own, share) for share in (50, 95, 99)},
                "refused": int((refused == kind).sum()),
                "refused p50 ms": _percentile(1e3 * self.turn.rejected[refused == kind], 50),
                "late or failed": int((failed == kind).sum()),
            }

    @property
    def _in_time(self) -> NDArray[np.bool_]:
        bounds = np.array([KINDS[self._asked(place).kind].seconds for place in self.turn.answered_of])
        return np.asarray(self.turn.latencies <= bounds)

    def _kinds(self, places: NDArray[np.int64]) -> NDArray[np.str_]:
        return np.array([self._asked(int(place)).kind for place in places], np.str_)

    def _asked(self, place: int) -> Asked:
        asked: Asked = self.work[place][0]
        return asked


@dataclass(frozen=True)
class Ladder:
    """Plays a trace with a mix at one rate after another."""

    side: str
    generator: Generator
    work: Work
    trace: Trace
    tenants: Sequence[int]
    say: Callable[[str], None]
    seed: int = 0

    def level(self, rate: float, seconds: float, knee: float | None = None) -> Level:
        """One rate, and the calm after it."""
        due = played(self.trace, rate, seconds, self.seed)
        work = self.work.draw(len(due), self.tenants)
        turn = self.generator.opened(work, rate=rate, seconds=seconds, arrivals=due, patience=2 * LONGEST)
        found = Level(self.side, rate, knee, seconds, work, np.array(due), turn)
        self.say(f"{found.offered:.1f} calls/s offered, {found.goodput:.1f} in time")
        if turn.failures:
            self.say("; ".join(f"{count} × {what}" for what, count in turn.failures.items()))
        self.calm()
        return found

    def capacity(self) -> float:
        """Calls a second that a few callers get who wait for their answers."""
        work = self.work.draw(10_000, self.tenants)
        return self.generator.closed(work, in_flight=CALLERS, seconds=CAPACITY_SECONDS).rate

    def calm(self) -> None:
        """Waits until single calls are quick again, for a while."""
        end = time.monotonic() + CALM_AFTER
        while time.monotonic() < end:
            turn = self.generator.closed(self.work.draw(4, self.tenants), in_flight=1)
            if len(turn.latencies) == 4 and turn.percentile(100) < CALM_SECONDS:
                return
            time.sleep(CALM_SECONDS)


def sought(ladder: Ladder) -> tuple[float, list[Level]]:
    """The knee: the highest rate found of which `IN_TIME` was answered in time; with the rates tried."""
    low, high, probes = 0.0, 1.5 * ladder.capacity(), []
    for _ in range(PROBES):
        rate = (low + high) / 2
        probes.append(ladder.level(rate, PROBE_SECONDS))
        if probes[-1].share >= IN_TIME:
            low = rate
        else:
            high = rate
    return low or high, probes


def _percentile(values: NDArray[Any], share: float) -> float | None:
    return float(np.percentile(values, share)) if len(values) else None


def rows(levels: Sequence[Level]) -> tuple[Sequence[Mapping[str, object]], Sequence[Mapping[str, object]]]:
    """The levels as rows, and a row for each kind of call of the levels that are multiples of the knee."""
    kinds = [row for one in levels if one.knee is not None for row in one.by_kind()]
    return [one.row() for one in levels], kinds
