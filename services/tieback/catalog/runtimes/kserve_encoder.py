"""An encoder that another server runs, asked by KServe's protocol v2 (Triton, KServe, MLServer, OpenVINO)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tieback.catalog.endpoint_options import EncoderEndpoint, Request
from tieback.catalog.kserve_tensors import infer, output_of
from tieback.catalog.runtimes import Runtime


class KServeEncoder(EncoderEndpoint):
    """An encoder that another server runs, asked by `POST /v2/models/MODEL/infer` of KServe's protocol.

    `input` is a tensor of texts (BYTES) of the shape `[n, 1]`, or `[n]` where it is `flat`; `output` is
    `[n, width]`, in FP32 or FP16.
    """

    alive: ClassVar[str] = "/v2/health/ready"

    runtime: Literal["kserve_encoder"] = "kserve_encoder"
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    input: str = "text"
    output: str = "embedding"
    flat: bool = False

    def request(self, texts: Sequence[str], *, cuts: bool) -> Request:  # noqa: ARG002 - the protocol has no such field
        """See `EncoderEndpoint.request`."""
        body = infer({self.input: texts}, self.output, flat=self.flat)
        return f"/v2/models/{self.model}/infer", body | self.extra

    def vectors(self, answer: Any) -> Sequence[Any]:
        """See `EncoderEndpoint.vectors`."""
        return list(output_of(answer, self.output))


RUNTIME = Runtime("encoder", KServeEncoder, "tieback.models.endpoints.encoder:EndpointEncoder")
