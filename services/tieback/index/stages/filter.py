"""Sections that the filter lets through."""

from __future__ import annotations

from tieback.index.query.recorder import note_filter
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _filter(state: Searching) -> None:
    memory = state.memory
    state.allowed = memory.allowed(state.query.filter, state.scans, state.check)
    if state.recorder is not None:
        note_filter(state.recorder, memory.section_count, state.allowed)


STEP = Step(_filter)
