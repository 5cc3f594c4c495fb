"""Chooses the items of the next batch: those that are computed most efficiently together.

The efficiency of a batch is the time of its items at full speed (each in its best batch) over the time of the
batch. It is 1 if nothing is lost, and less if short items are padded to a long one or if the batch is too
small for the machine. Both functions take measured costs and return positions in the given lists.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.batching.cost_surface import CostSurface

TOLERANCE = 0.98
"""Of batches whose efficiency is this near to the best one, the smallest is taken: it is done sooner."""

EXPLORED = 0.8
"""Now and then the largest of those this near to the best is taken, to see whether its cost is still true."""


def best_run(
    lengths: Sequence[int],
    head: int,
    surface: CostSurface,
    *,
    budget: int,
    overhead: float = 0.0,
    slack: Sequence[float] | None = None,
    explores: bool = False,
) -> tuple[int, int]:
    """The run `[low, high)` of items sorted by length that contains `head` and is computed most efficiently.

    A run costs its longest item times their number, which is at most `budget` unless it is the head alone,
    and `overhead` seconds for being a batch. `slack` are the seconds that each item can wait for its result:
    a run that takes longer is not chosen, unless it is the head alone. `explores` asks for a large batch that
    may be a little less efficient than thought, or more.
    """
    most = surface.max_items
    if len(lengths) == 1:
        return head, head + 1
    first = max(0, head + 1 - most)
    last = min(len(lengths), head + most)
    lows = np.arange(first, head + 1)
    highs = np.arange(head + 1, last + 1)
    longest = np.array(lengths[head:last])
    items = highs[:, None] - lows[None, :]  # [highs, lows]
    fits = (items <= most) & (items * longest[:, None] <= budget)
    rows = np.stack([surface.row(length) for length in lengths[head:last]])
    seconds = np.take_along_axis(rows, np.minimum(items, most), axis=1)
    ideal = np.cumsum([0.0, *(surface.ideal(length) for length in lengths[first:last])])
    useful = ideal[highs - first][:, None] - ideal[lows - first][None, :]
    if slack is not None:
        up = np.minimum.accumulate(np.array(slack[head:last]))
        down = np.minimum.accumulate(np.array(slack[first : head + 1])[::-1])[::-1]
        fits &= seconds <= np.minimum(up[:, None], down[None, :])
    efficiency = np.where(fits, useful / (seconds + overhead), 0.0)
    best = float(efficiency.max())
    if not best:
        return head, head + 1
    if explores:
        size = np.where(efficiency >= EXPLORED * best, -items, 0)
    else:
        size = np.where(efficiency >= TOLERANCE * best, items, most + 1)
    high, low = np.unravel_index(int(size.argmin()), size.shape)
    return int(lows[low]), int(highs[high])


def best_prefix(lengths: Sequence[int], surface: CostSurface, *, budget: int, overhead: float = 0.0) -> int:
    """How many of the first items, in the order of their turns, are computed most efficiently together.

    For models that compute no padding: a batch costs the sum of its items, at most `budget` unless it is the
    first alone.
    """
    count = min(len(lengths), surface.max_items)
    if count == 1:
        return 1
    totals = np.cumsum(lengths[:count])
    useful = np.cumsum([surface.ideal(length) for length in lengths[:count]])
    seconds = np.array(
        [surface.seconds(items, -(-int(total) // items)) for items, total in enumerate(totals, start=1)]
    )
    efficiency = np.where(totals <= budget, useful / (seconds + overhead), 0.0)
    best = float(efficiency.max())
    return int(np.argmax(efficiency >= TOLERANCE * best)) + 1 if best else 1
