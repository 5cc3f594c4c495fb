"""Weights beside an ONNX file: read only from its own folder, and written where one file holds too little.

A graph may name other files for its tensors. One that comes from elsewhere could name any file of the
machine, and its bytes would end in what is served.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import onnx

from tieback.core.errors import StartupError

LARGEST_FILE = 2_000_000_000
"""Bytes of weights in one ONNX file, which is a protobuf and ends at 2 GiB. More lie in a file beside it."""


def save_graph(model: onnx.ModelProto, path: Path) -> None:
    """Writes the graph; weights past `LARGEST_FILE` go into one file beside it, ``NAME.data``."""
    if sum(_size(tensor) for tensor in _tensors(model)) <= LARGEST_FILE:
        onnx.save(model, path)
        return
    beside = f"{path.name}.data"
    path.with_name(beside).unlink(missing_ok=True)  # the library would write behind what is there
    onnx.save(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location=beside)


def load_with_weights(path: Path) -> onnx.ModelProto:
    """The graph with all its weights in it. StartupError where they lie elsewhere or are not there."""
    model = onnx.load(path, load_external_data=False)
    folder = path.parent.resolve()
    external = False
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        external = True
        _check_place(path.name, tensor, folder)
    if external:
        onnx.load_external_data_for_model(model, str(folder))
    return model


def _size(tensor: onnx.TensorProto) -> int:
    """Bytes of the values, as they are where a graph has its weights in it."""
    return (
        len(tensor.raw_data)
        or math.prod(tensor.dims) * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    )


def _check_place(name: str, tensor: onnx.TensorProto, folder: Path) -> None:
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    place = PurePosixPath(location)
    within = (folder / location).resolve().is_relative_to(folder)
    if not location or place.is_absolute() or ".." in place.parts or "\\" in location or not within:
        raise StartupError(
            f"{name} keeps the tensor {tensor.name!r} in {location!r}, which is outside of its folder and is "
            "not read; save the graph again with its weights beside it or in it"
        )
    if not (folder / location).is_file():
        raise StartupError(f"{name} keeps weights in {location}, which is not there; put it beside {name}")


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        if attribute.HasField("g"):
            yield from _of_graph(attribute.g)
        for graph in attribute.graphs:
            yield from _of_graph(graph)
