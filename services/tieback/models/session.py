"""The one place that makes an ONNX Runtime session.

By default one thread and no spinning: two threads of one session on two shared cores made a call 28 times
slower, and a spinning thread burns a core while nothing is asked. The sessions of a process share one memory
arena that grows by what is asked, not by doubling.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnxruntime
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError
from tieback.models.captured_runs import ENABLED, CapturedRuns

Provider = Literal["cpu", "cuda"]
Options = dict[str, str]
ERRORS_ONLY = 3
ADAPTER_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Hardware:
    """What graphs run on.

    `threads` are of one session. For CUDA, `tf32` lets it round factors to 10 bits, and with `cuda_graphs` it
    launches all kernels of a run at once, where shapes come again and again. The adapters of a model may take
    `adapter_bytes` of memory together; one is always kept.
    """

    provider: Provider = "cpu"
    threads: int = 1
    tf32: bool = False
    cuda_graphs: bool = False
    adapter_bytes: int = ADAPTER_BYTES

    def providers(self, *, recurring_shapes: bool) -> list[str | tuple[str, Options]]:
        """ONNX Runtime's names, the preferred first, with their options."""
        if self.provider == "cpu":
            return ["CPUExecutionProvider"]
        # Lengths vary from batch to batch: growing by doubling would end in twice the memory, and an
        # exhaustive search for the best convolution would be made again for every new shape.
        options = {
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",
            "use_tf32": str(int(self.tf32)),
        }
        if recurring_shapes and self.cuda_graphs:
            options |= ENABLED
        return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


PROCESSOR = Hardware()


class Session:
    """A graph, from its file or as it is, ready to run.

    With `recurring_shapes` its inputs have few shapes, which come again. `heights` are the inputs' first
    dimensions, and `widths` their last ones.
    """

    def __init__(
        self, path: Path | bytes, hardware: Hardware = PROCESSOR, *, recurring_shapes: bool = False
    ) -> None:
        provider = hardware.provider
        needed = f"{provider.upper()}ExecutionProvider"
        if needed not in onnxruntime.get_available_providers():
            raise StartupError(
                f"this build of ONNX Runtime has no provider {provider!r}; install tieback[gpu] and not "
                "tieback[serve], or set TIEBACK_PROVIDER=cpu"
            )
        if provider == "cuda":
            onnxruntime.preload_dlls()  # CUDA's libraries, where Python packages brought them
        _share_arena()
        try:
            self._session = onnxruntime.InferenceSession(
                path if isinstance(path, bytes) else str(path),
                session_options(hardware.threads),
                providers=hardware.providers(recurring_shapes=recurring_shapes),
            )
        except Exception as error:
            named = "this" if isinstance(path, bytes) else path
            raise StartupError(f"{named} is not a graph that ONNX Runtime can run: {error}") from error
        if needed not in self._session.get_providers():
            raise StartupError(
                f"ONNX Runtime cannot use {provider!r} here and fell back to the processor; "
                "see that the driver and a GPU are there, or set TIEBACK_PROVIDER=cpu"
            )
        captures = recurring_shapes and provider == "cuda" and hardware.cuda_graphs
        self._captured = CapturedRuns(self._session) if captures else None
        self.inputs = [node.name for node in self._session.get_inputs()]
        self.heights = {node.name: node.shape[0] for node in self._session.get_inputs() if node.shape}
        self.widths = {node.name: node.shape[-1] for node in self._session.get_inputs() if node.shape}
        self.outputs = [node.name for node in self._session.get_outputs()]

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array]) -> list[Any]:
        """The outputs that are asked for. The whole graph is computed, whichever they are."""
        if self._captured is not None:
            return self._captured.run(outputs, inputs)
        return self._session.run(outputs, inputs)  # type: ignore[no-any-return]  # theirs has no types


def session_options(threads: int = 1) -> onnxruntime.SessionOptions:
    """How every session runs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.enable_mem_pattern = False  # a plan per shape: no two batches of text have one
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    return options


@functools.cache
def _share_arena() -> None:
    as_requested = 1
    configuration = onnxruntime.OrtArenaCfg({"arena_extend_strategy": as_requested})
    where = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(where, configuration)
