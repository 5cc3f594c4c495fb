"""The measured cost of a batch on this machine: seconds by number of items and by length.

On a CPU, the time grows with the computed tokens, so batches pay only for short inputs; on a GPU, a batch of
thirty costs as much as one item. This code does not know which it is: the grid is measured before the first
request, and every served batch corrects it.

Between the grid points the cost is linear in both directions; beyond the grid it grows in proportion. Fewer
or shorter items never cost more than more or longer ones. Disturbances only make a run longer, so if two
measurements disagree with this, the smaller one is right.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
from tieback_contract.arrays import Array

from tieback.batching.request import HasTokens, cost_of

BATCHES_KEPT = 16
"""Served batches that are gathered before the grid learns of them, so that rows are seldom made anew."""

COMMON_SHARE = 0.25
"""How far the whole grid follows the batches' mean surprise: what slows one shape down slows all."""

PRIOR_BATCHES = 8.0
"""A grid point follows the batches around it as if so many had been as expected besides."""

LARGEST_RATIO = 2.0
"""A batch that took longer (or shorter) by more than this factor counts as one that took that factor."""

ASSUMED_SECONDS, ASSUMED_TOKENS = 1e-5, 32
"""Before anything was measured: so many seconds a token, and a run as such costs so many tokens more."""


class CostSurface:
    """Seconds of a batch of `items` of `length` tokens each. Used by one thread.

    Where a model pads, the length is that of the longest item; where it does not, their mean.
    """

    def __init__(self, max_items: int) -> None:
        self.max_items = max_items
        self.is_measured = False
        self._counts = _doublings(max_items)
        self._lengths = [1, 16, 64, 256, 1024]
        self._grid: Array = np.array(
            [
                [ASSUMED_SECONDS * (count * length + ASSUMED_TOKENS) for count in self._counts]
                for length in self._lengths
            ]
        )
        self._forget_served()
        self._lines: Array = np.empty(0)
        self._rows: dict[int, Array] = {}
        self._ideals: dict[int, float] = {}
        self._draw()

    def measured(self, lengths: Sequence[int], seconds: Sequence[Sequence[float]]) -> None:
        """Takes measurements in place of what is known.

        `seconds[i][j]` is what 2^j items of `lengths[i]` took; a row may end early, and then goes on in
        proportion. Lengths ascend. No more items than were worth measuring make a batch from here on.
        """
        counts = self._counts = self._counts[: max(len(row) for row in seconds)]
        self.max_items = counts[-1]
        self._lengths = list(lengths)
        self._grid = np.array(
            [
                [
                    row[j] if j < len(row) else row[-1] * count / counts[len(row) - 1]
                    for j, count in enumerate(counts)
                ]
                for row in seconds
            ]
        )
        self.is_measured = True
        self._forget_served()
        self._draw()

    def observe(self, items: int, length: int, seconds: float) -> None:
        """Learns from a batch that was served."""
        if not self.is_measured:
            self._grid *= seconds / self.seconds(items, length)
            self.is_measured = True
            self._draw()
            return
        excess = min(max(seconds / self.seconds(items, length), 1.0 / LARGEST_RATIO), LARGEST_RATIO) - 1.0
        self._served += 1
        self._excess += excess
        for i, near in _corners(self._lengths, length):
            for j, close in _corners(self._counts, items):
                self._pull[i, j] += near * close * excess
                self._weight[i, j] += near * close
        if self._served == BATCHES_KEPT:
            self._grid *= 1.0 + COMMON_SHARE * self._excess / self._served
            self._grid *= 1.0 + self._pull / (self._weight + PRIOR_BATCHES)
            self._forget_served()
            self._draw()

    def seconds(self, items: int, length: int) -> float:
        """What a batch is expected to take."""
        return float(self.row(length)[items])

    def ideal(self, length: int) -> float:
        """Seconds per item of that length in the batch that suits it best: its share at full speed."""
        ideal = self._ideals.get(length)
        if ideal is None:
            row = self.row(length)
            ideal = self._ideals[length] = float((row[1:] / np.arange(1, len(row))).min())
        return ideal

    def row(self, length: int) -> Array:
        """Seconds of a batch of 0 … `max_items` items of that length. Not to be written to."""
        row = self._rows.get(length)
        if row is None:
            row = self._rows[length] = self._interpolated(length)
        return row

    def _interpolated(self, length: int) -> Array:
        lengths, lines = self._lengths, self._lines
        above = bisect_right(lengths, length)
        row: Array
        if above == 0:
            row = lines[0]
        elif above == len(lengths):
            row = lines[-1] * (length / lengths[-1])
        else:
            part = (length - lengths[above - 1]) / (lengths[above] - lengths[above - 1])
            row = lines[above - 1] + part * (lines[above] - lines[above - 1])
        return row

    def _draw(self) -> None:
        """Fills in the numbers of items between the measured ones, and forgets the rows made before."""
        grid = np.minimum.accumulate(np.minimum.accumulate(self._grid[::-1, ::-1], axis=0), axis=1)[
            ::-1, ::-1
        ]
        counts, every = self._counts, np.arange(self.max_items + 1)
        known = np.array([0, *counts])
        lines = np.array([np.interp(every, known, [0.0, *line]) for line in grid])
        beyond = every > counts[-1]  # where the most items are no power of two
        lines[:, beyond] = grid[:, -1:] * (every[beyond] / counts[-1])
        self._lines = lines
        self._rows.clear()
        self._ideals.clear()

    def _forget_served(self) -> None:
        self._served, self._excess = 0, 0.0
        self._pull: Array = np.zeros_like(self._grid)
        self._weight: Array = np.zeros_like(self._grid)


def _doublings(most: int) -> list[int]:
    counts = [1]
    while counts[-1] * 2 <= most:
        counts.append(counts[-1] * 2)
    return counts


def _corners(points: Sequence[int], value: int) -> list[tuple[int, float]]:
    """The grid points on either side, with their weights; one where the value is outside."""
    above = bisect_right(points, value)
    if above == 0:
        return [(0, 1.0)]
    if above == len(points):
        return [(above - 1, 1.0)]
    part = (value - points[above - 1]) / (points[above] - points[above - 1])
    return [(above - 1, 1.0 - part), (above, part)]


# Measures the cost of batches before the first request, which also warms up every shape.
#
# Each sample is run in batches of 1, 2, 4, … copies, as long as a doubled batch takes clearly less than
# twice the time. On a CPU this ends after a few hundred tokens; on a GPU it continues. Then all batches are
# run again, and the shortest run of each counts: a short disturbance spoils one pass and not the others.
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
