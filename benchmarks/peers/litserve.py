"""LitServe: an HTTP server around a Python class, with batching of requests.

It counts requests, not texts, so its model splits what it is handed into batches. In overload it has a
deadline, and no limit of what may wait. Texts are tokenised in the model. Vectors are answered as bytes, not
as JSON: its users choose, and this is the faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.http_target import HttpTarget
from benchmarks.peers.peer import PROGRAMS, Model, Peer
from benchmarks.peers.process import Launch
from benchmarks.ports import free_ports


class LitServeTarget(HttpTarget):
    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        body = await self.post({"texts": list(texts)})
        return np.frombuffer(body, np.float32).reshape(len(texts), -1)


class LitServe(Peer):
    name = "litserve"
    package = "litserve"
    requirements = ("litserve", "onnxruntime", "tokenizers", "numpy")

    def launch(self, folder: Path, model: Model) -> Launch:
        [port] = free_ports(1)
        return Launch(
            [str(self.environment.python), str(PROGRAMS / "litserve_server.py"), str(port)],
            folder,
            LitServeTarget(f"http://127.0.0.1:{port}/predict"),
            model.variables,
        )


PEER = LitServe()
