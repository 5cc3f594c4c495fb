"""Vector, full-text and hybrid search over one collection in memory. Runs in a thread, under the lock.

A ranking (`index/query/ranking.py`) becomes hits (`stages/`). With query expansion the ranking is that of the
expanded query (`index/query/ranking.py`); what a hit says of its similarity and its words is of the query as
it was given.
"""

from __future__ import annotations

from tieback_contract.reports import Timing

from tieback.collections.query import Query
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.types.search import SearchReply
from tieback.filters import Check
from tieback.index.memory.collection import Memory
from tieback.index.query.recorder import FILTER, HITS, Recorder, enter
from tieback.index.stages import pipeline
from tieback.index.stages.ranking import STEP as RANKING
from tieback.index.stages.state import Searching


def search(
    memory: Memory,
    query: Query,
    check: Check,
    recorder: Recorder | None = None,
    deadline: Deadline = NO_DEADLINE,
) -> SearchReply:
    """The nearest sections, best first; equal scores are ordered by item id and ordinal.

    Where the query is to be explained, `recorder` is told of every step.
    """
    enter(recorder, FILTER)
    state = Searching(memory, query, check, recorder, deadline, memory.scan(query.filter, check))
    with memory.lock.reading():
        for stage, step in pipeline():
            if not step.takes_place(state):
                continue
            if step is RANKING and not state.allowed.any():
                return SearchReply([], _explained(recorder), reached=state.reached)
            if stage.shown and not step.enters_itself:
                enter(recorder, stage.shown)
            step.run(state)
        reached = state.reached
        if reached is not None and reached.seconds is not None:
            memory.recalls.took(reached, state.asked.vector_seconds)
        if recorder is not None:
            recorder.passed(HITS, len(state.hits), len(state.hits))
        steps = () if recorder is None else recorder.of_hits(state.positions)
        expanded = state.ranker is not state.asked
        return SearchReply(state.hits, _explained(recorder), expanded, reached, steps)


def _explained(recorder: Recorder | None) -> Timing:
    return Timing() if recorder is None else Timing(stages=recorder.stages())
