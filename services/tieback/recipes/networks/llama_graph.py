"""A Llama-like decoder as an ONNX graph with a key-value cache.

The graph is written operator by operator rather than traced: what makes decoding fast on a CPU (attention
that appends to its cache in place, products with quantised weights) are ONNX Runtime's own operators, which
torch does not have.

    input_ids       int64    [batch, length]      rows shorter than the longest are padded on the right
    last            int32    [batch]              index of each row's last token, from the row's beginning
    total           int32    []                   the largest of `last`, plus 1
    positions       int64    [batch, selected]    which places of `input_ids` to give logits for
    exits           int64    [exits]              after which layers: 0 for the embedding, their number for
                                                  the last
    soft_places     int64    [soft, 2]            row and place of soft tokens, whose `input_ids` are not read
    soft_rows       float32  [soft, width]        what the first layer reads in their place
    past.N.key, past.N.value        float32  [batch, key_value_heads, capacity, head_width]
    → logits        float32  [batch, selected, exits, vocabulary]
    → states        float32  [batch, selected, exits, width]   through the last norm: what the head reads
    → present.N.key, present.N.value    to be bound to the memory of the past, which is extended in place

The inputs of soft tokens may be left unbound, and then there are none; the output `states` costs nothing
where it is not asked for.

An early exit is the hidden state after a layer through the last norm and the head. The states of lower layers
are gathered in a branch that runs only where one of them is asked for; the head is one product for all exits.

Matrices are in blocks of 32: those of layers in 8 or 4 bits, embedding and head in 8. By `arithmetic="int8"`
activations are quantised too, block by block as they come, and the products run on integer instructions;
with "float32" the weights are expanded and nothing else is lost, which is slow and serves to prove the graph.

Or they are floats, and the products too. ONNX Runtime has no product of 16-bit floats for x86 processors: it
would expand all weights when it loads them, and they would take the memory of 32 bits. So they are expanded
in each run, out of the file, in pieces that are small enough for a processor's nearest cache.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tieback.models.language.decoder import LOGITS, SOFT_PLACES, SOFT_ROWS, STATES
from tieback.recipes.networks.llama_weights import (
    BLOCK,
    LlamaLayer,
    LlamaShape,
    LlamaWeights,
    Matrix,
    Plain,
    held,
    stacked,
)

Arithmetic = Literal["int8", "float32"]

CONTRIB = "com.microsoft"
OPSET, IR_VERSION = 21, 10
PAGE = 4096  # weights begin on pages, so that they are mapped from the file instead of read
WIDENED = 1 << 16  # weights of 16 bits that are expanded at once
FEW = 8  # such small constants steer the graph, so its optimiser wants to see them
SELECTED = ("batch", "selected", "exits")
ACCURACY_LEVEL = {"float32": 1, "int8": 4}  # MatMulNBits' names for them


def write_graph(weights: LlamaWeights, path: Path, *, arithmetic: Arithmetic = "int8") -> None:
    """Writes the graph to `path` and its weights beside it, to `path` + ".data".

    `weights` are recoded ones. A tied head and embedding share their bytes in the file.
    """
    with path.with_name(f"{path.name}.data").open("wb") as data:
        model = _GraphWriter(weights.shape, arithmetic, data).model(weights)
    onnx.save(model, path)


class _GraphWriter:
    def __init__(self, shape: LlamaShape, arithmetic: Arithmetic, data: Any) -> None:
        self._shape = shape
        self._accuracy = ACCURACY_LEVEL[arithmetic]
        self._data = data
        self._offsets: dict[str, int] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []

    def model(self, weights: LlamaWeights) -> onnx.ModelProto:
        shape = self._shape
        cosines, sines = shape.rotary_tables()
        self._constant("rotary.cosines", cosines)
        self._constant("rotary.sines", sines)
        self._spare_place()
        if isinstance(weights.embedding, Plain) and weights.embedding.values.dtype == np.float16:
            self._same_shape()
        states, hidden, added = [], self._with_soft_tokens(self._embedding(weights)), ""
        for n, layer in enumerate(weights.layers):
            state, hidden, added = self._layer(n, layer, hidden, added)
            states.append(state)
        states.append(self._node("Add", [hidden, added], "last.fed"))
        self._norm(self._selected(states), weights.final_norm, STATES)
        self._product(STATES, "head", weights.head or weights.embedding, output=LOGITS)
        inputs = [
            _value("input_ids", TensorProto.INT64, "batch", "length"),
            _value("last", TensorProto.INT32, "batch"),
            _value("total", TensorProto.INT32),
            _value("positions", TensorProto.INT64, "batch", "selected"),
            _value("exits", TensorProto.INT64, "exits"),
            _value(SOFT_PLACES, TensorProto.INT64, "soft", 2),
            _value(SOFT_ROWS, TensorProto.FLOAT, "soft", shape.width),
        ]
        outputs = [
            _value(LOGITS, TensorProto.FLOAT, *SELECTED, shape.vocabulary),
            _value(STATES, TensorProto.FLOAT, *SELECTED, shape.width),
        ]
        for n in range(shape.layers):
            for part in ("key", "value"):
                cache = ("batch", shape.key_value_heads, "capacity", shape.head_width)
                inputs.append(_value(f"past.{n}.{part}", TensorProto.FLOAT, *cache))
                outputs.append(_value(f"present.{n}.{part}", TensorProto.FLOAT, *cache))
        graph = helper.make_graph(self._nodes, "decoder", inputs, outputs, self._initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _embedding(self, weights: LlamaWeights) -> str:
        embedded = self._looked_up(weights)
        if self._shape.embedding_scale == 1.0:
            return embedded
        scale = self._constant("embedding.scale", np.array(self._shape.embedding_scale, np.float32))
        return self._node("Mul", [embedded, scale], "embedded.scaled")

    def _looked_up(self, weights: LlamaWeights) -> str:
        if isinstance(weights.embedding, Plain):
            name = "head" if weights.head is None else "embedding"
            rows = self._constant(f"{name}.values", weights.embedding.values)
            self._node("Gather", [rows, "input_ids"], "embedded.rows", axis=0)
            return self._node("Cast", ["embedded.rows"], "embedded", to=TensorProto.FLOAT)
        table = held(weights.embedding)
        inputs = ["head.codes", "input_ids", "head.scales"]
        if weights.head is None:
            codes = self._constant("head.codes", table.codes.reshape(*table.scales.shape, BLOCK))
            # The lookup wants the same bytes as a matrix: a second name for one place in the file.
            inputs[0] = self._alias("embedding.codes", codes, table.codes.shape)
            self._constant("head.scales", table.scales)
        else:
            inputs[0] = self._constant("embedding.codes", table.codes)
            inputs[2] = self._constant("embedding.scales", table.scales)
        attributes = {"bits": 8, "block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
        return self._node("GatherBlockQuantized", inputs, "embedded", domain=CONTRIB, **attributes)

    def _with_soft_tokens(self, embedded: str) -> str:
        """What the first layer reads: soft tokens in their places, none where the inputs are left out.

        An input that has a value of its own may be left out. Copying the rest is a thousandth of a step.
        """
        places = self._constant(SOFT_PLACES, np.zeros((0, 2), np.int64))
        rows = self._constant(SOFT_ROWS, np.zeros((0, self._shape.width), np.float32))
        return self._node("ScatterND", [embedded, places, rows], "embedded.with_soft")

    def _spare_place(self) -> None:
        """Adds one place behind the tokens of a single row, where its cache has room for it.

        ONNX Runtime has one kernel for the attention of a single token and another for that of several, which
        round differently; through activations of 8 bits that changes choices. With the place there are always
        several. So it makes no difference to a row whether its tokens come one by one or together, and a
        draft that is checked in one run gives exactly what steps give. Rows that run together come one token
        at a time, in the first kernel.
        """
        self._node("Shape", ["input_ids"], "batch", start=0, end=1)
        self._node("Shape", ["input_ids"], "length", start=1, end=2)
        self._node("Shape", ["past.0.key"], "capacity", start=2, end=3)
        self._node("Equal", ["batch", self._constant("one_row", np.array([1]))], "spare.single")
        self._node("Cast", ["total"], "spare.used", to=TensorProto.INT64)
        self._node("Less", ["spare.used", "capacity"], "spare.room")
        self._node("And", ["spare.single", "spare.room"], "spare.taken")
        self._node("Cast", ["spare.taken"], "spare.places", to=TensorProto.INT64)
        before = self._constant("spare.before", np.array([0, 0, 0, 0]))
        after = self._constant("spare.after", np.array([0]))
        self._node("Concat", [before, "spare.places", after], "spare.pads", axis=0)
        self._node("Cast", ["spare.places"], "spare.count", to=TensorProto.INT32)
        self._node("Add", ["last", "spare.count"], "spare.last")
        self._node("Squeeze", ["spare.count"], "spare.scalar")
        self._node("Add", ["total", "spare.scalar"], "spare.total")

    def _layer(self, n: int, layer: LlamaLayer, hidden: str, added: str) -> tuple[str, str, str]:
        """What the layer reads, hidden + added (nothing before the first); and two tensors that it makes.

        Their sum is what the next one reads: one operator adds them and takes its norm.
        """
        shape, name = self._shape, f"layers.{n}"
        state, normed = self._normed_sum(hidden, added, layer.attention_norm, f"{name}.attention_norm")
        projected = self._product(normed, f"{name}.qkv", stacked(layer.query, layer.key, layer.value))
        if layer.query_bias is not None:
            biases = np.concatenate([layer.query_bias, layer.key_bias, layer.value_bias])
            bias = self._constant(f"{name}.qkv.bias", biases.astype(np.float32))
            projected = self._node("Add", [projected, bias], f"{name}.qkv.biased")
        if layer.query_norm is not None and layer.key_norm is not None:
            projected = self._with_normed_heads(projected, name, layer.query_norm, layer.key_norm)
        cache = [f"past.{n}.key", f"past.{n}.value", "spare.last", "spare.total"]
        padded = self._node("Pad", [projected, "spare.pads"], f"{name}.padded")
        with_spare = self._node(
            "GroupQueryAttention",
            [padded, "", "", *cache, "rotary.cosines", "rotary.sines"],
            f"{name}.attention",
            f"present.{n}.key",
            f"present.{n}.value",
            domain=CONTRIB,
            num_heads=shape.heads,
            kv_num_heads=shape.key_value_heads,
            do_rotary=1,
        )
        ends = [
            self._constant("spare.from", np.array([0])),
            "length",
            self._constant("spare.axis", np.array([1])),
        ]
        attended = self._node("Slice", [with_spare, *ends], f"{name}.attended.tokens")
        output = self._product(attended, f"{name}.output", layer.output)
        hidden, normed = self._normed_sum(state, output, layer.feed_forward_norm, f"{name}.feed_forward_norm")
        inner = self._product(normed, f"{name}.gate_up", stacked(layer.gate, layer.up))
        self._node("Split", [inner], f"{name}.gate", f"{name}.up", axis=-1, num_outputs=2)
        if shape.activation == "silu":  # x · sigmoid(αx) with α = 1
            gate = self._node("QuickGelu", [f"{name}.gate"], f"{name}.active", domain=CONTRIB, alpha=1.0)
        else:
            gate = self._node("FastGelu", [f"{name}.gate"], f"{name}.active", domain=CONTRIB)
        gated = self._node("Mul", [gate, f"{name}.up"], f"{name}.gated")
        return state, hidden, self._product(gated, f"{name}.down", layer.down)

    def _with_normed_heads(
        self, projected: str, name: str, query: NDArray[np.float32], key: NDArray[np.float32]
    ) -> str:
        """Queries, keys and values with the norm of each query's and each key's head, as Qwen3 has it."""
        shape = self._shape
        width = shape.head_width
        counts = {"query": shape.heads, "key": shape.key_value_heads, "value": shape.key_value_heads}
        sizes = self._constant("qkv.sizes", np.array([count * width for count in counts.values()]))
        parts = [f"{name}.{part}" for part in counts]
        self._node("Split", [projected, sizes], *parts, axis=-1)
        for n, (part, weight) in enumerate((("query", query), ("key", key))):
            by_head = self._constant(f"{part}.by_head", np.array([0, 0, counts[part], width]))
            together = self._constant(f"{part}.together", np.array([0, 0, counts[part] * width]))
            heads = self._node("Reshape", [parts[n], by_head], f"{parts[n]}.heads")
            normed = self._norm(heads, weight, f"{parts[n]}.norm")
            parts[n] = self._node("Reshape", [normed, together], f"{parts[n]}.normed")
        return self._node("Concat", parts, f"{name}.qkv.normed", axis=-1)

    def _selected(self, states: list[str]) -> str:
        """`[batch, selected, exits, width]` of the states before the first layer and after each."""
        width, last = self._shape.width, self._shape.layers
        self._node("Unsqueeze", ["positions", self._constant("last_axis", np.array([-1]))], "places")
        lowest = self._node("ReduceMin", ["exits"], "lowest", keepdims=0)
        early = self._node("Less", [lowest, self._constant("last_layer", np.array(last))], "early")
        by_layer = self._constant("by_layer", np.array([0, 0, last + 1, width]))
        exit_axis = self._constant("exit_axis", np.array([2]))
        places = [f"exit.{n}.places" for n in range(len(states))]
        lower = [
            *(_gather(state, place) for state, place in zip(states, places, strict=True)),
            helper.make_node("Concat", places, ["exits.joined"], axis=-1),
            helper.make_node("Reshape", ["exits.joined", by_layer], ["exits.by_layer"]),
            helper.make_node("Gather", ["exits.by_layer", "exits"], ["exits.selected"], axis=2),
        ]
        alone = [
            _gather(states[-1], "last.places"),
            helper.make_node("Unsqueeze", ["last.places", exit_axis], ["last.selected"]),
        ]
        branches: dict[str, Any] = {
            name: helper.make_graph(
                nodes, name, [], [_value(nodes[-1].output[0], TensorProto.FLOAT, *SELECTED, width)]
            )
            for name, nodes in {"then_branch": lower, "else_branch": alone}.items()
        }
        return self._node("If", [early], "selected", **branches)

    def _norm(self, tensor: str, weight: NDArray[np.float32], name: str) -> str:
        weight = (weight + self._shape.norm_offset).astype(np.float32)
        inputs = [tensor, self._constant(f"{name}.weight", weight)]
        epsilon = self._shape.norm_epsilon
        return self._node("SimplifiedLayerNormalization", inputs, name, axis=-1, epsilon=epsilon)

    def _normed_sum(self, tensor: str, added: str, weight: NDArray[np.float32], name: str) -> tuple[str, str]:
        """The sum, and its norm; without `added` the tensor itself."""
        if not added:
            return tensor, self._norm(tensor, weight, name)
        weight = (weight + self._shape.norm_offset).astype(np.float32)
        inputs = [tensor, added, self._constant(f"{name}.weight", weight)]
        outputs = (name, "", "", f"{name}.read")
        epsilon = self._shape.norm_epsilon
        self._node("SkipSimplifiedLayerNormalization", inputs, *outputs, domain=CONTRIB, epsilon=epsilon)
        return outputs[-1], name

    def _product(self, tensor: str, name: str, weights: Matrix, *, output: str = "") -> str:
        if isinstance(weights, Plain):
            return self._product_of_floats(tensor, name, weights, output or f"{name}.product")
        matrix = held(weights).widened()
        rows, columns = matrix.codes.shape
        if matrix.codes.shape != held(weights).codes.shape:
            tensor = self._with_sums(tensor, held(weights).codes.shape[1], columns)
        inputs = [tensor, f"{name}.codes", f"{name}.scales"]
        if not any(kept.name == inputs[1] for kept in self._initializers):
            codes = matrix.packed(matrix.codes)
            self._constant(f"{name}.codes", codes.reshape(rows, columns // BLOCK, -1))
            self._constant(f"{name}.scales", matrix.scales)
        zeros = matrix.zero_points()
        if zeros is not None:
            inputs.append(self._constant(f"{name}.zeros", matrix.packed(zeros)))
        return self._node(
            "MatMulNBits",
            inputs,
            output or f"{name}.product",
            domain=CONTRIB,
            K=columns,
            N=rows,
            bits=matrix.bits,
            block_size=BLOCK,
            accuracy_level=self._accuracy,
        )

    def _with_sums(self, tensor: str, inputs: int, columns: int) -> str:
        """The inputs of a product and behind them the sums of their blocks, as `Quantized.widened` wants."""
        belongs = np.arange(inputs)[:, None] // BLOCK == np.arange(columns - inputs)
        sums = self._constant(f"sums.{inputs}", belongs.astype(np.float32))
        summed = self._node("MatMul", [tensor, sums], f"{tensor}.sums")
        return self._node("Concat", [tensor, summed], f"{tensor}.widened", axis=-1)

    def _product_of_floats(self, tensor: str, name: str, matrix: Plain, output: str) -> str:
        values, table = matrix.values, f"{name}.values"
        if values.dtype == np.float32:
            return self._times(tensor, self._constant(table, values), output)
        self._write(table, values)
        count = max(1, WIDENED // values.shape[1])
        products = []
        for begin in range(0, len(values), count):
            piece = self._rows(table, values, begin, min(begin + count, len(values)))
            again = self._node("Reshape", [piece, "as_it_is"], f"{piece}.again")
            wide = self._node("Cast", [again], f"{piece}.wide", to=TensorProto.FLOAT)
            products.append(self._times(tensor, wide, f"{piece}.product"))
        return self._node("Concat", products, output, axis=-1)

    def _times(self, tensor: str, matrix: str, output: str) -> str:
        return self._node("FusedMatMul", [tensor, matrix], output, domain=CONTRIB, transB=1)

    def _same_shape(self) -> None:
        """A shape that only a run knows: what is given it is no constant. A 0 leaves a size as it is."""
        self._node("Shape", ["input_ids"], "ids.shape")
        self._node("Sub", ["ids.shape", "ids.shape"], "as_it_is")

    def _rows(self, table: str, values: NDArray[Any], begin: int, end: int) -> str:
        """Declares rows of a matrix that is in the file under a name of their own."""
        part = values[begin:end]
        start = self._offsets[table] + begin * values[0].nbytes
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        place = {"location": Path(self._data.name).name, "offset": start, "length": part.nbytes}
        return self._declare(f"{table}.{begin}", kind, part.shape, place)

    def _node(
        self, operator: str, inputs: list[str], *outputs: str, domain: str = "", **attributes: Any
    ) -> str:
        node = helper.make_node(operator, inputs, outputs, name=outputs[0], domain=domain, **attributes)
        self._nodes.append(node)
        return outputs[0]

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        """Writes the values to the data file, or into the graph where they are few; returns the name."""
        if any(kept.name == name for kept in self._initializers):
            return name
        if value.size < FEW:
            self._initializers.append(numpy_helper.from_array(value, name))
            return name
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        place = {"location": Path(self._data.name).name, "offset": self._write(name, value)}
        return self._declare(name, kind, value.shape, place | {"length": value.nbytes})

    def _write(self, name: str, value: NDArray[Any]) -> int:
        """Writes the values to the data file, once; returns where they begin."""
        if name not in self._offsets:
            self._data.write(b"\0" * (-self._data.tell() % PAGE))
            self._offsets[name] = self._data.tell()
            self._data.write(np.ascontiguousarray(value).tobytes())
        return self._offsets[name]

    def _alias(self, name: str, of: str, shape: tuple[int, ...]) -> str:
        """Declares bytes that are written already under another name and shape."""
        original = next(kept for kept in self._initializers if kept.name == of)
        place = {entry.key: entry.value for entry in original.external_data}
        return self._declare(name, original.data_type, shape, place)

    def _declare(self, name: str, kind: int, shape: tuple[int, ...], place: dict[str, Any]) -> str:
        tensor = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._initializers.append(tensor)
        return name


def _gather(state: str, output: str) -> onnx.NodeProto:
    return helper.make_node("GatherND", [state, "places"], [output], batch_dims=1)


def _value(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
