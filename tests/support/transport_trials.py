"""Sets of rows of which one candidate matches the query and one does not.

A query has 8 random rows. The matched candidate has a noisy copy of each. The wrong candidate has copies of
half of them, and unrelated rows for the others. One of the two, by turns, has further unrelated rows, as a
long text or a full picture has parts that the query does not ask for. The noise was chosen with a seed
that is not used, so that no method is always right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tieback.methods.reranking import rerankings
from tieback.models.encoder_model import unit_rows
from tieback_contract.arrays import Array

ROWS, WIDTH, NOISE = 8, 64, 2.5  # a copy is the row and noise of so many times its length
TRIALS = 200
MANY = 16
POINTS = 10


def preferred(seed: int, unrelated: int) -> dict[str, float]:
    """In how many per cent of the trials the matched candidate scores higher, by the method."""
    trials = list(_trials(seed, unrelated))
    found = {}
    for name in rerankings.names():
        compare = rerankings.configure(name)
        scores = np.stack([compare(query, rows, mask, lambda: None) for query, rows, mask in trials])
        found[name] = 100 * float((scores[:, 0] > scores[:, 1]).mean())
    return found


def _trials(seed: int, unrelated: int) -> Iterator[tuple[Array, Array, Array]]:
    """A query's rows, and the rows and the mask of its two candidates, the matched one first.

    The first rows of the matched candidate are the copies, in the query's order. Both candidates have
    unrelated rows, and the mask hides those of one, by turns.
    """
    draw = np.random.default_rng([seed, unrelated])

    def random(*shape: int) -> Array:
        return unit_rows(draw.normal(size=(*shape, WIDTH)))

    for number in range(TRIALS):
        query = random(ROWS)
        rows = random(2, ROWS + unrelated)
        rows[:, :ROWS] = unit_rows(query + NOISE * rows[:, :ROWS])
        rows[1, ROWS // 2 : ROWS] = random(ROWS - ROWS // 2)
        mask = np.ones(rows.shape[:2], bool)
        mask[number % 2, ROWS:] = False
        yield query, rows, mask
