"""The order of a learned ranking."""

from __future__ import annotations

from tieback_contract.method_choice import is_chosen

from tieback.answer.learned_order import learned_order
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.types.signals import NAMES


def _takes_place(state: Retrieving) -> bool:
    return state.server.ranker is not None and is_chosen(state.plan.options.ranker) and state.ordered is None


async def _wants(state: Retrieving) -> None:
    """The signals that the ranking reads; all where the result is explained."""
    ranker = state.server.ranker
    if ranker is not None and _takes_place(state):
        state.signals = {*NAMES, *ranker.read} if state.request.explain else ranker.read


async def _rank(state: Retrieving) -> None:
    hits, explain = state.found.hits, state.request.explain
    if state.server.ranker is not None:
        state.ordered = learned_order(hits, state.server.ranker, state.most_ordered, explain=explain)


STEP = Step(_rank, _takes_place, wants=_wants)
