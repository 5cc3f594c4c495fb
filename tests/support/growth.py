"""How work grows with its size: a ratio within one run, which is the same on a slow machine."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable


async def growth(work: Callable[[int], Awaitable[object]], size: int, *, runs: int = 3) -> float:
    """Processor time for twice the size over that for the size, each the best of some runs."""

    async def seconds(count: int) -> float:
        best = float("inf")
        for _ in range(runs):
            begun = time.process_time()
            await work(count)
            best = min(best, time.process_time() - begun)
        return best

    return await seconds(2 * size) / await seconds(size)
