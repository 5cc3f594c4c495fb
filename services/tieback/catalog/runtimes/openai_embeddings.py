"""An encoder that another server runs, asked by OpenAI's embeddings (also vLLM, TEI, Infinity, Jina)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tieback.catalog.endpoint_options import EncoderEndpoint, Request, in_order, numbers
from tieback.catalog.runtimes import Runtime


class OpenAiEmbeddings(EncoderEndpoint):
    """An encoder that another server runs, asked by `POST /embeddings` of OpenAI's API.

    `base_url` ends before `/embeddings`. `dimensions` is sent where the model is to be cut to it there.
    """

    alive: ClassVar[str] = "/models"

    runtime: Literal["openai_embeddings"] = "openai_embeddings"
    model: Annotated[str, Field(min_length=1, max_length=200)]
    dimensions: Annotated[int, Field(gt=0)] | None = None
    encoding: Literal["base64", "float"] = "base64"

    def request(self, texts: Sequence[str], *, cuts: bool) -> Request:  # noqa: ARG002 - the API has no such field
        """See `EncoderEndpoint.request`. What servers call cutting differs: `extra` has it."""
        body = {"model": self.model, "input": list(texts), "encoding_format": self.encoding}
        return "/embeddings", body | ({"dimensions": self.dimensions} if self.dimensions else {}) | self.extra

    def vectors(self, answer: Any) -> Sequence[Any]:
        """See `EncoderEndpoint.vectors`."""
        return [numbers(one) for one in in_order(answer["data"], "embedding")]


RUNTIME = Runtime("encoder", OpenAiEmbeddings, "tieback.models.endpoints.encoder:EndpointEncoder")
