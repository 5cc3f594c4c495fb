"""A traced float32 graph of small products, made to read less memory for the same result.

Served one after the other, the paths of a query read some 15 MB of matrices, three times what a processor's
nearest caches hold. Of the graph of all of them:

- Matrices that multiply one input stand side by side and are one product; equal matrices are in it once.
- Large matrices are in 8 bits with a scale per column, and what they multiply is coded with a scale per row,
  so that a row's result does not depend on its neighbours (as in `recipes/graphs/quantise.py`, without its
  remedies: unit vectors have no channel that outshines the others).

Small matrices stay in float32. What is computed of constants alone is computed once, here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from tieback_contract.arrays import Array

MICROSOFT = "com.microsoft"
LARGE = 1 << 16
"""A matrix of so many entries is kept in 8 bits: reading it takes longer than coding what it multiplies."""
LEVELS, MIDDLE = 127, 128
EPSILON = 1e-12
NOT_NEGATIVE = ("Relu", "Softmax", "Sigmoid")
SAME_VALUES = ("Reshape", "Transpose")


def with_integer_products(model: ModelProto) -> ModelProto:
    """The same graph, with inputs and outputs of the same names, checked."""
    opset = next(entry for entry in model.opset_import if entry.domain == "")
    made = _Rewriting(model, opset.version)
    graph = helper.make_graph(
        made.nodes, "products", list(model.graph.input), list(model.graph.output), made.initializers
    )
    found = helper.make_model(
        graph, opset_imports=[opset, helper.make_opsetid(MICROSOFT, 1)], ir_version=model.ir_version
    )
    checker.check_model(found)
    return found


class _Coded(NamedTuple):
    """Rows in 8 bits, what a step is worth in each row `[n, 1]`, and what stands for zero."""

    values: str
    step: str
    zero: Array


@dataclass(slots=True)
class _Rewriting:
    """The nodes and constants of the new graph."""

    model: ModelProto
    opset: int
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)
    _constants: dict[str, Array] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _makers: dict[str, NodeProto] = field(default_factory=dict)
    _renamed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.model.graph
        self._constants |= {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        nodes = [node for node in graph.node if not self._fold(node)]
        self._makers |= {name: node for node in nodes for name in node.output}
        written: set[str] = set()
        for node in nodes:
            if node.output[0] in written:
                continue
            if not self._is_product(node):
                self._copy(node)
                continue
            weights = self._constants[node.input[1]]
            if weights.ndim == 2:
                every = [one for one in nodes if self._is_product(one, node.input[0])]
                self._product(every)
                written |= {one.output[0] for one in every}
            else:
                self._product_of_batches(node, weights)

    def _fold(self, node: NodeProto) -> bool:
        """Whether the node's outputs are constants; they are computed then."""
        given = [name for name in node.input if name]
        if any(name not in self._constants for name in given) or not (given or node.op_type == "Constant"):
            return False
        opsets = [helper.make_opsetid("", self.opset)]
        alone = helper.make_function("", "constant", given, list(node.output), [node], opsets)
        found = ReferenceEvaluator(alone).run(None, {name: self._constants[name] for name in given}, {})
        self._constants |= {name: np.asarray(one) for name, one in zip(node.output, found, strict=True)}
        return True

    def _is_product(self, node: NodeProto, of: str = "") -> bool:
        """Whether a matrix of constants is multiplied; with `of`, whether that tensor is, by two axes."""
        if node.op_type != "MatMul" or node.input[1] not in self._constants:
            return False
        axes = self._constants[node.input[1]].ndim
        return node.input[0] == of and axes == 2 if of else axes in (2, 3)

    def _copy(self, node: NodeProto) -> None:
        copied = NodeProto()
        copied.CopyFrom(node)
        copied.input[:] = [self._name(name) for name in node.input]
        self.nodes.append(copied)

    def _product(self, every: Sequence[NodeProto]) -> None:
        """Products of one tensor `[n, d]` with matrices `[d, k]`, as one."""
        matrices: dict[str, Array] = {}
        outputs: dict[str, str] = {}
        for node in every:
            weights = self._constants[node.input[1]]
            key = _digest(weights)
            matrices.setdefault(key, weights)
            self._renamed[node.output[0]] = outputs.setdefault(key, node.output[0])
        together = np.concatenate(list(matrices.values()), axis=1)
        tensor = self._name(every[0].input[0])
        one = len(outputs) == 1
        product = next(iter(outputs.values())) if one else ""
        if together.size < LARGE:
            product = self._add("MatMul", tensor, together, output=product)
        else:
            coded = self._coded(tensor, positive=self._is_positive(every[0].input[0]))
            product = self._product_of_coded(coded, together, output=product)
        if not one:
            sizes = np.array([weights.shape[1] for weights in matrices.values()])
            names = list(outputs.values())
            self.nodes.append(helper.make_node("Split", [product, self._constant(sizes)], names, axis=1))

    def _product_of_batches(self, node: NodeProto, weights: Array) -> None:
        """Batches `[b, n, d]` times matrices `[b, d, k]`."""
        if weights.size < LARGE:
            self._copy(node)
            return
        batches, width, _ = weights.shape
        rows = self._add("Reshape", self._name(node.input[0]), np.array([-1, width]))
        coded = self._coded(rows, positive=self._is_positive(node.input[0]))
        values = self._add("Reshape", coded.values, np.array([batches, -1, width]))
        step = self._add("Reshape", coded.step, np.array([batches, -1, 1]))
        whole, scale = _in_steps(weights)
        found = self._add("MatMulInteger", values, whole, coded.zero)
        found = self._add("Mul", self._add("Cast", found, to=TensorProto.FLOAT), step)
        self._add("Mul", found, scale, output=node.output[0])

    def _product_of_coded(self, coded: _Coded, weights: Array, *, output: str) -> str:
        """Coded rows `[n, d]` times weights `[d, k]`."""
        whole, scale = _in_steps(weights)
        given = (coded.values, whole, np.array(1.0), scale[0], coded.zero)
        return self._add(
            "Mul", self._add("MatMulIntegerToFloat", *given, domain=MICROSOFT), coded.step, output=output
        )

    def _coded(self, rows: str, *, positive: bool) -> _Coded:
        """Rows `[n, d]` in 8 bits; `positive` ones have nothing below 0."""
        sizes = rows if positive else self._add("Abs", rows)
        largest = self._add("ReduceMax", sizes, axes=[-1], keepdims=0)
        levels = 2 * LEVELS + 1 if positive else LEVELS
        step = self._add("Mul", self._add("Max", largest, np.array(EPSILON)), np.array(1 / levels))
        # Unsigned, which is the default: ONNX Runtime multiplies signed rows with signed weights ten times as
        # slowly.
        zero = np.array(0 if positive else MIDDLE, np.uint8)
        zeros = [] if positive else [self._add("Expand", zero, self._add("Shape", step))]
        values = self._add("QuantizeLinear", rows, step, *zeros, axis=0)
        return _Coded(values, self._add("Unsqueeze", step, np.array([1])), zero)

    def _is_positive(self, tensor: str) -> bool:
        while (maker := self._makers.get(tensor)) is not None and maker.op_type in SAME_VALUES:
            tensor = maker.input[0]
        return maker is not None and maker.op_type in NOT_NEGATIVE

    def _add(self, kind: str, *inputs: str | Array, output: str = "", **attributes: Any) -> str:
        """The name of what a node of that kind gives; arrays become constants."""
        names = [one if isinstance(one, str) else self._constant(one) for one in inputs]
        output = output or f"product.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [output], **attributes))
        return output

    def _name(self, old: str) -> str:
        """What a tensor of the given graph is called in the new one."""
        if old in self._constants:
            return self._constant(self._constants[old])
        return self._renamed.get(old, old)

    def _constant(self, array: Array) -> str:
        """The name of the array within the graph; equal arrays are one. Whole numbers stay what they are."""
        array = np.asarray(array)
        kept = np.asarray(array, np.float32) if array.dtype.kind == "f" else array
        # ONNX Runtime's exact kernels (`models/session.py`) want weights in 8 bits for each product anew.
        key = f"{len(self.initializers)}" if kept.dtype == np.int8 else _digest(kept)
        if key not in self._names:
            self._names[key] = f"constant.{len(self.initializers)}"
            self.initializers.append(numpy_helper.from_array(kept.copy(order="C"), self._names[key]))
        return self._names[key]


def _digest(array: Array) -> str:
    return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"


def _in_steps(weights: Array) -> tuple[Array, Array]:
    """Weights `[…, d, k]` as whole numbers, and what a step of them is worth `[…, 1, k]`."""
    step = np.abs(weights).max(axis=-2, keepdims=True) / LEVELS
    step[step == 0] = 1
    return np.rint(weights / step).astype(np.int8), step
