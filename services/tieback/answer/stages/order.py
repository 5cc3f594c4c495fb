"""The order of the hits: the search's, or that of the search and a reranker together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.hits import Hit, Reranked, RetrievedHit
from tieback_contract.method_choice import MethodChoice

from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
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


async def _order(state: Retrieving) -> None:
    hits = shown(state.found.hits)
    order = ranked_documents if state.by_documents else ranked
    state.ordered = order(hits, state.reranked, state.most_ordered)


# Hits of a search by documents: one for each item, with the next best sections of the item beside it.
#
# A reranker compares the query with all these sections, as IDentIfy (arXiv:2410.02729) finds the passage
# within the documents that were retrieved. It decides which section of an item is its hit. The order of the
# items is by their scores in the search and by the reranker's of their best section together.
def sections_of(hits: Sequence[Hit]) -> list[Hit]:
    """The sections of documents, one document after the other; each scores as its document."""
    return [
        dataclasses.replace(section, score=hit.score, sections=())
        for hit in hits
        for section in (hit, *hit.sections)
    ]


def ranked_documents(hits: Sequence[Hit], reranked: Mapping[int, Reranked], limit: int) -> list[RetrievedHit]:
    """The first documents in their final order. `reranked` are by the places of `sections_of` the hits."""
    if not reranked:
        return [
            RetrievedHit(
                dataclasses.replace(hit, sections=()),
                hit.score,
                place,
                sections=[RetrievedHit(one, one.score, n) for n, one in enumerate(hit.sections, 1)],
            )
            for place, hit in enumerate(hits[:limit])
        ]
    places = [place for place, hit in enumerate(hits) for _ in range(1 + len(hit.sections))]
    found: dict[int, list[RetrievedHit]] = {}
    for one in ranked(sections_of(hits), reranked, len(places)):
        place = places[one.search_rank]
        found.setdefault(place, []).append(dataclasses.replace(one, search_rank=place))
    return [dataclasses.replace(best, sections=others) for best, *others in list(found.values())[:limit]]


STEP = Step(_order, lambda state: state.ordered is None)


def shown(hits: Sequence[Hit]) -> list[Hit]:
    """The hits without vectors, which the caller did not ask for."""
    return [
        dataclasses.replace(hit, multi_vector=None, sections=shown(hit.sections))
        if hit.multi_vector is not None or hit.sections
        else hit
        for hit in hits
    ]
