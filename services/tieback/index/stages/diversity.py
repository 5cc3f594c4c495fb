"""Hits that are unlike those before them; each is compared by its best section."""

from __future__ import annotations

from tieback.collections.diversity import diversified
from tieback.index.query.comparison import vectors_of
from tieback.index.query.recorder import note_diversity
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _choose(state: Searching) -> None:
    query = state.query
    best = state.ranking.positions[[row for row, *_ in state.groups]]
    vectors = vectors_of(state.memory, best, query.ignored)
    chosen = diversified(state.scores, vectors, query.options.diversity or 0.0, query.limit)
    if state.recorder is not None:
        note_diversity(state.recorder, best, state.scores, chosen)
    state.groups, state.scores = [state.groups[place] for place in chosen], state.scores[chosen]


STEP = Step(_choose, lambda state: bool(state.query.options.diversity and state.groups))
