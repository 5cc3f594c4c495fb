"""Triton's Python model around the encoder: strings [n, 1] in, vectors [n, width] out."""

from __future__ import annotations

import triton_python_backend_utils as backend
from bare_encoder import BareEncoder


class TritonPythonModel:
    def initialize(self, _configuration):
        self.encoder = BareEncoder.from_environment()

    def execute(self, requests):
        texts = [
            [text.decode() for text in backend.get_input_tensor_by_name(request, "texts").as_numpy()[:, 0]]
            for request in requests
        ]
        return [
            backend.InferenceResponse([backend.Tensor("vectors", vectors)])
            for vectors in self.encoder.of_requests(texts)
        ]
