"""The order of hits by the search and a reranker together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.alignment import Reranked
from tieback_contract.hits import Hit, RetrievedHit
from tieback_contract.method_choice import MethodChoice

from tieback.core.order import best_first
from tieback.methods.rank_fusion import rank_fusions

RERANKING = MethodChoice("standard_scores", {"absent": "average"})
"""How reranking joins the search: both count alike; what has nothing to be compared by is not punished."""


def ranked(hits: Sequence[Hit], reranked: Mapping[int, Reranked], limit: int) -> list[RetrievedHit]:
    """The first hits in their final order: the search's, unless some were reranked."""
    if not reranked:
        return [RetrievedHit(hit, hit.score, place) for place, hit in enumerate(hits[:limit])]
    scores = [reranked[p].rerank_score if p in reranked else math.nan for p in range(len(hits))]
    both = np.array([[hit.score for hit in hits], scores])
    merged = rank_fusions.configure(RERANKING.name, RERANKING.parameters)(both)
    order = best_first(merged, lambda place: place, limit)
    return [
        RetrievedHit(
            hit=dataclasses.replace(hits[p], score=float(merged[p])),
            search_score=hits[p].score,
            search_rank=p,
            rerank_score=reranked[p].rerank_score if p in reranked else None,
            alignment=reranked[p].alignment if p in reranked else None,
        )
        for p in order
    ]
