"""Hits of a search by documents: one for each item, with the next best sections of the item beside it.

A reranker compares the query with all these sections, as IDentIfy (arXiv:2410.02729) finds the passage within
the documents that were retrieved. It decides which section of an item is its hit. The order of the items is
by their scores in the search and by the reranker's of their best section together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tieback_contract.alignment import Reranked
from tieback_contract.hits import Hit, RetrievedHit

from tieback.answer.ranked import ranked


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
