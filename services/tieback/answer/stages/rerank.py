"""A closer look at what a search found."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

import numpy as np

from tieback.answer.plan import NO_RERANKING
from tieback.answer.spaces.encoding import LATE
from tieback.answer.stages.compare import compares_vectors
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.answer.stopwatch import hop, seconds_of
from tieback.core.call import Call
from tieback.core.types.content import Content
from tieback.core.types.rerank import RerankRequest
from tieback.core.types.search import StageScores

# How long reranking takes, learned from what it took, so that what cannot be in time is not begun.
#
# A method takes some time for each candidate: little where it compares vectors that are kept, much where it
# encodes texts. The time of the last calls is what the next one is expected to take. While a method is left
# out nothing is learned of it, so its expected time falls a little each time, and it is tried again some
# day.
_NEWEST, _FORGOTTEN = 0.3, 0.9

Kind = tuple[str, bool]
"""A method, and whether vectors of its candidates are kept."""


class RerankTimes:
    """Seconds for each candidate, by kind. Of one event loop."""

    def __init__(self) -> None:
        self._seconds: dict[Kind, float] = {}

    def fits(self, kind: Kind, candidates: int, seconds: float | None) -> bool:
        """Whether so many candidates are expected to be compared in that time; None for any time.

        What is not known yet fits.
        """
        known = self._seconds.get(kind, 0.0)
        if seconds is None or known * candidates <= seconds:
            return True
        self._seconds[kind] = known * _FORGOTTEN
        return False

    def took(self, kind: Kind, candidates: int, seconds: float) -> None:
        """Learns from a call."""
        each = seconds / max(candidates, 1)
        known = self._seconds.get(kind, each)
        self._seconds[kind] = known + _NEWEST * (each - known)

    def ended(self, kind: Kind, candidates: int, seconds: float) -> None:
        """Learns from a call that was ended after that time, and so takes longer."""
        each = seconds / max(candidates, 1)
        self._seconds[kind] = max(self._seconds.get(kind, each), each)


def _takes_place(state: Retrieving) -> bool:
    """Tell whether there are candidates; what would not be done in time by earlier calls is not begun."""
    if not state.candidates:
        return False
    until = seconds_of(hop(state.call.deadline))
    if state.server.rerank_times.fits(_kind(state), len(state.candidates), until):
        return True
    state.lost["reranker"] = LATE
    return False


async def _rerank(state: Retrieving) -> None:
    """Compares the candidates. A hit that it fails on is left to the search's order."""
    server, begun, kind = state.server, state.watch.elapsed(), _kind(state)
    if server.reranker is None or state.source is None:
        return
    request = RerankRequest(
        state.source,
        state.candidates,
        method=state.plan.options.reranker or NO_RERANKING,
        space="" if state.tokens is None else state.tokens.encoder,
        explain=state.request.explain and compares_vectors(state),
    )
    try:
        reply = await server.reranker.rerank(request, Call(hop(state.hop.deadline)))
    except asyncio.CancelledError:
        server.rerank_times.ended(kind, len(state.candidates), state.watch.elapsed() - begun)
        raise
    server.rerank_times.took(kind, len(state.candidates), state.watch.elapsed() - begun)
    state.stage.queue, state.stage.compute = reply.timing.queue, reply.timing.compute
    state.stage.candidates_in = state.stage.candidates_out = len(state.compared)
    state.reranked = {int(result.id): result for result in reply.results}


def _kind(state: Retrieving) -> tuple[str, bool]:
    """The method, and whether vectors of all candidates are kept."""
    kept = all(not isinstance(one.source, Content) for one in state.candidates)
    return (state.plan.options.reranker or NO_RERANKING).name, kept


def _explained(state: Retrieving) -> Iterable[StageScores]:
    if not state.reranked:
        return []
    hits = state.hits
    compared = np.array([one.rerank_score for one in state.reranked.values()])
    scores = np.array([math.nan if one.rerank_score is None else one.rerank_score for one in hits])
    standard = (scores - compared.mean()) / (compared.std() or 1.0)
    ranks = np.searchsorted(np.sort(-compared), -np.nan_to_num(scores, nan=math.inf))
    why = np.isnan(scores).astype(np.int64)
    return [
        StageScores(
            "rerank",
            range(len(hits)),
            scores.tolist(),
            standard.tolist(),
            ranks.tolist(),
            why.tolist(),
            ("compared", "not_compared"),
        )
    ]


STEP = Step(_rerank, _takes_place, explained=_explained)
