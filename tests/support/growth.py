"""How work grows with its size: a ratio within one run, which is the same on a slow machine."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Awaitable, Callable, Iterator

MEASURED = 0.5
"""Processor seconds to spend on each size: short work is repeated, so that one disturbed run of some
milliseconds does not decide."""


async def growth(
    work: Callable[[int], Awaitable[object]], size: int, *, runs: int = 3, most_runs: int = 20
) -> float:
    """Processor time for twice the size over that for the size, each the best of some runs in turns."""
    best = {size: float("inf"), 2 * size: float("inf")}
    spent = 0.0
    with own_garbage_alone():
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


@contextlib.contextmanager
def own_garbage_alone() -> Iterator[None]:
    """Garbage collections visit what the work makes, and not what was there before, as in a server.

    A full collection of all that the test process has loaded takes several times as long as the work. It
    comes after so many new objects, and as the sizes take turns, it can come in every run of the same size.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
