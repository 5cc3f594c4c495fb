"""An encoder that another server runs, asked as Text Embeddings Inference is: `POST /embed`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tieback.catalog.endpoint_options import EncoderEndpoint, Request, numbers
from tieback.catalog.runtimes import Runtime


class TeiEmbed(EncoderEndpoint):
    """An encoder that another server runs, asked by `POST /embed` of Text Embeddings Inference."""

    runtime: Literal["tei_embed"] = "tei_embed"

    def request(self, texts: Sequence[str], *, cuts: bool) -> Request:
        """See `EncoderEndpoint.request`."""
        return "/embed", {"inputs": list(texts), "truncate": cuts, "normalize": True} | self.extra

    def vectors(self, answer: Any) -> Sequence[Any]:
        """See `EncoderEndpoint.vectors`."""
        return [numbers(one) for one in answer]


RUNTIME = Runtime("encoder", TeiEmbed, "tieback.models.endpoints.encoder:EndpointEncoder")
