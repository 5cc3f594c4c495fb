"""Choice of how far the vector is searched for, where a measurement decides on it."""

from __future__ import annotations

import dataclasses

from tieback.core.types.search import Reached
from tieback.index.query.comparison import searched
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step
from tieback.methods.vector_search import Reach

_TIME_SHARE = 0.5  # of the time that is left, for the search by the vector


def _measure(state: Searching) -> None:
    """Chooses a breadth, with what is expected of it."""
    query, memory = state.query, state.memory
    wanted, seconds = query.reach.recall, query.reach.seconds
    with searched(memory, by_both=query.second is not None) as kinds:
        if seconds is None:
            reached = Reached(*memory.recalls.breadth_for(kinds, wanted or 0.0, state.check))
        else:
            seconds = min(seconds, _TIME_SHARE * state.deadline.remaining())
            reached = memory.recalls.breadth_within(kinds, seconds, state.check)
    state.query, state.reached = dataclasses.replace(query, reach=Reach(reached.breadth)), reached


def _is_measured(state: Searching) -> bool:
    reach = state.query.reach
    return reach.recall is not None or reach.seconds is not None


STEP = Step(_measure, _is_measured)
