"""MLServer: KServe's reference in Python, with a custom runtime and adaptive batching, over gRPC.

Its batcher counts requests, not texts, so the runtime splits what it is handed into batches. It has neither a
limit of what may wait nor a deadline. Texts are tokenised in the runtime. It runs in a worker process of its
own, as it does by default.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.open_inference import OpenInferenceTarget
from benchmarks.peers.peer import Model, Peer
from benchmarks.peers.process import Launch
from benchmarks.ports import free_ports

MODEL = "encoder"
NO_LIMIT = 1_000_000


class MLServer(Peer):
    name = "mlserver"
    package = "mlserver"
    # With uvloop 0.23 its workers die.
    requirements = ("mlserver", "uvloop<0.22", "onnxruntime", "tokenizers", "numpy")

    def launch(self, folder: Path, model: Model) -> Launch:
        http, grpc, metrics = free_ports(3)
        settings = {
            "debug": False,
            "host": "127.0.0.1",
            "http_port": http,
            "grpc_port": grpc,
            "metrics_port": metrics,
            "parallel_workers": 1,
            "metrics_dir": str(folder / "metrics"),
            "environments_dir": str(folder / "environments"),
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        served = {
            "name": MODEL,
            "implementation": "mlserver_runtime.Encoder",
            "max_batch_size": model.tuning.gathered,
            "max_batch_time": model.tuning.window,
        }
        (folder / "model-settings.json").write_text(json.dumps(served))
        return Launch(
            [str(self.environment.python.with_name("mlserver")), "start", str(folder)],
            folder,
            OpenInferenceTarget(f"127.0.0.1:{grpc}", MODEL, NO_LIMIT),
            model.variables,
        )


PEER = MLServer()
