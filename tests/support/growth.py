"""How work grows with its size: a ratio within one run, which is the same on a slow machine."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

MEASURED = 0.5
"""Processor seconds to spend on each size: short work is repeated, so that one collection of garbage in a
run of some milliseconds does not decide."""


async def growth(
    work: Callable[[int], Awaitable[object]], size: int, *, runs: int = 3, most_runs: int = 20
) -> float:
    """Processor time for twice the size over that for the size, each the best of some runs in turns."""
    best = {size: float("inf"), 2 * size: float("inf")}
    spent = 0.0
    for run in range(most_runs):
        if run >= runs and spent >= MEASURED:
            break
        for count in best:
            begun = time.process_time()
            await work(count)
            seconds = time.process_time() - begun
            best[count] = min(best[count], seconds)
            spent += seconds / len(best)
    return best[2 * size] / best[size]
