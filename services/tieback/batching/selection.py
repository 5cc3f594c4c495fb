"""Selects the next batch: the item whose turn it is, with the items that suit it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from tieback.batching.cost_surface import CostSurface
from tieback.batching.fair_queue import Turn
from tieback.batching.request import HasTokens, Request

# Chooses the items of the next batch: those that are computed most efficiently together.
#
# The efficiency of a batch is the time of its items at full speed (each in its best batch) over the time of
# the batch. It is 1 if nothing is lost, and less if short items are padded to a long one or if the batch is
# too small for the machine. Both functions take measured costs and return positions in the given lists.
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


OVERHEAD_SMOOTHING = 0.05
"""Weight of the newest batch in the measured seconds that a batch costs besides its run."""

LONGEST_OVERHEAD = 0.002
"""Seconds between two batches that count as that cost; the rest was another process's doing."""

W = TypeVar("W", bound=HasTokens)
R = TypeVar("R")


class Selection(Generic[W, R]):
    """Chooses batches by what such batches were measured to cost; for one thread.

    `pads` is whether a batch costs its longest item times their number, or the sum of its items. `budget`
    bounds its tokens, padding included; an item over it runs alone.
    """

    def __init__(self, surface: CostSurface, *, pads: bool, budget: int) -> None:
        self._surface = surface
        self._pads, self._budget = pads, budget
        self._overhead = 0.0

    def choose(
        self, window: Sequence[Turn[Request[W, R]]], now: float, *, explores: bool
    ) -> list[Turn[Request[W, R]]]:
        """The next batch, of what waits in the order of turns; one that `explores` is large."""
        head = self._most_urgent(window, now)
        return [head] if head.request.alone else self._gather(head, window, now, explores)

    def expected(self, batch: Sequence[Turn[Request[W, R]]]) -> float:
        """The seconds that a batch is expected to take."""
        return self._surface.seconds(len(batch), self.length([turn.cost for turn in batch]))

    def length(self, costs: Sequence[int]) -> int:
        """The length of a batch as the cost surface counts it."""
        return max(costs) if self._pads else -(-sum(costs) // len(costs))

    def was_between(self, seconds: float) -> None:
        """Learns how long it was from the end of a batch to the beginning of the next."""
        self._overhead += OVERHEAD_SMOOTHING * (min(seconds, LONGEST_OVERHEAD) - self._overhead)

    def _gather(
        self,
        head: Turn[Request[W, R]],
        window: Sequence[Turn[Request[W, R]]],
        now: float,
        explores: bool,
    ) -> list[Turn[Request[W, R]]]:
        """The head, and those of its group that are computed most efficiently with it."""
        group = head.request.group
        alike = [turn for turn in window if turn.request.group == group and not turn.request.alone]
        if len(alike) == 1:
            return alike
        if not self._pads:
            if alike[0] is not head:
                alike.remove(head)
                alike.insert(0, head)
            lengths = [turn.cost for turn in alike]
            count = best_prefix(lengths, self._surface, budget=self._budget, overhead=self._overhead)
            return alike[:count]
        alike.sort(key=lambda turn: (turn.cost, turn is not head, turn.turn))  # the head first among equals
        slack = None
        if any(turn.request.deadline.at < math.inf for turn in alike):
            slack = [turn.request.deadline.at - now for turn in alike]
        low, high = best_run(
            [turn.cost for turn in alike],
            next(place for place, turn in enumerate(alike) if turn is head),
            self._surface,
            budget=self._budget,
            overhead=self._overhead,
            slack=slack,
            explores=explores,
        )
        return alike[low:high]

    def _most_urgent(self, window: Sequence[Turn[Request[W, R]]], now: float) -> Turn[Request[W, R]]:
        """The item whose turn it is; or, of the same tenant, one that would be late if it waited for that."""
        head = window[0]
        tenant, first = head.request.line.tenant, self._surface.seconds(1, head.cost)
        for turn in window[1:]:
            if turn.request.deadline.at < math.inf and turn.request.line.tenant == tenant:
                needed = self._surface.seconds(1, turn.cost)
                left = turn.request.deadline.at - now
                if needed < left < needed + first and turn.request.deadline.at < head.request.deadline.at:
                    head = turn
        return head
