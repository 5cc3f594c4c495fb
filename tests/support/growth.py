"""How work grows with its size: a ratio within one run, which is the same on a slow machine."""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Awaitable, Callable, Iterator

MEASURED = 0.5
"""Processor seconds to spend on each size: short work is repeated, so that one disturbed run of some
milliseconds does not decide."""


async def growth(
    work: Callable[[int], Awaitable[object]], size: int, *, runs: int = 3, most_runs: int = 20
) -> float:
    """How much more processor time twice as much takes: 2 where it is linear, 4 where it is quadratic.

    It is the mean of two doublings, from half the size to twice the size, each the best of some runs in
    turns: with a busy machine beside it, one doubling alone was found to look like three times as much.
    """
    less, more = size // 2, 2 * size
    best = {less: float("inf"), more: float("inf")}
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
    return math.sqrt(best[more] / best[less])


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
