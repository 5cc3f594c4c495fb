"""The paths of a binding as one ONNX graph for each modality, and each of its routers as one.

Served by their methods one after the other, a query's paths read some 15 MB of matrices, three times what a
processor's nearest caches hold. The graph reads less for the same result:

- Matrices that multiply one input stand side by side and are one product; anchors that several paths attend
  to are in it once.
- Large matrices are in 8 bits with a scale per column, and what they multiply is coded with a scale per row,
  so that a row's result does not depend on its neighbours (as in `recipes/quantise.py`, without its remedies:
  unit vectors have no channel that outshines the others).

A router is a graph of its own, since another binding's may be tried over the same paths. Small matrices stay
in float32. Graph and methods are compared on random vectors before the graph is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.routing._network import LAYERS
from tieback.models.bound_graph import (
    PATHS,
    ROUTER,
    SCORES,
    SEEN,
    SUMS,
    PathGraph,
    RouterGraph,
    graph_name,
)
from tieback.models.bound_space import NATIVE, BoundPath, BoundRouter, BoundSpace
from tieback.router.graphs import LARGEST_DIFFERENCE, SMALLEST_COSINE, agreement, router_difference

OPSET, MICROSOFT = 21, "com.microsoft"
LARGE = 1 << 16
"""A matrix of so many entries is kept in 8 bits: reading it takes longer than coding what it multiplies."""
LEVELS, MIDDLE = 127, 128
EPSILON = 1e-12


def export_graphs(bound: BoundSpace, sources: Mapping[Modality, Sequence[str]]) -> dict[str, bytes]:
    """The graphs by their names: of the paths from the `sources` of each modality, and of the routers.

    A modality whose paths hold no large matrix has none, and neither has one with a path that is not drawn
    (METHODS); they are computed by their methods. So are paths that read terms, and those that stand in.
    StartupError where a graph differs from the methods.
    """
    found = {}
    for modality, names in sources.items():
        paths = [path for path in bound.paths if path.source.name in names and path.in_graphs]
        if all(path.method in METHODS for path in paths) and any(map(_is_large, paths)):
            graph = draw_paths(bound, paths).SerializeToString(deterministic=True)
            _compare_paths(graph, bound, modality)
            found[graph_name(PATHS, modality)] = graph
    for router in bound.routers:
        if router.state and router.state["first"].size >= LARGE:
            graph = draw_router(router).SerializeToString(deterministic=True)
            _compare_router(graph, router)
            found[graph_name(ROUTER, router.modality)] = graph
    return found


def _is_large(path: BoundPath) -> bool:
    return any(array.size >= LARGE for array in path.state.values())


def _compare_paths(graph: bytes, bound: BoundSpace, modality: Modality) -> None:
    cosine = agreement(bound, PathGraph(graph))
    if not cosine >= SMALLEST_COSINE:
        raise StartupError(
            f"the graph of the paths of {modality} differs from their methods: in a block, by a cosine of "
            f"{cosine:.4f}. Please report the versions of numpy, onnx and onnxruntime"
        )


def _compare_router(graph: bytes, router: BoundRouter) -> None:
    difference = router_difference(router, RouterGraph(graph))
    if not difference <= LARGEST_DIFFERENCE:
        raise StartupError(
            f"the graph of the router for {router.modality} differs from its network by {difference:.2g}. "
            "Please report the versions of numpy, onnx and onnxruntime"
        )


class Coded(NamedTuple):
    """Rows in 8 bits, what a step is worth in each row `[n, 1]`, and what stands for zero."""

    values: str
    step: str
    zero: Array


@dataclass(slots=True)
class Nodes:
    """A graph in the making: nodes and constants, named by their number."""

    made: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, *inputs: str | Array, output: str = "", **attributes: Any) -> str:
        """The name of what a node of that kind gives; arrays become constants."""
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        output = output or f"n{len(self.made)}"
        self.made.append(helper.make_node(kind, names, [output], **attributes))
        return output

    def split(self, rows: str, sizes: Sequence[int]) -> list[str]:
        """The columns of rows, so many at a time."""
        if len(sizes) == 1:
            return [rows]
        names = [f"n{len(self.made)}.{place}" for place in range(len(sizes))]
        self.made.append(helper.make_node("Split", [rows, self.constant(np.array(sizes))], names, axis=-1))
        return names

    def constant(self, array: Array) -> str:
        """The name of the array within the graph; equal arrays are one. Whole numbers stay what they are."""
        array = np.asarray(array)
        kept = np.ascontiguousarray(array, np.float32 if array.dtype.kind == "f" else array.dtype)
        key = f"{kept.dtype}{kept.shape}{hashlib.sha256(kept.tobytes()).hexdigest()}"
        if key not in self._known:
            self._known[key] = f"c{len(self.constants)}"
            # ascontiguousarray makes a vector of a number; a scale must stay one.
            self.constants.append(numpy_helper.from_array(kept.reshape(array.shape), self._known[key]))
        return self._known[key]

    def product(self, rows: str, weights: Array, *, positive: bool = False) -> str:
        """Rows `[n, d]` times weights `[d, k]`, in 8 bits where those are large."""
        if weights.size < LARGE:
            return self.add("MatMul", rows, weights)
        return self.product_of_coded(self.coded(rows, positive=positive), weights)

    def product_of_coded(self, coded: Coded, weights: Array) -> str:
        """Coded rows `[…, n, d]` times weights `[…, d, k]`."""
        step = np.abs(weights).max(axis=-2, keepdims=True) / LEVELS
        step[step == 0] = 1
        whole = np.rint(weights / step).astype(np.int8)
        if weights.ndim == 2:  # ONNX Runtime's own operator knows no batches of matrices
            found = self.add(
                "MatMulIntegerToFloat", coded.values, whole, np.array(1.0), step[0], coded.zero,
                domain=MICROSOFT,
            )  # fmt: skip
            return self.add("Mul", found, coded.step)
        found = self.add("MatMulInteger", coded.values, whole, coded.zero)
        found = self.add("Mul", self.add("Cast", found, to=TensorProto.FLOAT), coded.step)
        return self.add("Mul", found, step)

    def coded(self, rows: str, *, positive: bool = False) -> Coded:
        """Rows `[n, d]` in 8 bits; `positive` ones have nothing below 0."""
        largest = self.add("Max", self.largest(rows, positive=positive), np.array(EPSILON))
        zero = np.array(0 if positive else MIDDLE, np.uint8)
        step = self.add("Mul", largest, np.array(1 / (2 * LEVELS + 1 if positive else LEVELS)))
        # Unsigned: ONNX Runtime multiplies signed rows with signed weights ten times as slowly.
        if positive:
            values = self.add("QuantizeLinear", rows, step, axis=0, output_dtype=TensorProto.UINT8)
        else:
            zeros = self.add("Expand", zero, self.add("Shape", step))
            values = self.add("QuantizeLinear", rows, step, zeros, axis=0)
        return Coded(values, self.add("Unsqueeze", step, np.array([1])), zero)

    def largest(self, rows: str, *, positive: bool = False) -> str:
        """The largest size in each row, `[n]`."""
        return self.add("ReduceMax", rows if positive else self.add("Abs", rows), np.array([-1]), keepdims=0)

    def unit(self, rows: str) -> str:
        """Rows of length 1, along the last axis; zeros stay zeros."""
        return self.add("LpNormalization", rows, axis=-1, p=2)

    def model(self, name: str, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> onnx.ModelProto:
        """The whole, checked; inputs and outputs by their widths."""

        def info(one: str, width: int) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(one, TensorProto.FLOAT, ["n", width])

        graph = helper.make_graph(
            self.made, name, [info(*one) for one in inputs.items()], [info(*one) for one in outputs.items()],
            self.constants,
        )  # fmt: skip
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)],
            ir_version=10,
        )
        onnx.checker.check_model(model)
        return model


Rest = Callable[[Nodes, str, str], str]
"""From the input's rows, and their product with the method's first matrix, to unit rows of the block."""


class Drawn(NamedTuple):
    """How a method begins, by a matrix `[d, k]` that its input is multiplied with, and how it goes on."""

    first: Array
    rest: Rest


def _linear(weights: Array, offset: Array) -> Drawn:
    return Drawn(weights, lambda nodes, _rows, moved: nodes.unit(nodes.add("Add", moved, offset)))


def _affine(path: BoundPath) -> Drawn:
    return _linear(path.state["map"], path.state["offset"])


def _procrustes(path: BoundPath) -> Drawn:
    state = path.state
    return _linear(state["rotation"], state["target_centre"] - state["centre"] @ state["rotation"])


def _subspace(path: BoundPath) -> Drawn:
    basis = path.state["basis"]
    return _linear(basis, -path.state["centre"] @ basis)


def _cca_affine(path: BoundPath) -> Drawn:
    state = path.state
    whole = (state["into"] * state["correlations"]) @ state["back"]
    return _linear(whole, state["target_centre"] - state["centre"] @ whole)


def _anchor_attention(path: BoundPath) -> Drawn:
    state, sharpness = path.state, path.parameters.get("sharpness", 15.0)

    def rest(nodes: Nodes, rows: str, near: str) -> str:
        # A row less its centre is brought to length 1 after the product, which is linear in it.
        length = nodes.add("ReduceL2", nodes.add("Sub", rows, state["centre"]), np.array([-1]), keepdims=1)
        near = nodes.add("Sub", near, state["centre"] @ state["source"].T)
        length = nodes.add("Mul", nodes.add("Max", length, np.array(EPSILON)), np.array(1 / sharpness))
        near = nodes.add("Softmax", nodes.add("Div", near, length), axis=1)
        return nodes.unit(nodes.product(near, state["target"], positive=True))

    return Drawn(state["source"].T, rest)


def _trained(path: BoundPath) -> Drawn:
    state = path.state
    hidden = state["first"].shape[1]

    def rest(nodes: Nodes, _rows: str, both: str) -> str:
        inside, moved = nodes.split(both, (hidden, state["map"].shape[1]))
        inside = nodes.add("Relu", nodes.add("Add", inside, state["bias"]))
        moved = nodes.add("Add", moved, state["offset"])
        return nodes.unit(nodes.add("Add", moved, nodes.product(inside, state["second"])))

    return Drawn(np.concatenate([state["first"], state["map"]], axis=1), rest)


def _projector_ensemble(path: BoundPath) -> Drawn:
    state = path.state
    members, hidden, _ = state["outer"].shape

    def by_member(nodes: Nodes, inside: str) -> str:
        shaped = nodes.add("Reshape", inside, np.array([0, members, hidden]))
        return nodes.add("Transpose", shaped, perm=[1, 0, 2])

    def rest(nodes: Nodes, _rows: str, inside: str) -> str:
        inside = nodes.add("Relu", nodes.add("Add", inside, state["inner_bias"]))
        if state["outer"].size < LARGE:
            said = nodes.add("MatMul", by_member(nodes, inside), state["outer"])
        else:  # coded for all members at once
            coded = nodes.coded(inside, positive=True)
            said = nodes.product_of_coded(
                coded._replace(values=by_member(nodes, coded.values)), state["outer"]
            )
        said = nodes.unit(nodes.add("Add", said, state["outer_bias"][:, None]))
        return nodes.unit(nodes.add("ReduceSum", said, np.array([0]), keepdims=0))

    return Drawn(state["inner"], rest)


METHODS: Mapping[str, Callable[[BoundPath], Drawn] | None] = {
    NATIVE: None,
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
"""How the methods of the family projection are drawn as a graph; None for vectors that stay as they are."""


def draw_paths(bound: BoundSpace, paths: Sequence[BoundPath]) -> onnx.ModelProto:
    """A graph from vectors by space to the sums, in every block, of what these paths say."""
    nodes, said = Nodes(), dict[str, list[str]]()
    widths = {path.source.name: path.source_width for path in paths}
    for name in widths:
        # A space that did not speak says nothing anywhere.
        present = nodes.add("Sign", nodes.add("Unsqueeze", nodes.largest(name), np.array([1])))
        drawn: list[tuple[BoundPath, Drawn]] = []
        for path in (one for one in paths if one.source.name == name):
            draw = METHODS[path.method]
            if draw is None:
                said.setdefault(path.block, []).append(name)
            else:
                drawn.append((path, draw(path)))
        for (path, one), moved in zip(drawn, _first(nodes, name, drawn), strict=True):
            unit = one.rest(nodes, name, moved)
            said.setdefault(path.block, []).append(nodes.add("Mul", unit, present))
    some = nodes.add("Slice", next(iter(widths)), np.array([0]), np.array([1]), np.array([1]))
    sums = []
    for block in bound.blocks:
        spoken = said.get(block.space.name)
        if spoken:
            sums.append(spoken[0] if len(spoken) == 1 else nodes.add("Sum", *spoken))
        else:  # as many rows of zeros as there are inputs
            sums.append(nodes.add("Mul", some, np.zeros((1, block.width))))
    nodes.add("Concat", *sums, output=SUMS, axis=1)
    return nodes.model("paths", widths, {SUMS: bound.width})


def _first(nodes: Nodes, rows: str, drawn: Sequence[tuple[BoundPath, Drawn]]) -> list[str]:
    """By path, the product of the rows with its first matrix; matrices that are equal are in it once."""
    matrices: dict[str, Array] = {}
    keys = []
    for _, one in drawn:
        keys.append(hashlib.sha256(np.ascontiguousarray(one.first).tobytes()).hexdigest())
        matrices.setdefault(keys[-1], one.first)
    if not matrices:
        return []
    together = nodes.product(rows, np.concatenate(list(matrices.values()), axis=1))
    apart = nodes.split(together, [one.shape[1] for one in matrices.values()])
    by_key = dict(zip(matrices, apart, strict=True))
    return [by_key[key] for key in keys]


def draw_router(router: BoundRouter) -> onnx.ModelProto:
    """A graph from vectors side by side to the blocks' scores. InvalidInput for one without a network."""
    if not router.state:
        raise InvalidInput(f"the router for {router.modality} has no network to draw", field="router")
    nodes, state = Nodes(), router.state
    said = SEEN
    for layer, squash in zip(LAYERS, ("Relu", "Tanh", "Sigmoid"), strict=True):
        said = nodes.add("Add", nodes.product(said, state[layer]), state[f"{layer}_bias"])
        said = nodes.add(squash, said, output=SCORES if layer == LAYERS[-1] else "")
    width, blocks = state["first"].shape[0], state["third"].shape[1]
    return nodes.model("router", {SEEN: width}, {SCORES: blocks})
