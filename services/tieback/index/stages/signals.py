"""Signals of the hits, for a learned ranking."""

from __future__ import annotations

import dataclasses

from tieback.index.recorder import SIGNALS
from tieback.index.signals import signals_of
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _compute(state: Searching) -> None:
    signals = signals_of(*(state.memory, state.query, state.asked, state.ranking, state.groups, state.check))
    if state.recorder is not None:
        state.recorder.passed(SIGNALS, len(state.hits), len(state.hits))
    state.hits = [dataclasses.replace(hit, signals=one) for hit, one in zip(state.hits, signals, strict=True)]


STEP = Step(_compute, lambda state: bool(state.query.signals))
