"""What reranking and the end of a retrieval made of the hits, beside what the search says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tieback.answer.reranking import RERANK
from tieback.core.types.arrays import Array
from tieback.core.types.report import Dropped, DroppedSection, Stage
from tieback.core.types.rerank import RerankResult
from tieback.core.types.retrieval import RetrievedHit
from tieback.core.types.search import StageScore

FINAL = "final"
"""The last step: the order that hits are given in, how many, and how relevant they are."""

BEST_DROPPED = 3


def explain_end(
    ordered: Sequence[RetrievedHit],
    limit: int,
    hits: Sequence[RetrievedHit],
    reranked: Mapping[int, RerankResult],
    stage: Stage,
) -> None:
    """Appends the last steps to those of the hits, and tells the `stage` what was left out.

    They are those of the first `limit` that were `ordered`, best first, that are relevant enough. `reranked`
    are all sections that were compared.
    """
    kept = {one.search_rank for one in hits}
    irrelevant = [one for one in ordered[:limit] if one.search_rank not in kept]
    left = (("min_relevance", irrelevant), ("limit", ordered[limit:]))
    stage.candidates_in, stage.candidates_out = len(ordered), len(hits)
    stage.dropped = [_dropped(reason, some) for reason, some in left if some]
    compared = np.array([one.rerank_score for one in reranked.values()])
    for place, one in enumerate(hits):
        one.hit.stages.extend(_by_reranking(one, compared))
        one.hit.stages.append(StageScore(FINAL, one.hit.score, one.relevance, place, _why(one)))


def _by_reranking(one: RetrievedHit, compared: Array) -> list[StageScore]:
    """What the reranking method made of a hit; `compared` are its scores of all sections."""
    if not len(compared):
        return []
    score = one.rerank_score
    if score is None:
        return [StageScore(RERANK, None, None, 0, "not_compared")]
    standard = (score - compared.mean()) / (compared.std() or 1.0)
    return [StageScore(RERANK, score, float(standard), int((compared > score).sum()), "compared")]


def _why(one: RetrievedHit) -> str:
    if one.relevance is None:
        return "within_limit"
    return "below_floor" if one.below_floor else "relevant"


def _dropped(reason: str, left: Sequence[RetrievedHit]) -> Dropped:
    best = [DroppedSection(one.hit.item_id, one.hit.section_id, one.hit.score) for one in left[:BEST_DROPPED]]
    return Dropped(reason, len(left), best)
