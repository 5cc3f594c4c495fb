"""What a query of one modality needs to enter a bound space, as one ONNX graph: projectors, router, weights.

The graph takes a dense vector per space of the modality and gives the joint vector and the weights. It is
compared with the NumPy methods that are served otherwise, and timed against them: it is worth serving only
where it is faster. It knows inputs from which no space is missing; the others are for NumPy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.types import Array, Modality
from tieback.methods.projection import projections, unit_rows
from tieback.methods.routing import routings
from tieback.methods.routing._network import LAYERS, scores
from tieback.models.bound_space import NATIVE, BoundPath, BoundRouter, BoundSpace
from tieback.models.session import Session

OPSET = 17
LARGEST_DIFFERENCE = 1e-5
JOINT, WEIGHTS = "joint", "weights"
BATCHES = (1, 32)
SILENT = -1e30  # added to the score of a block without a path, it makes the weight 0
EPSILON = 1e-12
Vectors = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Speed:
    """Median milliseconds of a batch, of one thread."""

    batch: int
    numpy: float
    onnx: float


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how it compares with NumPy."""

    path: Path
    largest_difference: float
    speeds: tuple[Speed, ...]

    @property
    def pays(self) -> bool:
        """Whether the graph is faster at every batch size."""
        return all(speed.onnx < speed.numpy for speed in self.speeds)


def export_router(
    bound: BoundSpace,
    modality: Modality,
    path: Path,
    *,
    batches: Sequence[int] = BATCHES,
    repeats: int = 200,
    seed: int = 0,
) -> Exported:
    """Writes the graph of the modality's queries.

    NotFound where the binding has no router for it. InvalidInput where a method has no graph. StartupError
    where graph and NumPy differ by more than LARGEST_DIFFERENCE; the graph is not kept then.
    """
    graph = _graph(bound, modality)
    onnx.save(graph, str(path))
    session = Session(path)
    reference = NumPyRouter(bound, modality)
    draw = np.random.default_rng(seed)
    worst, speeds = 0.0, []
    for batch in batches:
        vectors = {
            name: unit_rows(draw.normal(size=(batch, width))) for name, width in reference.inputs.items()
        }
        found = session.run((JOINT, WEIGHTS), vectors)
        for wanted, got in zip(reference(vectors), found, strict=True):
            worst = max(worst, float(np.abs(wanted - got).max()))
        in_numpy = _milliseconds(partial(reference, vectors), repeats)
        in_onnx = _milliseconds(partial(session.run, (JOINT, WEIGHTS), vectors), repeats)
        speeds.append(Speed(batch, in_numpy, in_onnx))
    if not worst <= LARGEST_DIFFERENCE:
        path.unlink()
        raise StartupError(
            f"the graph for {modality} differs from its methods by {worst:.2g}; it was not kept. Please "
            "report the versions of numpy, onnx and onnxruntime"
        )
    return Exported(path, worst, tuple(speeds))


class NumPyRouter:
    """The same by the methods themselves: vectors `[n, width]` per space to joint vectors and weights."""

    def __init__(self, bound: BoundSpace, modality: Modality) -> None:
        self._bound, self._router = bound, _router(bound, modality)
        self._paths = _paths(bound, modality)
        self.inputs = {path.source.name: path.source_width for path in self._paths}
        self._lead = [
            None if path.method == NATIVE else projections.configure(path.method, path.parameters)
            for path in self._paths
        ]
        self._policy = routings.configure(self._router.method, self._router.parameters)

    def __call__(self, vectors: Vectors) -> tuple[Array, Array]:
        """Joint vectors `[n, width]` of queries, and weights `[n, blocks]`."""
        said: dict[str, list[Array]] = {}
        for path, lead in zip(self._paths, self._lead, strict=True):
            rows = vectors[path.source.name]
            said.setdefault(path.block, []).append(rows if lead is None else lead(rows, path.state))
        names = [block.space.name for block in self._bound.blocks]
        seen = np.concatenate([vectors[name] for name in self._router.inputs], axis=1)
        present = np.tile([name in said for name in names], (len(seen), 1))
        if self._router.state:
            scored = scores(seen, self._router.state)
        else:
            scored = np.zeros(present.shape, np.float32)
        weights = np.asarray(self._policy(names, present, scored), np.float32)
        joint = np.zeros((len(seen), self._bound.width), np.float32)
        begin = 0
        for number, block in enumerate(self._bound.blocks):
            if spoken := said.get(block.space.name):
                vector = spoken[0] if len(spoken) == 1 else unit_rows(np.sum(spoken, axis=0))
                joint[:, begin : begin + block.width] = weights[:, number : number + 1] * vector
            begin += block.width
        return joint, weights


