"""tieback.v1.RerankerService."""

from __future__ import annotations

from typing import Any

import grpc
from tieback_contract.field_path import at

from tieback.core.errors import TiebackError
from tieback.core.types.rerank import RerankCandidate
from tieback.ports import DEFAULT_RERANKING, RerankerPort
from tieback.serving.conversions.frames import optional
from tieback.serving.conversions.reports import read_method
from tieback.serving.conversions.reranking import (
    read_candidate,
    read_rerank_source,
    write_rerank_reply,
)
from tieback.serving.reading import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import reranker_pb2, reranker_pb2_grpc


class RerankerServicer(reranker_pb2_grpc.RerankerServiceServicer):
    """Orders candidates."""

    def __init__(self, reranker: RerankerPort) -> None:
        self._reranker = reranker

    async def Rerank(
        self, request: reranker_pb2.RerankRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> reranker_pb2.RerankResponse:
        """Scores candidates against a query."""
        deadline = deadline_of(context)
        candidates = await converted(lambda: Batch(request.candidates, read_candidate, at("candidates")))
        reply = await self._reranker.rerank(
            read_rerank_source(request.query, at("query")),
            [
                RerankCandidate(message.id, one) if isinstance(one, TiebackError) else one
                for message, one in zip(request.candidates, candidates.merged(candidates.good), strict=True)
            ],
            method=optional(request, "method", read_method) or DEFAULT_RERANKING,
            rank_fusion=optional(request, "rank_fusion", read_method),
            space=request.space,
            limit=request.limit,
            explain=request.explain,
            deadline=deadline,
        )
        return write_rerank_reply(reply)
