"""Hits in the order of a learned ranking, each with its signals and what they add to its score."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
from tieback_contract.hits import Hit, RetrievedHit, SignalShare

from tieback.core.order import best_first
from tieback.core.types.signals import Signals


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
