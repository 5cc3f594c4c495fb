"""Triton: NVIDIA's server, with a Python model around the session and dynamic batching, over gRPC.

The binary is the one in the wheel of PyTriton, run directly with that wheel's libraries and its stub for this
Python; PyTriton's own Python layer is not used. Texts are tokenised in the model. A request holds at most
what is gathered at once; longer ones are sent as several. Past its queue limit it answers UNAVAILABLE.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.peers.open_inference import OpenInferenceTarget
from benchmarks.peers.peer import PROGRAMS, Model, Peer
from benchmarks.peers.process import Launch
from benchmarks.peers.tuning import Tuning
from benchmarks.ports import free_ports

MODEL = "encoder"
CONFIGURATION = """
name: "{model}"
backend: "python"
max_batch_size: {gathered}
input [{{ name: "texts" data_type: TYPE_STRING dims: [1] }}]
output [{{ name: "vectors" data_type: TYPE_FP32 dims: [-1] }}]
dynamic_batching {{ max_queue_delay_microseconds: {window:.0f} {policy} }}
instance_group [{{ kind: KIND_CPU count: 1 }}]
"""
POLICY = """default_queue_policy {{
  timeout_action: REJECT default_timeout_microseconds: {deadline:.0f} max_queue_size: {queue}
}}"""


class Triton(Peer):
    name = "triton"
    package = "nvidia-pytriton"
    requirements = ("nvidia-pytriton", "onnxruntime", "tokenizers", "numpy")

    def launch(self, folder: Path, model: Model) -> Launch:
        packages = self.environment.packages
        server = packages / "pytriton" / "tritonserver"
        _write_repository(folder / "models", model.tuning)
        _link_backend(folder / "backends" / "python", server)
        grpc, http, metrics = free_ports(3)
        return Launch(
            [
                str(server / "bin" / "tritonserver"),
                *(
                    "--model-repository",
                    str(folder / "models"),
                    "--backend-directory",
                    str(folder / "backends"),
                ),
                *("--grpc-address", "127.0.0.1", "--grpc-port", str(grpc)),
                *("--http-address", "127.0.0.1", "--http-port", str(http)),
                *("--metrics-address", "127.0.0.1", "--metrics-port", str(metrics)),
                "--disable-auto-complete-config",
            ],
            folder,
            OpenInferenceTarget(f"127.0.0.1:{grpc}", MODEL, model.tuning.gathered),
            model.variables
            | {
                "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
                # The stub looks for its packages where the first python3 of the path has them.
                "PATH": os.pathsep.join([str(self.environment.python.parent), os.environ["PATH"]]),
            },
        )


def configuration(tuning: Tuning) -> str:
    """The model's configuration. Its batcher counts texts, and gathers them as a batch."""
    limited = tuning.queue or tuning.deadline
    policy = POLICY.format(deadline=1e6 * tuning.deadline, queue=tuning.queue) if limited else ""
    return CONFIGURATION.format(
        model=MODEL, gathered=tuning.gathered, window=1e6 * tuning.window, policy=policy
    )


def _write_repository(models: Path, tuning: Tuning) -> None:
    version = models / MODEL / "1"
    version.mkdir(parents=True)
    (models / MODEL / "config.pbtxt").write_text(configuration(tuning))
    (version / "model.py").symlink_to(PROGRAMS / "triton_model.py")
    (version / "bare_encoder.py").symlink_to(PROGRAMS / "bare_encoder.py")  # PYTHONPATH is not read


def _link_backend(backend: Path, server: Path) -> None:
    """The Python backend as Triton looks for it: its library with the stub for one Python beside it."""
    backend.mkdir(parents=True)
    major, minor = sys.version_info[:2]
    stub = server / "python_backend_stubs" / f"{major}.{minor}" / "triton_python_backend_stub"
    for path in [*(server / "backends" / "python").iterdir(), stub]:
        (backend / path.name).symlink_to(path)


PEER = Triton()