@dataclass(slots=True)
class Nodes:
    """A graph in the making: nodes and constants, named by their number."""

    made: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, kind: str, *inputs: str | Array, output: str = "", **attributes: Any) -> str:
        """The name of what a node of that kind gives; arrays become constants."""
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        output = output or f"n{len(self.made)}"
        self.made.append(helper.make_node(kind, names, [output], **attributes))
        return output

    def constant(self, array: Array) -> str:
        """The name of the array within the graph; float32 unless it holds whole numbers."""
        whole = np.issubdtype(array.dtype, np.integer)
        name = f"c{len(self.constants)}"
        kept = np.ascontiguousarray(array, np.int64 if whole else np.float32)
        self.constants.append(numpy_helper.from_array(kept, name))
        return name

    def linear(self, rows: str, weights: Array, bias: Array) -> str:
        """Rows times weights plus bias."""
        return self.add("Add", self.add("MatMul", rows, weights), bias)

    def unit(self, rows: str) -> str:
        """Rows of length 1, along the last axis."""
        squares = self.add("ReduceSum", self.add("Mul", rows, rows), np.array([-1]), keepdims=1)
        length = self.add("Sqrt", squares)
        return self.add("Div", rows, self.add("Max", length, np.array(EPSILON)))


Drawn = Callable[[Nodes, str, BoundPath], str]


def _native(nodes: Nodes, rows: str, path: BoundPath) -> str:  # noqa: ARG001 - drawn like the others
    return rows


def _affine(nodes: Nodes, rows: str, path: BoundPath) -> str:
    return nodes.unit(nodes.linear(rows, path.state["map"], path.state["offset"]))


def _procrustes(nodes: Nodes, rows: str, path: BoundPath) -> str:
    state = path.state
    offset = state["target_centre"] - state["centre"] @ state["rotation"]
    return nodes.unit(nodes.linear(rows, state["rotation"], offset))


def _subspace(nodes: Nodes, rows: str, path: BoundPath) -> str:
    basis = path.state["basis"]
    return nodes.unit(nodes.linear(rows, basis, -path.state["centre"] @ basis))


def _cca_affine(nodes: Nodes, rows: str, path: BoundPath) -> str:
    state = path.state
    whole = (state["into"] * state["correlations"]) @ state["back"]
    return nodes.unit(nodes.linear(rows, whole, state["target_centre"] - state["centre"] @ whole))


def _anchor_attention(nodes: Nodes, rows: str, path: BoundPath) -> str:
    sharpness = path.parameters.get("sharpness", 15.0)
    moved = nodes.unit(nodes.add("Sub", rows, path.state["centre"]))
    near = nodes.add("MatMul", moved, sharpness * path.state["source"].T)
    return nodes.unit(nodes.add("MatMul", nodes.add("Softmax", near, axis=1), path.state["target"]))


def _trained(nodes: Nodes, rows: str, path: BoundPath) -> str:
    state = path.state
    hidden = nodes.add("Relu", nodes.linear(rows, state["first"], state["bias"]))
    moved = nodes.add("MatMul", hidden, state["second"])
    return nodes.unit(nodes.add("Add", nodes.linear(rows, state["map"], state["offset"]), moved))


def _projector_ensemble(nodes: Nodes, rows: str, path: BoundPath) -> str:
    state = path.state
    members, hidden, _ = state["outer"].shape
    inside = nodes.add("Relu", nodes.linear(rows, state["inner"], state["inner_bias"]))
    # One product batched over the members was slower by a third than one for each.
    parts = []
    for member in range(members):
        begin, end = np.array([member * hidden]), np.array([(member + 1) * hidden])
        part = nodes.add("Slice", inside, begin, end, np.array([1]))
        parts.append(nodes.unit(nodes.linear(part, state["outer"][member], state["outer_bias"][member])))
    return nodes.unit(nodes.add("Sum", *parts))


