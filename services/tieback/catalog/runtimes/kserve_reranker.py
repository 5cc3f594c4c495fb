"""A reranker that another server runs, asked by KServe's protocol v2 (Triton, KServe, MLServer, OpenVINO)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tieback.catalog.endpoint_options import Request, RerankerEndpoint
from tieback.catalog.kserve_tensors import infer, output_of
from tieback.catalog.runtimes import Runtime


class KServeReranker(RerankerEndpoint):
    """A reranker that another server runs, asked by `POST /v2/models/MODEL/infer` of KServe's protocol.

    `query` and `document` are tensors of texts (BYTES), a pair in each row, and `output` has a number a row.
    """

    alive: ClassVar[str] = "/v2/health/ready"

    runtime: Literal["kserve_reranker"] = "kserve_reranker"
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    query: str = "query"
    document: str = "document"
    output: str = "score"
    flat: bool = False

    def request(self, query: str, passages: Sequence[str]) -> Request:
        """See `RerankerEndpoint.request`."""
        columns = {self.query: [query] * len(passages), self.document: passages}
        return f"/v2/models/{self.model}/infer", infer(columns, self.output, flat=self.flat) | self.extra

    def scores(self, answer: Any) -> Mapping[int, float]:
        """See `RerankerEndpoint.scores`."""
        return dict(enumerate(output_of(answer, self.output).reshape(-1).tolist()))


RUNTIME = Runtime("reranker", KServeReranker)
