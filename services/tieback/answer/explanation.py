"""What reranking and the end of a retrieval made of the hits, beside what the search says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.alignment import Reranked
from tieback_contract.hits import RetrievedHit
from tieback_contract.reports import Dropped, DroppedSection, Stage

from tieback.answer.reranking import RERANK
from tieback.core.types.search import SearchReply, StageScores

FINAL = "final"
"""The last step: the order that hits are given in, how many, and how relevant they are."""

BEST_DROPPED = 3
_ENDS = ("within_limit", "relevant", "below_floor")


def explained(
    found: SearchReply,
    ordered: Sequence[RetrievedHit],
    limit: int,
    hits: Sequence[RetrievedHit],
    reranked: Mapping[int, Reranked],
    stage: Stage,
) -> list[StageScores]:
    """What all steps made of the `hits` that are given, and tells the last `stage` what was left out.

    They are those of the first `limit` that were `ordered`, best first, that are relevant enough. `reranked`
    are all sections that were compared.
    """
    kept = {one.search_rank for one in hits}
    irrelevant = [one for one in ordered[:limit] if one.search_rank not in kept]
    left = (("min_relevance", irrelevant), ("limit", ordered[limit:]))
    stage.candidates_in, stage.candidates_out = len(ordered), len(hits)
    stage.dropped = [_dropped(reason, some) for reason, some in left if some]
    # A reranker may have made another section of a document its hit, of which the search said nothing.
    place_of = {
        one.search_rank: place
        for place, one in enumerate(hits)
        if one.hit.section_id == found.hits[one.search_rank].section_id
    }
    steps = [_given(step, place_of) for step in found.steps]
    return [*(step for step in steps if step.hits), *_by_reranking(hits, reranked), *_final(hits)]


def _given(step: StageScores, place_of: Mapping[int, int]) -> StageScores:
    """What a step of the search made of the hits that are given, by their places."""
    rows = [row for row, hit in enumerate(step.hits) if hit in place_of]
    return StageScores(
        step.stage,
        [place_of[step.hits[row]] for row in rows],
        [step.scores[row] for row in rows],
        [step.normalised[row] for row in rows] if step.normalised else (),
        [step.ranks[row] for row in rows],
        [step.kept[row] for row in rows],
        step.reasons,
    )


def _by_reranking(hits: Sequence[RetrievedHit], reranked: Mapping[int, Reranked]) -> list[StageScores]:
    """What the reranking method made of the hits, where there was one."""
    if not reranked:
        return []
    compared = np.array([one.rerank_score for one in reranked.values()])
    scores = np.array([math.nan if one.rerank_score is None else one.rerank_score for one in hits])
    standard = (scores - compared.mean()) / (compared.std() or 1.0)
    ranks = np.searchsorted(np.sort(-compared), -np.nan_to_num(scores, nan=math.inf))
    why = np.isnan(scores).astype(np.int64)
    return [
        StageScores(
            RERANK,
            range(len(hits)),
            scores.tolist(),
            standard.tolist(),
            ranks.tolist(),
            why.tolist(),
            ("compared", "not_compared"),
        )
    ]


def _final(hits: Sequence[RetrievedHit]) -> list[StageScores]:
    """The end: the score that a hit is ordered by, and its relevance."""
    if not hits:
        return []
    places = range(len(hits))
    relevance = [math.nan if one.relevance is None else one.relevance for one in hits]
    why = [0 if one.relevance is None else 2 if one.below_floor else 1 for one in hits]
    return [StageScores(FINAL, places, [one.hit.score for one in hits], relevance, places, why, _ENDS)]


def _dropped(reason: str, left: Sequence[RetrievedHit]) -> Dropped:
    best = [DroppedSection(one.hit.item_id, one.hit.section_id, one.hit.score) for one in left[:BEST_DROPPED]]
    return Dropped(reason, len(left), best)
