"""Hits are left out whose score of a stage is lower than the query takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from tieback_contract.hits import RetrievedHit

from tieback.answer.stages.relevance import dropped
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.errors import InvalidInput
from tieback.query_stages.stage import OPTIONS

_SCORES: Mapping[str, Callable[[RetrievedHit], float | None]] = {
    "search": lambda one: one.search_score,
    "rerank": lambda one: one.rerank_score,
    "rank": lambda one: one.hit.score,
}


def _check(state: Retrieving) -> None:
    for name, least in (state.plan.options.min_scores or {}).items():
        field = OPTIONS["min_scores"].key(name)
        if name not in _SCORES:
            raise InvalidInput(
                f"no stage {name!r} gives scores; name one of {', '.join(_SCORES)}", field=field
            )
        if math.isnan(least):
            raise InvalidInput(f"the lowest score of {name} is no number", field=field)


async def _wants(state: Retrieving) -> None:
    """Hits beyond the limit, which take the places of those that are left out."""
    state.orders_all |= bool(state.plan.options.min_scores)


async def _drop(state: Retrieving) -> None:
    least, ordered = state.plan.options.min_scores or {}, state.ordered or ()
    kept = [one for one in ordered if _is_enough(one, least)]
    low = [one for one in ordered if not _is_enough(one, least)]
    state.ordered = kept
    if low:
        state.stage.dropped = [*state.stage.dropped, dropped("min_score", low)]


def _is_enough(hit: RetrievedHit, least: Mapping[str, float]) -> bool:
    scores = ((_SCORES[name](hit), lowest) for name, lowest in least.items())
    return all(score is None or score >= lowest for score, lowest in scores)


STEP = Step(_drop, lambda state: bool(state.plan.options.min_scores), _check, _wants)
