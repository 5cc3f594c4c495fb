"""The order of a learned ranking."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
from tieback_contract.hits import Hit, RetrievedHit, SignalShare
from tieback_contract.method_choice import is_chosen

from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.order import best_first
from tieback.core.types.search import NAMES, Signals


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


class Ranker(Protocol):
    """A learned ranker."""

    @property
    def method(self) -> str:
        """The name of its method."""
        ...

    @property
    def read(self) -> Collection[str]:
        """The names of the signals that can change an order."""
        ...

    def contributions(self, candidates: Sequence[Signals]) -> list[Mapping[str, float]]:
        """Of each candidate of one query, what each signal adds to its score."""
        ...


def learned_order(hits: Sequence[Hit], ranker: Ranker, limit: int, *, explain: bool) -> list[RetrievedHit]:
    """The first hits by the sums of their signals' shares; equal ones in the order of the search."""
    shares = ranker.contributions([hit.signals for hit in hits])
    scores = [sum(one.values()) for one in shares]
    order = best_first(np.array(scores), lambda place: place, limit)
    return [
        RetrievedHit(
            hit=dataclasses.replace(hits[place], score=scores[place], signals={}),
            search_score=hits[place].score,
            search_rank=place,
            signals=_explained(hits[place].signals, shares[place]) if explain else (),
        )
        for place in order
    ]


def _explained(signals: Signals, shares: Mapping[str, float]) -> list[SignalShare]:
    """Every signal; one that the ranker does not read adds nothing. The largest shares first."""
    found = [SignalShare(name, value, shares.get(name, 0.0)) for name, value in signals.items()]
    return sorted(found, key=lambda one: -abs(one.contribution))


STEP = Step(_rank, _takes_place, wants=_wants)
