"""Ray Serve around the encoder, behind its own gRPC proxy and with its own batching. Serves until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import threading

import ray
from bare_encoder import GATHERED, QUEUE, WINDOW_SECONDS, BareEncoder
from ray import serve
from tieback.v1 import encoder_pb2, vector_pb2

ONGOING = 512  # above what is ever in flight: the default of 5 would never fill a batch
OBJECT_STORE_BYTES = 80 * 1024 * 1024  # nothing travels through it


@serve.deployment(
    # With a limit of what may wait, no more run at once than fill two batches: the others wait, and count.
    max_ongoing_requests=2 * GATHERED if QUEUE else ONGOING,
    max_queued_requests=QUEUE or -1,
    ray_actor_options={"num_cpus": 0},
    logging_config={"enable_access_log": False},
)
class Encoder:
    def __init__(self):
        self._encoder = BareEncoder.from_environment()

    async def Encode(self, request):  # noqa: N802 - the contract's
        vectors = await self._vectors([content.text for content in request.contents])
        return encoder_pb2.EncodeResponse(results=[_result(vector) for vector in vectors])

    @serve.batch(max_batch_size=GATHERED, batch_wait_timeout_s=WINDOW_SECONDS)
    async def _vectors(self, requests):
        return await asyncio.to_thread(self._encoder.of_requests, requests)


def _result(vector):
    values = vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_FLOAT32, shape=vector.shape, data=vector.tobytes())
    return encoder_pb2.EncodeResult(encoding=encoder_pb2.Encoding(dense=vector_pb2.Vector(values=values)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--folder", required=True)
    options = parser.parse_args()
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        logging_level=logging.ERROR,
        _temp_dir=options.folder,
    )
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": "127.0.0.1", "port": options.http_port},
        grpc_options={
            "port": options.port,
            "grpc_servicer_functions": ["tieback.v1.encoder_pb2_grpc.add_EncoderServiceServicer_to_server"],
        },
    )
    serve.run(Encoder.bind(), name="encoder")  # the gRPC proxy knows only applications that have a route
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())  # after Ray has installed its own
    stop.wait()
    ray.shutdown()


if __name__ == "__main__":
    main()
