"""Sentences of the hits that have words of the query."""

from __future__ import annotations

from tieback.index.highlights import with_highlights
from tieback.index.recorder import HIGHLIGHTS
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _choose(state: Searching) -> None:
    state.hits = with_highlights(state.memory, state.query, state.hits, state.positions, state.check)
    if state.recorder is not None:
        state.recorder.passed(HIGHLIGHTS, len(state.hits), len(state.hits))


STEP = Step(_choose, lambda state: state.query.highlights > 0)
