"""A reranker that another server runs, asked as vLLM is: `POST /score`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from tieback.catalog.endpoint_options import Request, RerankerEndpoint
from tieback.catalog.runtimes import Runtime


class VllmScore(RerankerEndpoint):
    """A reranker that another server runs, asked by `POST /score` of vLLM."""

    runtime: Literal["vllm_score"] = "vllm_score"
    model: Annotated[str, Field(min_length=1, max_length=200)]

    def request(self, query: str, passages: Sequence[str]) -> Request:
        """See `RerankerEndpoint.request`."""
        return "/score", {"model": self.model, "text_1": query, "text_2": list(passages)} | self.extra

    def scores(self, answer: Any) -> Mapping[int, float]:
        """See `RerankerEndpoint.scores`."""
        return {int(one["index"]): float(one["score"]) for one in answer["data"]}


RUNTIME = Runtime("reranker", VllmScore)
