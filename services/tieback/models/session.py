"""The one place that makes an ONNX Runtime session.

By default one thread and no spinning: two threads of one session on two shared cores made a call 28 times
slower, and a spinning thread burns a core while nothing is asked. The sessions of a process share one memory
arena that grows by what is asked, not by doubling. Models whose graph is the same share one session, so
that its weights are in memory once.
"""

from __future__ import annotations

import functools
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from weakref import WeakValueDictionary

import onnxruntime
from tieback_client.installing import GPU_BUILD
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError

if TYPE_CHECKING:
    from tieback.models.store import ServedModel

Provider = Literal["cpu", "cuda"]
Options = dict[str, str]
ERRORS_ONLY, NOTHING = 3, 4
"""Severities from which ONNX Runtime writes lines."""
ADAPTER_BYTES = 512 << 20
SLOWER_FUSIONS = ["SkipLayerNormFusion"]
"""On a processor the fused norm is slower than its parts: MiniLM took 82 ms with it for 8 texts
of 64 tokens, and 71 ms without."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What graphs run on.

    `threads` are of one session. For CUDA, `tf32` lets it round factors to 10 bits, and with `cuda_graphs` it
    launches all kernels of a run at once, where shapes come again and again. The adapters of a model may take
    `adapter_bytes` of memory together; one is always kept. A text may take `working_bytes` beside the weights
    while it is computed; 0 for no bound. `cuda_graphs` are refused for a graph with a loop: that of a text
    model with attention in blocks.
    """

    provider: Provider = "cpu"
    threads: int = 1
    tf32: bool = False
    cuda_graphs: bool = False
    adapter_bytes: int = ADAPTER_BYTES
    working_bytes: int = 0

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
        if self.captures(recurring_shapes=recurring_shapes):
            options |= ENABLED
        return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]

    def captures(self, *, recurring_shapes: bool) -> bool:
        """Tell whether runs are recorded as CUDA graphs."""
        return recurring_shapes and self.provider == "cuda" and self.cuda_graphs


# CUDA graphs: what a shape's run launches is recorded once, and launched as one thing from then on.
#
# What was recorded reads and writes the addresses of its first run, so each shape has buffers of its own on
# the GPU. Short texts gain: their hundred kernels take less time to compute than to launch.
ENABLED = {"enable_cuda_graph": "1"}
MOST = 128  # shapes that keep buffers; further ones run without
GRAPH_ID = "gpu_graph_id"
UNRECORDED = "-1"

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One shape's buffers on the GPU, bound to the session, under an identity of its own."""

    binding: Any
    inputs: Mapping[str, Any]
    outputs: Sequence[Any]
    options: Any


