"""Which of the waiting items go into the next batch: pure functions of their costs.

Both take the items' costs in tokens (each at least 1), in the order of their turns, and return the places of
those chosen. The first item, whose turn it is, is always among them; alone, if it is over the budget.
"""

from __future__ import annotations

from collections.abc import Sequence

PADDING_LIMIT = 0.2
"""Share of a batch that may be padding; past it, two smaller batches are faster than a padded one."""


def fill_plain(costs: Sequence[int], *, budget: int, max_items: int) -> list[int]:
    """The first items whose costs sum to the budget at most: for models that compute no padding."""
    total = costs[0]
    count = 1
    while count < min(len(costs), max_items) and total + costs[count] <= budget:
        total += costs[count]
        count += 1
    return list(range(count))


def fill_padded(costs: Sequence[int], *, budget: int, max_items: int) -> list[int]:
    """The first item and those nearest to it in length: a batch costs its longest item times their number.

    Grows a run of the items sorted by length, from the first item to either side, each step where it adds the
    least padding, until the budget, the number of items or `PADDING_LIMIT` would be passed on both sides.
    """
    if len(costs) == 1:
        return [0]
    order = sorted(range(len(costs)), key=costs.__getitem__)  # stable: by turn among equals
    low = order.index(0)
    high = low + 1
    useful = costs[0]
    while high - low < max_items:
        steps: list[tuple[int, int]] = []  # padding after the step, the place it takes
        for place in (low - 1, high):
            if 0 <= place < len(order):
                longest = costs[order[max(place, high - 1)]]
                padded = (high - low + 1) * longest
                padding = padded - useful - costs[order[place]]
                if padded <= budget and padding <= PADDING_LIMIT * padded:
                    steps.append((padding, place))
        if not steps:
            break
        _, place = min(steps)
        useful += costs[order[place]]
        low, high = min(low, place), max(high, place + 1)
    return order[low:high]
