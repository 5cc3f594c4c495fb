"""The words that are searched for."""

from __future__ import annotations

from tieback.answer.ingesting.features import describe
from tieback.answer.plan import NO_RANKER
from tieback.answer.query_words import beginning, words_of
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step


async def _read(state: Retrieving) -> None:
    """Names of classes are looked for as words only where that is asked for.

    What a photo was taken for is in its vector already, and such a word finds whatever else it names.
    """
    state.own = words_of(state.request.query)
    labels = () if state.fused is None else state.fused.labels
    # "How do I make it?" beside a photo of a cup asks about what the photo shows.
    state.words = " ".join(part for part in (state.own, describe(labels)) if part)
    wanted = state.words if state.request.options.hybrid else state.own
    if not wanted and state.plan.options.hybrid:
        state.plan = state.plan.but(hybrid=False, rank_fusion=None, ranker=NO_RANKER)
    state.searched = beginning(wanted) if state.plan.options.hybrid else ""


STEP = Step(_read)
