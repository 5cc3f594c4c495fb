"""A query of any modality becomes hits: encode, fuse, search, rerank, merge."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from tieback.answer.hearing import Ears, Heard
from tieback.answer.ingestion import describe
from tieback.answer.stopwatch import Stopwatch, hop
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Overloaded, TiebackError, Unavailable
from tieback.core.types import (
    Alignment,
    Fused,
    FusePart,
    Hit,
    Limits,
    MethodChoice,
    Modality,
    QueryPart,
    RerankCandidate,
    Retrieval,
    RetrievedHit,
    RetrieveReply,
    Role,
    Routing,
    RoutingExplanation,
    SearchReply,
    Truncation,
    Vector,
)
from tieback.methods.ranking import rankings
from tieback.methods.reranking import rerankings
from tieback.ports import DEFAULT_RERANKING, IndexPort, RerankerPort, RouterPort
from tieback.router.joint_space import NAME as JOINT

DEFAULT_LIMIT, MOST_HITS = 10, 100
FEWEST_CANDIDATES, MOST_CANDIDATES = 20, 1000
NO_RERANKING = "none"

ENCODE_SHARE = 0.5
"""Of the time that is left, so much may go by until the spaces that have not answered are given up."""

TRANSIENT = (Unavailable, Overloaded, DeadlineExceeded)
"""What a part's trouble looks like, as opposed to the caller's mistake."""


class Retriever:
    """Finds what bears on a query."""

    def __init__(
        self, ears: Ears, router: RouterPort, index: IndexPort, reranker: RerankerPort, limits: Limits
    ) -> None:
        self._ears = ears
        self._router = router
        self._index = index
        self._reranker = reranker
        self._limits = limits

    async def retrieve(self, retrieval: Retrieval, watch: Stopwatch, deadline: Deadline) -> RetrieveReply:
        """Spaces and a reranker that are down or late are left out where the rest can answer."""
        method = _check(retrieval)
        fused = await self._locate(retrieval, watch, deadline)
        words = words_of(retrieval.query) or describe(fused.labels)
        found = await self._search(retrieval, fused.vector, words, watch, deadline)
        hits, lost = await self._rerank(retrieval, method, words, found.hits, watch, deadline)
        routing = fused.routing
        if lost:
            routing = _without(routing, ["reranker"])
        return RetrieveReply(hits, routing, fused.labels, watch.timing())

    async def _locate(self, retrieval: Retrieval, watch: Stopwatch, deadline: Deadline) -> Fused:
        """The query's joint vector."""
        contents = [part.content for part in retrieval.query]
        first = contents[0].data
        if len(contents) == 1 and isinstance(first, Vector) and first.space.name == JOINT:
            return Fused(first, RoutingExplanation("precomputed", {}, 0.0))
        remaining = deadline.remaining()
        heard = await self._ears.hear(
            contents,
            watch,
            truncation=Truncation.REFUSE,
            deadline=hop(deadline),
            patience=None if math.isinf(remaining) else max(remaining * ENCODE_SHARE, 0.0),
            silent=_silent(retrieval.routing, self._ears.components),
        )
        parts = [
            FusePart(encoding, retrieval.query[place].weight, place)
            for place, encodings in enumerate(heard.encodings)
            for encoding in encodings
        ]
        lost = _judge(heard)
        if not parts:
            raise next(iter(heard.failed.values()))
        with watch.stage("fuse"):
            reply = await self._router.fuse(
                [parts], role=Role.QUERY, routing=retrieval.routing, deadline=hop(deadline)
            )
        fused = reply.results[0]
        if not isinstance(fused, Fused):
            raise _blame_query(fused, parts)
        return dataclasses.replace(fused, routing=_without(fused.routing, lost)) if lost else fused

    async def _search(
        self, retrieval: Retrieval, vector: Vector, words: str, watch: Stopwatch, deadline: Deadline
    ) -> SearchReply:
        limit = retrieval.limit or DEFAULT_LIMIT
        with watch.stage("search"):
            return await self._index.search(
                retrieval.collection,
                vector=vector,
                text=words if retrieval.hybrid else "",
                limit=max(retrieval.candidates or max(4 * limit, FEWEST_CANDIDATES), limit),
                filter=retrieval.filter,
                balance_modalities=retrieval.balance_modalities,
                deadline=hop(deadline),
            )

    async def _rerank(
        self,
        retrieval: Retrieval,
        method: MethodChoice | None,
        words: str,
        hits: Sequence[Hit],
        watch: Stopwatch,
        deadline: Deadline,
    ) -> tuple[list[RetrievedHit], bool]:
        """The hits in their final order, and whether the reranker was lost."""
        limit = retrieval.limit or DEFAULT_LIMIT
        candidates = [RerankCandidate(str(p), text, hit.score) for p, hit in enumerate(hits) if (text := _look_of(hit))]
        scores: dict[int, float] = {}
        alignments: dict[int, Alignment | None] = {}
        lost = False
        if method is not None and words and candidates:
            try:
                with watch.stage("rerank"):
                    reply = await self._reranker.rerank(
                        words, candidates, method=method, explain=retrieval.explain, deadline=hop(deadline)
                    )
                scores = {int(result.id): result.rerank_score for result in reply.results}
                alignments = {int(result.id): result.alignment for result in reply.results}
            except TRANSIENT:
                lost = True  # the search's order is worth more than no answer
        merged = [hit.score for hit in hits]
        if scores:
            ranked = [[hit.score for hit in hits], [scores.get(p, math.nan) for p in range(len(hits))]]
            merged = rankings.configure("standard_scores", {"absent": "average"})(np.array(ranked)).tolist()
        order = sorted(range(len(hits)), key=lambda p: (-merged[p], p))[:limit]
        return [
            RetrievedHit(
                hit=dataclasses.replace(hits[p], score=merged[p]),
                search_score=hits[p].score,
                search_rank=p,
                rerank_score=scores.get(p),
                alignment=alignments.get(p),
            )
            for p in order
        ], lost


def words_of(query: Sequence[QueryPart]) -> str:
    """The query's own words."""
    return " ".join(
        part.content.data.strip() for part in query if isinstance(part.content.data, str) and part.weight > 0
    )
