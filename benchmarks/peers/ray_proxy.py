"""Ray Serve with nothing of tieback's around it: its own gRPC proxy, a deployment, and `@serve.batch`.

It runs in tieback's environment, in a cluster of its own. Its batcher counts requests, not texts, so the
deployment splits what it is handed into batches. In overload it has a limit of what may wait, and no
deadline. Texts are tokenised in the deployment.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from tieback.v1 import encoder_pb2, encoder_pb2_grpc

from benchmarks.load.target import Rejected
from benchmarks.peers.peer import PROGRAMS, Model, Peer
from benchmarks.peers.process import Launch
from benchmarks.ports import free_ports


@dataclass
class RayProxyTarget:
    address: str
    _channel: grpc.aio.Channel | None = field(default=None, init=False, repr=False)
    _encode: Any = field(default=None, init=False, repr=False)

    async def open(self) -> None:
        self._channel = grpc.aio.insecure_channel(self.address)
        self._encode = encoder_pb2_grpc.EncoderServiceStub(self._channel).Encode

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close(None)
            self._channel = self._encode = None

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        request = encoder_pb2.EncodeRequest()
        for text in texts:
            request.contents.add(text=text)
        try:
            response = await self._encode(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise Rejected(error.details() or "") from error
            raise
        rows = b"".join(result.encoding.dense.values.data for result in response.results)
        return np.frombuffer(rows, np.float32).reshape(len(texts), -1)


class RayProxy(Peer):
    name = "ray_proxy"
    package = "ray"
    requirements = ()  # tieback's own

    @property
    def version(self) -> str:
        return version(self.package)

    @property
    def is_ready(self) -> bool:
        return True

    @property
    def megabytes(self) -> float:
        return 0.0

    def install(self) -> None:
        """Is there already."""

    def launch(self, folder: Path, model: Model) -> Launch:
        port, http = free_ports(2)
        return Launch(
            [
                *(sys.executable, str(PROGRAMS / "ray_server.py"), "--folder", str(folder)),
                *("--port", str(port), "--http-port", str(http)),
            ],
            folder,
            RayProxyTarget(f"127.0.0.1:{port}"),
            model.variables | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"},
        )


PEER = RayProxy()
