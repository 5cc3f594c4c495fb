"""The weights of a Llama-like decoder, its matrices quantised in blocks.

A matrix is read as it was published: in floats, or in blocks of 32 inputs as
`weight = scale · code + offset`. GGUF's Q4_0, Q4_1, Q4_K and Q8_0 are exactly that, so nothing is lost in
reading such a file. What is served is in blocks of 8 or of 4 bits, or in floats of 16 or 32. Floats are
quantised to 8 bits as Q8_0 does, with an error of at most 1/254 of the block's largest magnitude.

ONNX Runtime's fast products want the code of zero to be an integer, and the offset of a block is a float. In
4 bits, rounding it would move all weights of the block by up to half a step. What is rounded away, r, is the
same for the 32 inputs of a block, so it adds r · (their sum) to an output. So the sums of the blocks are
further inputs of the product, and the r of 32 blocks are a block of weights, in 4 bits as well: they err by
at most 1/28 of the largest step among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tieback.core.errors import StartupError

BLOCK = 32
"""Inputs that share a scale and an offset: what GGUF's formats have, and ONNX Runtime's kernels like."""

Floats: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

Bits: TypeAlias = Literal[4, 8, 16, 32]
"""Of a weight: 4 and 8 are codes in blocks, 16 and 32 floats."""

QUANTIZED = 8
"""The most bits of a code."""

MIDDLE = 128
"""The code of zero in a symmetric 8-bit block."""

MIDDLE_OF_FOUR = 8
"""The code of zero of a weight of sums, which are symmetric in 4 bits."""

SHRUNK = (1.0, 0.95, 0.9, 0.85, 0.8)
"""Shares of a block's range that its 4-bit codes are tried over: a narrower one clips few and steps finer."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A matrix `[outputs, inputs]` of floats: of 32 bits as it is read, of 16 or 32 as it is served."""

    values: Floats | NDArray[np.float16]

    def dequantize(self) -> Floats:
        """The matrix itself."""
        return self.values.astype(np.float32, copy=False)

    def rows(self, order: NDArray[np.intp]) -> Plain:
        """The same matrix with its outputs in another order."""
        return Plain(self.values[order])


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix `[outputs, inputs]`: `codes` of that shape; `scales`, `offsets` `[outputs, inputs / 32]`."""

    codes: Bytes
    scales: Floats
    offsets: Floats
    bits: int
    sums: Quantized | None = None
    """Weights of the blocks' sums `[outputs, inputs / 32, rounded up to whole blocks]`, which are in the
    offsets; None where offsets are taken as they are, and rounded."""

    def dequantize(self) -> Floats:
        """The matrix that the blocks stand for."""
        blocks = self.codes.reshape(*self.scales.shape, BLOCK).astype(np.float32)
        values: Floats = blocks * self.scales[..., None] + self.offsets[..., None]
        return values.reshape(self.codes.shape)

    def rows(self, order: NDArray[np.intp]) -> Quantized:
        """The same matrix with its outputs in another order."""
        sums = None if self.sums is None else self.sums.rows(order)
        return Quantized(self.codes[order], self.scales[order], self.offsets[order], self.bits, sums)

    def integer_zeros(self) -> Bytes:
        """The code in each block that is nearest to zero, beside what sums have weights for."""
        offsets = self.offsets
        if self.sums is not None:
            offsets = offsets - self.sums.dequantize()[:, : offsets.shape[1]]
        zeros = np.rint(-offsets / np.where(self.scales != 0, self.scales, 1))
        return np.clip(zeros, 0, 2**self.bits - 1).astype(np.uint8)

    def zero_points(self) -> Bytes | None:
        """The code of zero in each block; None where all are in the middle of 8 bits."""
        if self.bits == 8 and np.array_equal(self.offsets, -MIDDLE * self.scales):
            return None
        return self.integer_zeros()

    def packed(self, codes: Bytes) -> Bytes:
        """Codes `[rows, n]` as ONNX Runtime reads them: of 4 bits two in a byte, the first one lower."""
        if self.bits == 8:
            return codes
        even = np.pad(codes, ((0, 0), (0, codes.shape[1] % 2)))
        return (even[:, ::2] | (even[:, 1::2] << 4)).astype(np.uint8)

    def widened(self) -> Quantized:
        """The matrix `[outputs, inputs + sums]` of a product with the inputs and the sums of their blocks.

        The matrix itself where no sum has a weight.
        """
        if self.sums is None or not self.sums.dequantize().any():
            return replace(self, sums=None)
        zeros, of_sums = self.integer_zeros(), self.sums
        return Quantized(
            np.concatenate([self.codes, of_sums.codes], axis=1),
            np.concatenate([self.scales, of_sums.scales], axis=1),
            np.concatenate([-(zeros * self.scales), of_sums.offsets], axis=1).astype(np.float32),
            self.bits,
        )


Matrix: TypeAlias = Plain | Quantized


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """The sizes of the network."""

    vocabulary: int
    layers: int
    width: int
    inner: int
    heads: int
    key_value_heads: int
    head_width: int
    context: int
    rotary_base: float
    norm_epsilon: float
    architecture: str = "llama"
    activation: str = "silu"
    embedding_scale: float = 1.0
    norm_offset: float = 0.0
    """Added to the weights of norms, which Gemma stores as differences from 1."""

    def rotary_tables(self) -> tuple[Floats, Floats]:
        """Cosines and sines `[context, head_width / 2]` of the angles by which positions are turned."""
        pairs = np.arange(self.head_width // 2) / (self.head_width // 2)
        angles = np.arange(self.context)[:, None] * self.rotary_base**-pairs
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


@dataclass(frozen=True, slots=True)
class LlamaLayer:
    """One block: attention and gated feed-forward, each behind a norm."""

    attention_norm: Floats
    query: Matrix
    key: Matrix
    value: Matrix
    output: Matrix
    feed_forward_norm: Floats
    gate: Matrix
    up: Matrix
    down: Matrix
    query_bias: Floats | None = None
    key_bias: Floats | None = None
    value_bias: Floats | None = None
    query_norm: Floats | None = None
    key_norm: Floats | None = None


STACKED = (("query", "key", "value"), ("output",), ("gate", "up"), ("down",))
"""The matrices of a layer, those together that one product has."""


@dataclass(frozen=True, slots=True)
class LlamaWeights:
    """A whole decoder; `head` is None where it is tied to `embedding`."""

    shape: LlamaShape
    embedding: Matrix
    layers: tuple[LlamaLayer, ...]
    final_norm: Floats
    head: Matrix | None


def quantize(matrix: Floats, bits: Bits = 8) -> Quantized:
    """Blocks of a float matrix `[outputs, inputs]`: symmetric in 8 bits, from the least to the most in 4."""
    outputs, inputs = matrix.shape
    blocks = matrix.reshape(outputs, inputs // BLOCK, BLOCK)
    if bits == 4:
        return _in_four_bits(blocks)
    scales = (np.abs(blocks).max(axis=-1) / (MIDDLE - 1)).astype(np.float32)
    steps = np.rint(blocks / np.where(scales > 0, scales, 1)[..., None])
    codes = (steps + MIDDLE).astype(np.uint8).reshape(outputs, inputs)
    return Quantized(codes, scales, -MIDDLE * scales, 8)


def _in_four_bits(blocks: Floats) -> Quantized:
    """Blocks `[outputs, blocks, 32]`, each over the share of its range that errs least in squares."""
    most = 15
    low, high = blocks.min(axis=-1), blocks.max(axis=-1)
    middle, half = (high + low) / 2, (high - low) / 2
    best = np.full(low.shape, np.inf, np.float32)
    codes = np.zeros(blocks.shape, np.uint8)
    scales, offsets = np.zeros_like(low), np.zeros_like(low)
    for share in SHRUNK:
        scale = 2 * half * np.float32(share / most)
        offset = middle - half * np.float32(share)
        step = np.where(scale > 0, scale, 1)
        tried = np.clip(np.rint((blocks - offset[..., None]) / step[..., None]), 0, most)
        error = np.square(tried * scale[..., None] + offset[..., None] - blocks).sum(axis=-1)
        better = error < best
        best = np.where(better, error, best)
        scales, offsets = np.where(better, scale, scales), np.where(better, offset, offsets)
        codes = np.where(better[..., None], tried, codes).astype(np.uint8)
    return _with_sums(Quantized(codes.reshape(len(blocks), -1), scales, offsets, 4))


def _with_sums(matrix: Quantized) -> Quantized:
    """The same matrix of 4 bits with weights of sums; its offsets are those that these make."""
    zeros = matrix.integer_zeros()
    left = matrix.offsets + zeros * matrix.scales
    rows, blocks = left.shape
    whole = np.pad(left, ((0, 0), (0, -blocks % BLOCK))).reshape(rows, -1, BLOCK)
    scales = (np.abs(whole).max(axis=-1) / (MIDDLE_OF_FOUR - 1)).astype(np.float32)
    codes = np.rint(whole / np.where(scales > 0, scales, 1)[..., None]) + MIDDLE_OF_FOUR
    sums = Quantized(codes.astype(np.uint8).reshape(rows, -1), scales, -MIDDLE_OF_FOUR * scales, 4)
    offsets = sums.dequantize()[:, :blocks] - zeros * matrix.scales
    return replace(matrix, offsets=offsets.astype(np.float32), sums=sums)


def recode(matrix: Matrix, bits: Bits = 8) -> Matrix:
    """The same matrix in floats, or in blocks of 4 or 8 bits.

    Blocks that have 4 bits already keep their codes. In 8 bits seventeen finer steps make one of theirs, so
    the weights stay exact relative to each other and all move together, to an integer code of zero, by at
    most 1/34 of an old step. An 8-bit block that fits already is left as it is.
    StartupError where a weight is too large for a float of 16 bits.
    """
    if bits > QUANTIZED:
        return _in_floats(matrix.dequantize(), bits)
    if isinstance(matrix, Quantized) and matrix.bits == bits:
        return matrix if bits == QUANTIZED else _with_sums(matrix)
    if isinstance(matrix, Plain) or bits < matrix.bits:
        return quantize(matrix.dequantize(), bits)
    last = matrix.offsets + (2**matrix.bits - 1) * matrix.scales
    low = np.minimum(np.minimum(matrix.offsets, last), 0)
    high = np.maximum(np.maximum(matrix.offsets, last), 0)
    scales = (high - low) / 255
    step = np.where(scales > 0, scales, 1)
    zeros = np.rint(-low / step)
    shifted = matrix.dequantize().reshape(*scales.shape, BLOCK) - low[..., None]
    codes = np.rint(shifted / step[..., None]).astype(np.uint8).reshape(matrix.codes.shape)
    return Quantized(codes, scales, (-zeros * scales).astype(np.float32), 8)


def _in_floats(matrix: Floats, bits: Bits) -> Plain:
    if bits == 32:
        return Plain(matrix)
    with np.errstate(over="ignore"):
        values = matrix.astype(np.float16)
    if not np.isfinite(values).all():
        raise StartupError("the model has weights that are too large for floats of 16 bits; take 8, or 32")
    return Plain(values)


def recoded(weights: LlamaWeights, bits: Bits = 8) -> LlamaWeights:
    """All matrices recoded: the weights that the graph really holds.

    `bits` are those of the layers. Embedding and head have 8 at least: they err most where the choice of a
    token is close, and are a small part of a large model. Of a file that was published in 4 bits, matrices
    with more keep 8 in 4 bits too, and so does what is stacked with them.
    """
    outer: Bits = 8 if bits == 4 else bits
    published = bits == 4 and any(
        _has_four_bits(getattr(layer, name))
        for layer in weights.layers
        for names in STACKED
        for name in names
    )

    def of_layer(layer: LlamaLayer) -> LlamaLayer:
        parts: dict[str, Any] = {}
        for names in STACKED:
            matrices = [getattr(layer, name) for name in names]
            kept = outer if published and not all(map(_has_four_bits, matrices)) else bits
            parts |= {name: recode(matrix, kept) for name, matrix in zip(names, matrices, strict=True)}
        return replace(layer, **parts)

    layers = tuple(of_layer(layer) for layer in weights.layers)
    head = None if weights.head is None else recode(weights.head, outer)
    return replace(weights, embedding=recode(weights.embedding, outer), layers=layers, head=head)


def _has_four_bits(matrix: Matrix) -> bool:
    return isinstance(matrix, Quantized) and matrix.bits == 4


def stacked(*matrices: Matrix) -> Matrix:
    """Several recoded matrices of the same inputs, one below the other, so that one product has them all."""
    floats = [matrix.values for matrix in matrices if isinstance(matrix, Plain)]
    if len(floats) == len(matrices):
        together: Any = np.concatenate(floats)
        return Plain(together)
    return _joined([held(matrix) for matrix in matrices])


def _joined(parts: Sequence[Quantized]) -> Quantized:
    sums = [part.sums for part in parts if part.sums is not None]
    return Quantized(
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.scales for part in parts]),
        np.concatenate([part.offsets for part in parts]),
        parts[0].bits,
        _joined(sums) if sums else None,
    )


def held(matrix: Matrix) -> Quantized:
    """A matrix in blocks. TypeError for one in floats: all of a layer are of one kind."""
    if not isinstance(matrix, Quantized):
        raise TypeError("a matrix is in floats where its layer's others are in blocks")
    return matrix


def to_state(weights: LlamaWeights) -> dict[str, Floats]:
    """The float32 weights by their names in transformers' state of the model, to compare with."""
    embedding = weights.embedding.dequantize()
    state = {
        "model.embed_tokens.weight": embedding,
        "model.norm.weight": weights.final_norm,
        "lm_head.weight": embedding if weights.head is None else weights.head.dequantize(),
    }
    for n, layer in enumerate(weights.layers):
        for field, name in STATE_NAMES.items():
            value = getattr(layer, field)
            if value is not None:
                state[f"model.layers.{n}.{name}"] = (
                    value.dequantize() if isinstance(value, Plain | Quantized) else value
                )
        if weights.shape.architecture == "phi3":
            for together, parts in TOGETHER.items():
                own = [state.pop(f"model.layers.{n}.{STATE_NAMES[part]}") for part in parts]
                state[f"model.layers.{n}.{together}"] = np.concatenate(own)
    return state


STATE_NAMES = {
    "attention_norm": "input_layernorm.weight",
    "query": "self_attn.q_proj.weight",
    "key": "self_attn.k_proj.weight",
    "value": "self_attn.v_proj.weight",
    "output": "self_attn.o_proj.weight",
    "feed_forward_norm": "post_attention_layernorm.weight",
    "gate": "mlp.gate_proj.weight",
    "up": "mlp.up_proj.weight",
    "down": "mlp.down_proj.weight",
    "query_bias": "self_attn.q_proj.bias",
    "key_bias": "self_attn.k_proj.bias",
    "value_bias": "self_attn.v_proj.bias",
    "query_norm": "self_attn.q_norm.weight",
    "key_norm": "self_attn.k_norm.weight",
}
"""A layer's parts by their names in transformers' state; biases and norms of heads may be missing."""

TOGETHER = {
    "self_attn.qkv_proj.weight": ("query", "key", "value"),
    "mlp.gate_up_proj.weight": ("gate", "up"),
}
"""Matrices that Phi-3 has in one."""
