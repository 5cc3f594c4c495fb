"""Many client processes that repeat what an overloaded server refused: without a budget, and with one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tieback_client import Retry

from benchmarks.load.arrivals import Trace, played
from benchmarks.load.generator import generating
from benchmarks.load.loops import LATE
from benchmarks.load.mix import PipelineTarget, Work

TIMES, CALM_TIMES = 3.0, 0.5
"""The rates while there is too much, and after it, times the knee."""

SECONDS, CALM_SECONDS = 15.0, 10.0
PATIENCE = 20.0
"""Seconds that a caller waits: longer than those of the other levels, as users of the SDK do by default."""

WAYS: Mapping[str, Retry | None] = {
    "no retries": None,
    "retries without a budget": Retry(budget=None),
    "retries within the budget": Retry(),
}


def measured(
    target: PipelineTarget, work: Work, trace: Trace, knee: float, clients: int, say: Callable[[str], None]
) -> Sequence[Mapping[str, object]]:
    """A row for each way: what is answered while there is too much, and after it."""
    over = played(trace, TIMES * knee, SECONDS, 1)
    calm = [SECONDS + at for at in played(trace, CALM_TIMES * knee, CALM_SECONDS, 2)]
    due, found = [*over, *calm], []
    for way, retry in WAYS.items():
        say(f"{clients} clients, {way}")
        fleet = dataclasses.replace(target, retry=retry, copies=clients, patience=PATIENCE)
        with generating(fleet, first=True) as generator:
            drawn = work.draw(len(due))
            turn = generator.opened(drawn, rate=0.0, seconds=SECONDS, arrivals=due, patience=2 * PATIENCE)
        after = turn.due >= SECONDS
        found.append(
            {
                "way": way,
                "calls": len(due),
                "attempts a call": 1 + turn.retries / len(due),
                "goodput while too much, /s": int((~after).sum()) / SECONDS,
                "p50 ms": 1e3 * turn.percentile(50),
                "answered after it, of the calls": float(after.sum()) / len(calm),
                "p99 after it, ms": float(np.percentile(1e3 * turn.latencies[after], 99))
                if any(after)
                else None,
                "refused": len(turn.rejected),
                "late": turn.failures.get(LATE, 0),
                "failures": turn.failed - turn.failures.get(LATE, 0),
            }
        )
    return found


def attempts(rows: Sequence[Mapping[str, object]]) -> tuple[float, float]:
    """Attempts a call without a budget, and within it."""
    by_way = {str(row["way"]): row for row in rows}
    without, within = list(WAYS)[1:]
    return float(str(by_way[without]["attempts a call"])), float(str(by_way[within]["attempts a call"]))
