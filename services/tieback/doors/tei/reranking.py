"""Texts in the order of how well they answer a query."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.core.types.rerank import DEFAULT_RERANKING, RerankCandidate, RerankRequest
from tieback.dialects import tei_pb2
from tieback.doors.tei.door import RERANKER, Models, Served, TokensPort, metadata, truncation_of
from tieback.ports import RerankerPort


class Reranking:
    """Answers the requests of the service Rerank."""

    def __init__(self, models: Models, reranker: RerankerPort, tokens: TokensPort) -> None:
        self._models = models
        self._reranker = reranker
        self._tokens = tokens

    async def rank(
        self, request: Any, texts: Sequence[str], model: str, deadline: Deadline
    ) -> tei_pb2.RerankResponse:
        """The texts, best first; `request` has the query and what else is asked."""
        served = self._models.reranker(model)
        counts, special = await self._tokens.counts(served.space, [request.query, *texts])
        if truncation_of(request) is Truncation.REFUSE:
            _check_lengths(served, counts[0], counts[1:], special)
        method = DEFAULT_RERANKING if served.name == RERANKER else MethodChoice(served.name)
        try:
            reply = await self._reranker.rerank(
                RerankRequest(
                    Content(Modality.TEXT, request.query),
                    [
                        RerankCandidate(str(place), Content(Modality.TEXT, text))
                        for place, text in enumerate(texts)
                    ],
                    method=method,
                ),
                Call(deadline),
            )
            reply.raise_for_errors()
        except TiebackError as error:
            raise error.moved(at("candidates"), at("texts")) from None
        response = tei_pb2.RerankResponse(
            metadata=metadata(sum(map(len, texts)) + len(request.query), sum(counts), reply.timing)
        )
        for result in reply.results:
            place = int(result.id)
            score = result.rerank_score
            response.ranks.add(
                index=place,
                text=texts[place] if request.return_text else None,
                score=score if request.raw_scores else _logistic(score),
            )
        return response


def _check_lengths(model: Served, query: int, texts: Sequence[int], special: tuple[int, int]) -> None:
    """InvalidInput where something would be cut, with its length and the limit."""
    if model.max_tokens is None:
        return
    alone, pair = special
    if model.name == RERANKER:
        rooms, field = (model.max_tokens - alone,) * 2, "the model reads"
    else:
        rooms, field = (model.max_tokens - pair, model.max_tokens - pair - query), "the model reads with it"
    for path, count, room in [
        (at("query"), query, rooms[0]),
        *((at("texts", place), count, rooms[1]) for place, count in enumerate(texts)),
    ]:
        if count > room:
            raise InvalidInput(
                f"the text has {count} tokens and {field} {max(0, room)}; send less of it, or ask for its "
                "end to be cut off (truncate)",
                field=path,
                reason="TEXT_TOO_LONG",
            )


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score)) if score >= 0 else math.exp(score) / (1 + math.exp(score))
