"""Sections that are similar enough."""

from __future__ import annotations

from tieback.index.query.comparison import Comparison
from tieback.index.query.recorder import note_range
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _keep(state: Searching) -> None:
    query, least = state.query, state.query.reach.similarity
    if query.vector is None or least is None:
        return
    compared = Comparison(state.memory, query.vector, query.ignored, by_modality=False, second=query.second)
    within = compared.within(least, state.allowed)
    if state.recorder is not None:
        note_range(state.recorder, state.allowed, within)
    state.allowed = within


STEP = Step(_keep, lambda state: state.query.reach.similarity is not None and state.query.vector is not None)
