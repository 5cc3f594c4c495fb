"""Rows that follow each other in the text are merged, those first that are most alike.

Each row of the result is of one range of the text. As `ward`, but only neighbours are candidates: the
sequential pooling of Clavié et al. (2024, arXiv:2409.14683) with boundaries where the rows differ most.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.token_pooling import Factor, group_count, token_poolings


@token_poolings.method
def neighbours(rows: Array, *, factor: Factor = 3) -> Array:
    """The cost of merging two neighbouring groups is Ward's: it adds to squared distances to the means."""
    wanted = group_count(len(rows), factor)
    sums = [row.astype(np.float32) for row in rows]
    sizes = [1] * len(rows)
    costs = (1 - np.einsum("nw,nw->n", rows[1:], rows[:-1])).tolist()
    while len(sums) > wanted:
        place = int(np.argmin(costs))
        sums[place] = sums[place] + sums.pop(place + 1)
        sizes[place] += sizes.pop(place + 1)
        costs.pop(place)
        for left in (place - 1, place):
            if 0 <= left < len(costs):
                costs[left] = _cost(sums[left], sizes[left], sums[left + 1], sizes[left + 1])
    return np.repeat(np.arange(len(sizes)), sizes)


def _cost(one: Array, size: int, other: Array, other_size: int) -> float:
    difference = one / size - other / other_size
    return float(difference @ difference) * size * other_size / (size + other_size)
