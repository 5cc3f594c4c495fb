"""Documents: the hit of each with its next best sections beside it."""

from __future__ import annotations

import dataclasses
from itertools import islice

from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _nest(state: Searching) -> None:
    each, positions, rows = iter(state.hits), state.ranking.positions, state.groups
    state.hits = [
        dataclasses.replace(next(each), score=float(score), sections=list(islice(each, len(group) - 1)))
        for group, score in zip(rows, state.scores, strict=True)
    ]
    state.positions = [int(positions[group[0]]) for group in rows]


STEP = Step(_nest, lambda state: state.by_documents)
