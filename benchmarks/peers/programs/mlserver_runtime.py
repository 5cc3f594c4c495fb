"""MLServer's custom runtime around the encoder: strings in, vectors out."""

from __future__ import annotations

from bare_encoder import BareEncoder
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Encoder(MLModel):
    async def load(self) -> bool:
        self.encoder = BareEncoder.from_environment()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        vectors = self.encoder(StringCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("vectors", vectors)])
