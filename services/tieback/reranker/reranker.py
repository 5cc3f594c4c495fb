"""Orders candidates by a closer look."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

import numpy as np

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput
from tieback.core.types import (
    AlignedPair,
    Alignment,
    Array,
    Limits,
    MethodChoice,
    RerankCandidate,
    RerankReply,
    RerankResult,
    Stage,
    TokenVectors,
)
from tieback.methods.ranking import rankings
from tieback.methods.reranking import Alignments, Reranking, rerankings
from tieback.ports import DEFAULT_RERANKING, EncoderPort
from tieback.reranker.sources import look

CHUNK = 32
"""Candidates compared at once: the unit after which a cancelled or late request stops."""

PAIRS_SHOWN = 32


class Reranker:
    """A `RerankerPort` that takes token vectors from an encoder's space; `space` is the default one."""

    def __init__(
        self, encoder: EncoderPort, *, space: str = "all-minilm-l6-v2", limits: Limits | None = None
    ) -> None:
        self._encoder = encoder
        self._space = space
        self._limits = limits or Limits()

    async def rerank(
        self,
        query: str | TokenVectors,
        candidates: Sequence[RerankCandidate],
        *,
        method: MethodChoice = DEFAULT_RERANKING,
        fusion: MethodChoice | None = None,
        space: str = "",
        limit: int = 0,
        explain: bool = False,
        deadline: Deadline = NO_DEADLINE,
    ) -> RerankReply:
        """The candidates, best first; equal ones in the order of the first ranking.

        InvalidInput names the candidate that is empty, the parameter that is unknown; SpaceMismatch where
        token vectors came of two spaces.
        """
        arrival = time.perf_counter()
        compare = rerankings.configure(method.name, method.parameters, field="method")
        merge = rankings.configure(fusion.name, fusion.parameters, field="fusion") if fusion else None
        self._check(candidates)
        if isinstance(query, TokenVectors):
            space = space or query.space.name
        deadline.check("reranking")
        sources = [("query", query)]
        sources += [(f"candidates[{place}].source", one.source) for place, one in enumerate(candidates)]
        looked = await look(
            self._encoder,
            sources,
            space=space or self._space,
            batch_items=self._limits.batch_items,
            deadline=deadline,
        )
        encoded = time.perf_counter()
        asked, *offered = looked.tokens
        scores, alignments = await self._compare(compare, asked, offered, explain, deadline)
        final = scores
        if merge is not None:
            final = merge(np.array([[candidate.score for candidate in candidates], scores]))
        order = np.argsort(-final, kind="stable")[: limit or None]
        results = [
            RerankResult(
                id=candidates[place].id,
                score=float(final[place]),
                rerank_score=float(scores[place]),
                first_rank=int(place),
                alignment=alignments[place] if explain else None,
            )
            for place in order
        ]
        end = time.perf_counter()
        timing = looked.timing
        timing.stages = [
            Stage(f"encode:{asked.space.name}", 0.0, encoded - arrival),
            Stage("compare", encoded - arrival, end - encoded),
        ]
        timing.compute += end - encoded
        timing.total = end - arrival
        return RerankReply(results, timing, looked.cost)

    async def close(self) -> None:
        """Nothing is held."""

    def _check(self, candidates: Sequence[RerankCandidate]) -> None:
        if not candidates:
            raise InvalidInput("there is nothing to rerank: give at least one candidate", field="candidates")
        most = self._limits.batch_items
        if most and len(candidates) > most:
            raise InvalidInput(f"{len(candidates)} candidates; the limit is {most}", field="candidates")
        for place, candidate in enumerate(candidates):
            if not math.isfinite(candidate.score):
                raise InvalidInput(
                    f"a score is a finite number, not {candidate.score}", field=f"candidates[{place}].score"
                )

    async def _compare(
        self,
        compare: Reranking,
        query: TokenVectors,
        candidates: Sequence[TokenVectors],
        explain: bool,
        deadline: Deadline,
    ) -> tuple[Array, dict[int, Alignment]]:
        scores = np.zeros(len(candidates))
        alignments: dict[int, Alignment] = {}
        # Candidates of like length share a chunk, so that little of it is padding.
        by_length = sorted(range(len(candidates)), key=lambda place: len(candidates[place].values))
        for begin in range(0, len(by_length), CHUNK):
            deadline.check("comparing more candidates")
            places = by_length[begin : begin + CHUNK]
            chunk = [candidates[place] for place in places]
            found = await asyncio.to_thread(_compare_chunk, compare, query, chunk)
            scores[places] = found.scores
            if explain:
                for row, place in enumerate(places):
                    alignments[place] = _alignment(found, row, query, candidates[place])
        return scores, alignments


def _compare_chunk(compare: Reranking, query: TokenVectors, candidates: Sequence[TokenVectors]) -> Alignments:
    lengths = np.array([len(candidate.values) for candidate in candidates])
    mask = np.arange(lengths.max()) < lengths[:, None]
    tokens = np.zeros((*mask.shape, query.values.shape[1]), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        tokens[row, : lengths[row]] = candidate.values
    return compare(np.asarray(query.values, dtype=np.float32), tokens, mask)


def _alignment(found: Alignments, row: int, query: TokenVectors, candidate: TokenVectors) -> Alignment:
    """The pairs that carry the score, those without a place in the text (special tokens) left out."""
    length = len(candidate.values)
    weights, similarities = found.weights[row, :, :length], found.similarities[row, :, :length]
    carried = weights * np.maximum(similarities, 0.0)
    pairs: list[AlignedPair] = []
    for flat in np.argsort(-carried, axis=None, kind="stable"):
        i, j = divmod(int(flat), length)
        if len(pairs) == PAIRS_SHOWN or carried[i, j] <= 0:
            break
        (begin, end), (there, until) = query.spans[i], candidate.spans[j]
        if begin < end and there < until:
            pairs.append(
                AlignedPair((begin, end), (there, until), float(similarities[i, j]), float(weights[i, j]))
            )
    plan = None if found.plans is None else found.plans[row, :, :length].astype(np.float32)
    return Alignment(pairs, plan)
