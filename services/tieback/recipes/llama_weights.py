"""The weights of a Llama-like decoder, its matrices quantised in blocks.

A matrix stays in blocks of 32 inputs as `weight = scale · code + offset`. GGUF's Q4_1 and Q8_0 are exactly
that, so nothing is lost in reading such a file. Floats are quantised to 8 bits as Q8_0 does, with an error of
at most 1/254 of the block's largest magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Inputs that share a scale and an offset: what GGUF's formats have, and ONNX Runtime's kernels like."""

Floats: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

MIDDLE = 128
"""The code of zero in a symmetric 8-bit block."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix `[outputs, inputs]`: `codes` of that shape; `scales`, `offsets` `[outputs, inputs / 32]`."""

    codes: Bytes
    scales: Floats
    offsets: Floats
    bits: int

    def dequantize(self) -> Floats:
        """The matrix that the blocks stand for."""
        blocks = self.codes.reshape(*self.scales.shape, BLOCK).astype(np.float32)
        values: Floats = blocks * self.scales[..., None] + self.offsets[..., None]
        return values.reshape(self.codes.shape)

    def rows(self, order: NDArray[np.intp]) -> Quantized:
        """The same matrix with its outputs in another order."""
        return Quantized(self.codes[order], self.scales[order], self.offsets[order], self.bits)

    def zero_points(self) -> Bytes | None:
        """The code of zero in each block; None where all are in the middle of 8 bits."""
        if np.array_equal(self.offsets, -MIDDLE * self.scales):
            return None
        return np.rint(-self.offsets / np.where(self.scales > 0, self.scales, 1)).astype(np.uint8)


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


@dataclass(frozen=True, slots=True)
class LlamaLayer:
    """One block: attention and gated feed-forward, each behind a norm."""

    attention_norm: Floats
    query: Quantized
    key: Quantized
    value: Quantized
    output: Quantized
    feed_forward_norm: Floats
    gate: Quantized
    up: Quantized
    down: Quantized
    query_bias: Floats | None = None
    key_bias: Floats | None = None
    value_bias: Floats | None = None
    query_norm: Floats | None = None
    key_norm: Floats | None = None


@dataclass(frozen=True, slots=True)
class LlamaWeights:
    """A whole decoder; `head` is None where it is tied to `embedding`."""

    shape: LlamaShape
    embedding: Quantized
    layers: tuple[LlamaLayer, ...]
    final_norm: Floats
    head: Quantized | None


def quantize(matrix: Floats) -> Quantized:
    """Symmetric 8-bit blocks of a float matrix."""
    outputs, inputs = matrix.shape
    blocks = matrix.reshape(outputs, inputs // BLOCK, BLOCK)
    scales = (np.abs(blocks).max(axis=-1) / (MIDDLE - 1)).astype(np.float32)
    steps = np.rint(blocks / np.where(scales > 0, scales, 1)[..., None])
    codes = (steps + MIDDLE).astype(np.uint8).reshape(outputs, inputs)
    return Quantized(codes, scales, -MIDDLE * scales, 8)


def recode(matrix: Quantized) -> Quantized:
    """The same matrix in 8-bit blocks whose code of zero is an integer, as ONNX Runtime's fast kernel wants.

    A 4-bit block has a float offset; rounding it at 4 bits would move every weight of the block by up to half
    a step. Seventeen finer steps make one of the old, so the weights stay exact relative to each other and
    all move together by at most 1/34 of an old step. An 8-bit block that fits already is left as it is.
    """
    if matrix.bits == 8:
        return matrix
    most = 2**matrix.bits - 1
    low = np.minimum(matrix.offsets, 0)
    high = np.maximum(matrix.offsets + most * matrix.scales, 0)
    scales = (high - low) / 255
    step = np.where(scales > 0, scales, 1)
    zeros = np.rint(-low / step)
    shifted = matrix.dequantize().reshape(*scales.shape, BLOCK) - low[..., None]
    codes = np.rint(shifted / step[..., None]).astype(np.uint8).reshape(matrix.codes.shape)
    return Quantized(codes, scales, (-zeros * scales).astype(np.float32), 8)


def recoded(weights: LlamaWeights) -> LlamaWeights:
    """All matrices recoded: the weights that the graph really holds."""

    def of_layer(layer: LlamaLayer) -> LlamaLayer:
        parts: dict[str, Any] = {
            field.name: recode(value)
            for field in fields(layer)
            if isinstance(value := getattr(layer, field.name), Quantized)
        }
        return replace(layer, **parts)

    layers = tuple(of_layer(layer) for layer in weights.layers)
    head = None if weights.head is None else recode(weights.head)
    return replace(weights, embedding=recode(weights.embedding), layers=layers, head=head)


def stacked(*parts: Quantized) -> Quantized:
    """Several matrices of the same inputs, one below the other, so that one product computes them all."""
    return Quantized(
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.scales for part in parts]),
        np.concatenate([part.offsets for part in parts]),
        parts[0].bits,
    )


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
                    value.dequantize() if isinstance(value, Quantized) else value
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
