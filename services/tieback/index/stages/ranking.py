"""Ranking of the sections: by the vector, the words, or both."""

from __future__ import annotations

from tieback.index.query.ranking import Ranker
from tieback.index.query.recorder import VECTORS, WORDS, enter
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _prepare(state: Searching) -> None:
    query = state.query
    enter(state.recorder, WORDS if query.text else VECTORS)
    state.asked = state.ranker = Ranker(
        *(state.memory, query, state.allowed, state.check),
        vector=query.vector,
        words=state.memory.words.shares(query.text, state.check) if query.text else None,
        recorder=state.recorder,
        second=query.second,
    )


STEP = Step(_prepare, enters_itself=True)
