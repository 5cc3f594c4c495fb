"""A reranker that another server runs, asked as Cohere and Jina are: `POST /rerank` (also vLLM, Infinity)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tieback.catalog.endpoint_options import Request, RerankerEndpoint
from tieback.catalog.runtimes import Runtime


class CohereRerank(RerankerEndpoint):
    """A reranker that another server runs, asked by `POST /rerank` in the form of Cohere's and Jina's.

    `base_url` ends before `/rerank`: `https://api.cohere.com/v2`, `https://api.jina.ai/v1`.
    """

    alive: ClassVar[str] = "/models"

    runtime: Literal["cohere_rerank"] = "cohere_rerank"
    model: Annotated[str, Field(min_length=1, max_length=200)]

    def request(self, query: str, passages: Sequence[str]) -> Request:
        """See `RerankerEndpoint.request`."""
        body = {"model": self.model, "query": query, "documents": list(passages), "top_n": len(passages)}
        return "/rerank", body | self.extra

    def scores(self, answer: Any) -> Mapping[int, float]:
        """See `RerankerEndpoint.scores`."""
        return {int(one["index"]): float(one["relevance_score"]) for one in answer["results"]}


RUNTIME = Runtime("reranker", CohereRerank)
