"""A tenant that asks now and then, alone and beside one that asks for more than the server can do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.load.levels import Ladder, Level

QUIET_SHARE, GREEDY_TIMES = 0.1, 3.0
"""The rates of the two tenants, times the knee."""

BEFORE_SECONDS = 2.0
"""The greedy tenant begins so long before the quiet one, and ends so long after it."""


@dataclass(frozen=True)
class Round:
    """A quiet tenant's calls alone, the same beside a greedy one, and that one's."""

    alone: Level
    beside: Level
    greedy: Level


def measured(quiet: Ladder, greedy: Ladder, knee: float, seconds: float) -> Round:
    """One round; each tenant has a generator of its own, so that none waits for the other's."""
    alone = quiet.level(QUIET_SHARE * knee, seconds, knee)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(greedy.level, GREEDY_TIMES * knee, seconds + 2 * BEFORE_SECONDS, knee)
        time.sleep(BEFORE_SECONDS)
        beside = quiet.level(QUIET_SHARE * knee, seconds, knee)
    return Round(alone, beside, running.result())


def percentiles(rounds: Sequence[Round], share: float) -> tuple[float, float]:
    """A percentile of the quiet tenant's latencies in all rounds, in ms: alone, and beside the greedy one."""
    alone = np.concatenate([_latencies(one.alone) for one in rounds])
    beside = np.concatenate([_latencies(one.beside) for one in rounds])
    return float(np.percentile(alone, share)), float(np.percentile(beside, share))


def rows(rounds: Sequence[Round]) -> Iterator[dict[str, object]]:
    """Rows of what each of them got."""
    for number, one in enumerate(rounds, 1):
        for who, level in (("alone", one.alone), ("beside", one.beside), ("greedy", one.greedy)):
            yield {"round": number, "tenant": "greedy" if who == "greedy" else f"quiet, {who}", **level.row()}


def _latencies(level: Level) -> NDArray[np.float64]:
    """Of all calls; one that had no answer is told as longer than any."""
    turn = level.turn
    lost = len(turn.rejected) + turn.failed
    return 1e3 * np.concatenate([turn.latencies, np.full(lost, np.inf)])
