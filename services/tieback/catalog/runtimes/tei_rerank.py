"""A reranker that another server runs, asked as Text Embeddings Inference is: `POST /rerank`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tieback.catalog.endpoint_options import Request, RerankerEndpoint
from tieback.catalog.runtimes import Runtime


class TeiRerank(RerankerEndpoint):
    """A reranker that another server runs, asked by `POST /rerank` of Text Embeddings Inference."""

    runtime: Literal["tei_rerank"] = "tei_rerank"
    raw_scores: bool = True

    def request(self, query: str, passages: Sequence[str]) -> Request:
        """See `RerankerEndpoint.request`."""
        body = {"query": query, "texts": list(passages), "raw_scores": self.raw_scores, "truncate": True}
        return "/rerank", body | self.extra

    def scores(self, answer: Any) -> Mapping[int, float]:
        """See `RerankerEndpoint.scores`."""
        return {int(one["index"]): float(one["score"]) for one in answer}


RUNTIME = Runtime("reranker", TeiRerank)
