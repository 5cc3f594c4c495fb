"""Selects the next batch: the item whose turn it is, with the items that suit it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

from tieback.batching.cost_surface import CostSurface
from tieback.batching.fair_queue import Turn
from tieback.batching.filling import best_prefix, best_run
from tieback.batching.request import Request
from tieback.batching.token_cost import HasTokens

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