class CapturedRuns:
    """Runs a session that was made with `ENABLED`, in one thread at a time."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._unrecorded = _options(UNRECORDED)
        self._recorded: dict[tuple[tuple[str, ...], Shapes], Recorded] = {}

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array]) -> list[Any]:
        """As `Session.run`. A shape is run twice when it first comes."""
        shapes = tuple((name, array.shape) for name, array in inputs.items())
        recorded = self._recorded.get((tuple(outputs), shapes))
        if recorded is None:
            found = list(self._session.run(outputs, inputs, self._unrecorded))
            if len(self._recorded) == MOST:
                return found
            recorded = self._record(outputs, inputs, found)
            self._recorded[tuple(outputs), shapes] = recorded
        for name, array in inputs.items():
            recorded.inputs[name].update_inplace(array)
        self._session.run_with_iobinding(recorded.binding, recorded.options)
        return [value.numpy() for value in recorded.outputs]

    def _record(
        self, outputs: Sequence[str], inputs: Mapping[str, Array], found: Sequence[Array]
    ) -> Recorded:
        binding = self._session.io_binding()
        there = {name: _on_gpu(array) for name, array in inputs.items()}
        results = [_on_gpu(array) for array in found]
        for name, value in there.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in zip(outputs, results, strict=True):
            binding.bind_ortvalue_output(name, value)
        return Recorded(binding, there, results, _options(str(len(self._recorded) + 1)))


def _on_gpu(array: Array) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(array, "cuda", 0)


def _options(graph: str) -> Any:
    options = onnxruntime.RunOptions()
    options.add_run_config_entry(GRAPH_ID, graph)
    return options


PROCESSOR = Hardware()


class Graph(Protocol):
    """A graph that can be run, whole or in parts."""

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
        """As `Session.run`."""
        ...


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
                f"this build of ONNX Runtime has no provider {provider!r}; pip uninstall onnxruntime, "
                f"then: pip install {GPU_BUILD}; or set TIEBACK_PROVIDER=cpu"
            )
        if provider == "cuda":
            onnxruntime.preload_dlls()  # CUDA's libraries, where Python packages brought them
        _share_arena()
        try:
            self._session = _opened(path, hardware, recurring_shapes=recurring_shapes)
        except Exception as error:
            named = "this" if isinstance(path, bytes) else path
            raise StartupError(f"{named} is not a graph that ONNX Runtime can run: {error}") from error
        if needed not in self._session.get_providers():
            raise StartupError(
                f"ONNX Runtime cannot use {provider!r} here and fell back to the processor; "
                "see that the driver and a GPU are there, or set TIEBACK_PROVIDER=cpu"
            )
        captures = hardware.captures(recurring_shapes=recurring_shapes)
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


_Key = tuple[tuple[str, ...], str, int, bool, bool]
_OPEN: WeakValueDictionary[_Key, Session] = WeakValueDictionary()
_OPENING: defaultdict[_Key, threading.Lock] = defaultdict(threading.Lock)


def open_graph(
    served: ServedModel, name: str, hardware: Hardware = PROCESSOR, *, recurring_shapes: bool = False
) -> Session:
    """The session of a graph of a model, one for all models of this process that have the same graph.

    It is the same where the hashes of its files and how it runs are. It closes with the last model that has
    it, and any number of threads may run it. What is recorded as CUDA graphs belongs to one thread, so such
    a session is not shared. StartupError as for `Session`.
    """
    path = served.path(name)
    if hardware.captures(recurring_shapes=recurring_shapes):
        return Session(path, hardware, recurring_shapes=recurring_shapes)
    key = (
        served.manifest.graph_hashes(name),
        hardware.provider,
        hardware.threads,
        hardware.tf32,
        recurring_shapes,
    )
    with _OPENING[key]:  # else two that start at once would open it twice
        session = _OPEN.get(key)
        if session is None:
            session = _OPEN[key] = Session(path, hardware, recurring_shapes=recurring_shapes)
        return session


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


def _opened(
    path: Path | bytes, hardware: Hardware, *, recurring_shapes: bool
) -> onnxruntime.InferenceSession:
    """The session of a graph, in which sums of 8-bit products are exact where that can be had.

    Processors before VNNI add two products in 16 bits, which overflow in silence. ONNX Runtime has exact
    kernels for them, but cannot open a graph with them in which several products share their weights' zero
    (1.32: "Attempt to replace the existing tensor").
    """

    def opened(options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(
            path if isinstance(path, bytes) else str(path),
            options,
            providers=hardware.providers(recurring_shapes=recurring_shapes),
            disabled_optimizers=SLOWER_FUSIONS if hardware.provider == "cpu" else [],
        )

    options = session_options(hardware.threads)
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = NOTHING
    try:
        return opened(options)
    except Exception:  # noqa: BLE001 - what is wrong with the graph itself is raised by the second attempt
        return opened(session_options(hardware.threads))


@functools.cache
def _share_arena() -> None:
    as_requested = 1
    configuration = onnxruntime.OrtArenaCfg({"arena_extend_strategy": as_requested})
    where = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(where, configuration)
