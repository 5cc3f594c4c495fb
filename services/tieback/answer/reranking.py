"""A closer look at what a search found, and how it joins the search's order."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.alignment import Reranked
from tieback_contract.hits import Hit, RetrievedHit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector

from tieback.answer.collection_spaces import CollectionSpace
from tieback.answer.degradation import LATE, reason_of
from tieback.answer.picture_query import whole_and_regions
from tieback.answer.plan import NO_RERANKING
from tieback.answer.rerank_times import RerankTimes
from tieback.answer.stopwatch import Stopwatch, hop, seconds_of
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, Overloaded, Unavailable
from tieback.core.order import best_first
from tieback.core.types.content import Content
from tieback.core.types.rerank import RerankCandidate, RerankRequest, RerankSource
from tieback.core.types.retrieval import QueryPart
from tieback.methods.rank_fusion import rank_fusions
from tieback.ports import RerankerPort
from tieback.token_spaces import TokenSpace

RERANKING = MethodChoice("standard_scores", {"absent": "average"})
"""How reranking joins the search: both count alike; what has nothing to be compared by is not punished."""

RERANK = "rerank"
"""The step's name."""

TRANSIENT = (Unavailable, Overloaded, DeadlineExceeded)
"""What a part's trouble looks like, as opposed to the caller's mistake."""


async def rerank(
    reranker: RerankerPort | None,
    asked: Sequence[QueryPart],
    method: MethodChoice,
    words: str,
    by_regions: CollectionSpace | None,
    tokens: TokenSpace | None,
    hits: Sequence[Hit],
    watch: Stopwatch,
    deadline: Deadline,
    times: RerankTimes,
    *,
    explain: bool,
) -> tuple[Mapping[int, Reranked], str]:
    """What the reranker says of hits, by their place, and why it was lost; empty where it was not.

    A hit that it fails on is left to the search's order, as hits without words are.

    A picture alone is compared with pictures `by_regions`, in the space that they are stored in; everything
    else by its words. Texts that came with vectors of their `tokens` are compared by those, and not encoded.
    What by the `times` of earlier calls would not be done in time is not begun.
    """
    if reranker is None or method.name == NO_RERANKING.name:
        return {}, ""
    query: RerankSource = Content(Modality.TEXT, words)
    candidates = _texts(hits, tokens) if words else []
    space = "" if tokens is None else tokens.encoder
    kind, begun = None, 0.0
    try:
        # The time is kept here too: a reranker that overruns must not cost the whole answer.
        async with asyncio.timeout(seconds_of(hop(deadline))):
            pictures = _pictures(hits)
            if by_regions is not None and pictures:
                seen = await whole_and_regions(asked, by_regions, watch, hop(deadline))
                if seen is not None:
                    query, candidates, space = seen, pictures, ""
            if not candidates:
                return {}, ""
            kept = all(not isinstance(one.source, Content) for one in candidates)
            kind, begun = (method.name, kept), watch.elapsed()
            if not times.fits(kind, len(candidates), seconds_of(hop(deadline))):
                return {}, LATE
            with watch.stage(RERANK) as stage:
                reply = await reranker.rerank(
                    RerankRequest(query, candidates, method=method, space=space, explain=explain),
                    Call(hop(hop(deadline))),
                )
                stage.queue, stage.compute = reply.timing.queue, reply.timing.compute
                stage.candidates_in = stage.candidates_out = len(hits)
            times.took(kind, len(candidates), watch.elapsed() - begun)
    except TRANSIENT as error:
        return {}, reason_of(error)  # the search's order is worth more than no answer
    except TimeoutError:
        if kind is not None:
            times.ended(kind, len(candidates), watch.elapsed() - begun)
        return {}, LATE
    return {int(result.id): result for result in reply.results}, ""


def _texts(hits: Sequence[Hit], tokens: TokenSpace | None) -> list[RerankCandidate]:
    """The hits that have words, by their places."""
    return [
        RerankCandidate(
            str(place),
            Content(Modality.TEXT, text) if (multi := stored_tokens(hit, tokens)) is None else multi,
            hit.score,
        )
        for place, hit in enumerate(hits)
        if (text := hit.text.strip())
    ]


def stored_tokens(hit: Hit, tokens: TokenSpace | None) -> MultiVector | None:
    """The vectors of the tokens of a hit's text, where it came with those of that space."""
    multi = hit.multi_vector
    return multi if multi is not None and tokens is not None and multi.space == tokens.ref else None


def _pictures(hits: Sequence[Hit]) -> list[RerankCandidate]:
    """The hits that came with their multi-vectors, by their places."""
    return [
        RerankCandidate(str(place), hit.multi_vector, hit.score)
        for place, hit in enumerate(hits)
        if hit.multi_vector is not None
    ]


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
