"""The order of the candidates that could be compared, and why the others could not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.field_path import at
from tieback_contract.hits import Alignment, Reranked
from tieback_contract.limits import Limits
from tieback_contract.reports import Cost, Timing

from tieback.core.alone import made_alone
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.order import best_first
from tieback.core.types.rerank import FailedCandidate, RerankCandidate, RerankReply, RerankSource
from tieback.methods.rank_fusion import RankFusion
from tieback.reranker.sources import ReadSource


@dataclass(frozen=True, slots=True)
class Ranking:
    """A query and the `sources` of the candidates that it is compared with, by their places in the request.

    `errors` tell of the candidates that cannot be compared, by place; whoever finds another one adds it.
    """

    query: ReadSource
    candidates: Sequence[RerankCandidate]
    sources: Mapping[int, ReadSource]
    errors: dict[int, TiebackError]
    merge: RankFusion | None
    limit: int

    @classmethod
    def of(
        cls,
        query: RerankSource,
        candidates: Sequence[RerankCandidate],
        merge: RankFusion | None,
        limit: int,
        limits: Limits,
    ) -> Ranking:
        """InvalidInput where the query is empty or too large, or the number of candidates is."""
        if not candidates:
            raise InvalidInput("there is nothing to rerank: give at least one candidate", field="candidates")
        most = limits.batch_items
        if most and len(candidates) > most:
            raise InvalidInput(f"{len(candidates)} candidates; the limit is {most}", field="candidates")

        def source(place: int) -> ReadSource:
            return _source(candidates[place], place, limits)

        errors: dict[int, TiebackError] = {}
        sources = made_alone(source, {place: place for place in range(len(candidates))}, errors)
        return cls(ReadSource.of(at("query"), query, limits), candidates, sources, errors, merge, limit)

    def ordered(self, scores: Mapping[int, float]) -> list[tuple[int, float]]:
        """The places of the first, best first, with what they are ordered by.

        Equal ones stay in the order of the first ranking.
        """
        places = sorted(scores)
        final = own = np.array([scores[place] for place in places])
        if self.merge is not None and places:
            final = self.merge(np.array([[self.candidates[place].score for place in places], own]))
        return [
            (places[row], float(final[row])) for row in best_first(final, lambda n: n, self.limit or None)
        ]

    def reply(
        self, scores: Mapping[int, float], alignments: Mapping[int, Alignment], timing: Timing, cost: Cost
    ) -> RerankReply:
        """The candidates with these scores in their order, and the errors of the others."""
        results = [
            Reranked(
                id=self.candidates[place].id,
                score=final,
                rerank_score=scores[place],
                first_rank=place,
                alignment=alignments.get(place),
            )
            for place, final in self.ordered(scores)
            if place not in self.errors
        ]
        failures = [
            FailedCandidate(self.candidates[place].id, place, error)
            for place, error in sorted(self.errors.items())
        ]
        return RerankReply(results, timing, cost, failures)


def _source(candidate: RerankCandidate, place: int, limits: Limits) -> ReadSource:
    if isinstance(candidate.source, TiebackError):
        raise candidate.source
    if not math.isfinite(candidate.score):
        raise InvalidInput(
            f"a score is a finite number, not {candidate.score}", field=at("candidates", place, "score")
        )
    return ReadSource.of(at("candidates", place, "source"), candidate.source, limits)
