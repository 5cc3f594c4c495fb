"""The end of a retrieval: how many hits are given, and how relevant they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tieback_contract.hits import RetrievedHit
from tieback_contract.reports import Dropped, DroppedSection

from tieback.answer.relevance import related_first, with_relevance
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.types.search import StageScores

BEST_DROPPED = 3
_ENDS = ("within_limit", "relevant", "below_floor")


async def _judge(state: Retrieving) -> None:
    options, limit, ordered = state.plan.options, state.limit, state.ordered or ()
    least = options.min_relevance or 0.0
    hits = with_relevance(ordered[:limit], state.space, state.plan.relevance_floor, least)
    state.hits = related_first(hits) if options.balance_modalities else hits
    if state.request.explain:
        kept = {one.search_rank for one in hits}
        irrelevant = [one for one in ordered[:limit] if one.search_rank not in kept]
        left = (("min_relevance", irrelevant), ("limit", ordered[limit:]))
        before = sum(one.count for one in state.stage.dropped)
        state.stage.candidates_in, state.stage.candidates_out = before + len(ordered), len(hits)
        more = [dropped(reason, some) for reason, some in left if some]
        state.stage.dropped = [*state.stage.dropped, *more]


def dropped(reason: str, left: Sequence[RetrievedHit]) -> Dropped:
    """Hits that a stage leaves out, and the best of them."""
    best = [DroppedSection(one.hit.item_id, one.hit.section_id, one.hit.score) for one in left[:BEST_DROPPED]]
    return Dropped(reason, len(left), best)


def _explained(state: Retrieving) -> Iterable[StageScores]:
    """The score that a hit is ordered by, and its relevance."""
    hits = state.hits
    if not hits:
        return []
    places = range(len(hits))
    relevance = [math.nan if one.relevance is None else one.relevance for one in hits]
    why = [0 if one.relevance is None else 2 if one.below_floor else 1 for one in hits]
    return [StageScores("final", places, [one.hit.score for one in hits], relevance, places, why, _ENDS)]


STEP = Step(_judge, explained=_explained)
