"""Small changes to ONNX graphs that were made elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError
from tieback.models.session import Session
from tieback.recipes.graphs.external_data import load_with_weights, save_graph


def load_graph(path: Path) -> onnx.ModelProto:
    """The graph with its weights, whether they lie in the file or beside it, but nowhere else."""
    try:
        return load_with_weights(path)
    except StartupError:
        raise
    except Exception as error:  # the parser has classes of its own, and OSError where weights are missing
        raise StartupError(f"{path.name} is not an ONNX graph that can be read: {error}") from error


def rename_input(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Gives an input the name that serving uses."""
    for entry in graph.input:
        if entry.name == old:
            entry.name = new
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


def replace_outputs(graph: onnx.GraphProto, shapes: Mapping[str, Sequence[str | int | None]]) -> None:
    """Makes float32 tensors of these names and shapes the graph's outputs, in this order."""
    del graph.output[:]
    for name, shape in shapes.items():
        graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape)))


def keep_needed(graph: onnx.GraphProto) -> None:
    """Removes nodes and weights that no output needs."""
    wanted = {entry.name for entry in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):  # a graph's nodes are in the order of their use
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(_read_by(node))
    nodes, weights = kept[::-1], [tensor for tensor in graph.initializer if tensor.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights)


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    """The tensors that a node reads, by itself or in a graph within it."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _read_by(inner)


def check_tensors(graph: onnx.GraphProto, names: Sequence[str]) -> None:
    """StartupError where the graph has no tensor of a name that a card gives."""
    known = {name for node in graph.node for name in node.output}
    for name in names:
        if name not in known:
            raise StartupError(f"the graph has no tensor {name!r}; its last ones are {sorted(known)[-5:]}")


def run_to(source: Path, tensors: Sequence[str], inputs: Mapping[str, Array]) -> list[Any]:
    """Runs a graph up to tensors that need not be its outputs."""
    model = load_graph(source)
    known = [entry.name for entry in model.graph.output]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in known)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.onnx"
        save_graph(model, path)
        return Session(path).run(tensors, inputs)


LARGEST_DIFFERENCE = 1e-3  # of the largest value, or of 1; rounding in another order gives some 1e-6


def compare(expected: Sequence[Array], found: Sequence[Array], names: Sequence[str]) -> dict[str, Any]:
    """The largest difference per output, of values above 1 in relation to the largest, for the manifest.

    StartupError where it is too large.
    """
    differences = {
        name: float(np.abs(wanted - got).max() / max(1, np.abs(wanted).max()))
        for name, wanted, got in zip(names, expected, found, strict=True)
    }
    for name, difference in differences.items():
        if not difference <= LARGEST_DIFFERENCE:
            raise StartupError(
                f"the exported graph's output {name} differs by {difference:.2g} from the model it was made "
                "from; it was not kept. Please report the versions of torch, onnx and onnxruntime"
            )
    return {"largest_difference": differences}
