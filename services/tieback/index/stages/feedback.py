"""The query expanded by its first hits."""

from __future__ import annotations

from tieback.index.query.ranking import expanded_ranker
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _expand(state: Searching) -> None:
    if state.query.expansion is not None:
        second = expanded_ranker(
            *(state.memory, state.query, state.query.expansion, state.asked, state.check, state.recorder)
        )
        state.ranker = second or state.asked


STEP = Step(_expand, lambda state: state.query.expansion is not None, enters_itself=True)
