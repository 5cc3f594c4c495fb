"""LitServe around the encoder: takes {"texts": […]}, answers with the vectors' bytes, float32 [n, width]."""

from __future__ import annotations

import sys

import litserve
from bare_encoder import DEADLINE_SECONDS, GATHERED, WINDOW_SECONDS, BareEncoder
from fastapi import Response


class Encoder(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002 - always the processor
        self.encoder = BareEncoder.from_environment()

    def decode_request(self, request):
        return request["texts"]

    def batch(self, inputs):
        return inputs

    def predict(self, requests):
        return self.encoder.of_requests(requests)

    def unbatch(self, vectors):
        return vectors

    def encode_response(self, vectors):
        return Response(vectors.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    server = litserve.LitServer(
        Encoder(max_batch_size=GATHERED, batch_timeout=WINDOW_SECONDS),
        accelerator="cpu",
        workers_per_device=1,
        fast_queue=True,
        # What waits longer is answered with an error. It has no limit of what may wait.
        timeout=DEADLINE_SECONDS or False,
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
    )
