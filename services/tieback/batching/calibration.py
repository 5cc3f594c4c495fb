"""Measures the cost of batches before the first request, which also warms up every shape.

Each sample is run in batches of 1, 2, 4, … copies, as long as a doubled batch takes clearly less than twice
the time. On a CPU this ends after a few hundred tokens; on a GPU it continues. Then all batches are run
again, and the shortest run of each counts: a short disturbance spoils one pass and not the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from tieback.batching.token_cost import HasTokens, cost_of

W = TypeVar("W", bound=HasTokens)

GAIN = 1.02
"""The number of items doubles as long as items per second grow by this factor."""

PASSES = 3
ENOUGH_SECONDS = 2.0
"""No further pass is begun after so many seconds."""

SHORTEST_SECONDS = 1e-6
"""A clock may be wrong by some microseconds; no run takes nothing, or less."""

SHORT_SECONDS = 0.02
"""The first run of a shape also allocates; one that takes longer than this would not show it."""


def measure(
    run: Callable[[Sequence[W], Hashable], object],
    samples: Sequence[W],
    group: Hashable,
    *,
    max_items: int,
    budget: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[list[float]]:
    """Seconds of 1, 2, 4 … of each sample, a row for each, as long as more items gain.

    `max_items` and `budget`, in tokens, bound a batch.
    """

    def seconds(sample: W, count: int) -> float:
        begun = clock()
        run([sample] * count, group)
        return max(clock() - begun, SHORTEST_SECONDS)

    def first_row(sample: W) -> list[float]:
        row: list[float] = []
        count = 1
        while not row or (count <= max_items and count * cost_of(sample) <= budget):
            row.append(seconds(sample, count))
            if row[-1] < SHORT_SECONDS:
                row[-1] = min(row[-1], seconds(sample, count))
            if len(row) > 1 and row[-1] * GAIN >= 2.0 * row[-2]:
                break
            count *= 2
        return row

    begun = time.perf_counter()
    rows = [first_row(sample) for sample in samples]
    for _ in range(PASSES - 1):
        if time.perf_counter() - begun > ENOUGH_SECONDS:
            break
        for sample, row in zip(samples, rows, strict=True):
            for doubling, known in enumerate(row):
                row[doubling] = min(known, seconds(sample, 2**doubling))
    return rows