METHODS: Mapping[str, Drawn] = {
    NATIVE: _native,
    "affine": _affine,
    "anchor_attention": _anchor_attention,
    "cca_affine": _cca_affine,
    "correlation": _trained,
    "joint_views": _trained,
    "procrustes": _procrustes,
    "projector_ensemble": _projector_ensemble,
    "subspace": _subspace,
    "wasserstein": _trained,
}
"""How the methods of the family projection are drawn as a graph."""


def _graph(bound: BoundSpace, modality: Modality) -> onnx.ModelProto:
    router, paths, nodes = _router(bound, modality), _paths(bound, modality), Nodes()
    said: dict[str, list[str]] = {}
    for path in paths:
        if path.method not in METHODS:
            raise InvalidInput(
                f"the method {path.method!r} has no graph; those with one are: {', '.join(METHODS)}",
                field="method",
            )
        said.setdefault(path.block, []).append(METHODS[path.method](nodes, path.source.name, path))
    weights = _weights(nodes, router, [block.space.name in said for block in bound.blocks])
    weighted = []
    for number, block in enumerate(bound.blocks):
        weight = nodes.add("Slice", weights, np.array([number]), np.array([number + 1]), np.array([1]))
        spoken = said.get(block.space.name)
        if not spoken:
            weighted.append(nodes.add("Mul", weight, np.zeros((1, block.width))))
        elif len(spoken) == 1:
            weighted.append(nodes.add("Mul", weight, spoken[0]))
        else:
            weighted.append(nodes.add("Mul", weight, nodes.unit(nodes.add("Sum", *spoken))))
    nodes.add("Concat", *weighted, output=JOINT, axis=1)

    def info(name: str, width: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])

    widths = {path.source.name: path.source_width for path in paths}
    graph = helper.make_graph(
        nodes.made,
        f"{modality}_queries",
        [info(name, width) for name, width in widths.items()],
        [info(JOINT, bound.width), info(WEIGHTS, len(bound.blocks))],
        nodes.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _weights(nodes: Nodes, router: BoundRouter, heard: Sequence[bool]) -> str:
    if router.method not in ("soft", "uniform"):
        raise InvalidInput(
            f"the routing method {router.method!r} has no graph; those with one are: soft, uniform",
            field="method",
        )
    silent = np.where(heard, 0.0, SILENT)[None]
    seen = router.inputs[0]
    if len(router.inputs) > 1:
        seen = nodes.add("Concat", *router.inputs, axis=1)
    sharpness = router.parameters.get("sharpness", 10.0) if router.state and router.method == "soft" else 0.0
    if sharpness:
        for layer, squash in zip(LAYERS, ("Relu", "Tanh", "Sigmoid"), strict=True):
            seen = nodes.add(squash, nodes.linear(seen, router.state[layer], router.state[f"{layer}_bias"]))
        seen = nodes.add("Mul", seen, np.array(sharpness))
    else:
        first = nodes.add("Slice", seen, np.array([0]), np.array([1]), np.array([1]))
        seen = nodes.add("Mul", first, np.zeros((1, len(heard))))
    return nodes.add("Softmax", nodes.add("Add", seen, silent), output=WEIGHTS, axis=1)


def _router(bound: BoundSpace, modality: Modality) -> BoundRouter:
    for router in bound.routers:
        if router.modality == modality:
            return router
    raise NotFound("router", modality, [router.modality for router in bound.routers])


def _paths(bound: BoundSpace, modality: Modality) -> list[BoundPath]:
    """From the spaces of the modality: those whose block says so, and those that its router reads."""
    ours = {block.space.name for block in bound.blocks if block.modality == modality}
    ours |= set(_router(bound, modality).inputs)
    return [path for path in bound.paths if path.source.name in ours]


def _milliseconds(run: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(taken))
