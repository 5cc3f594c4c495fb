"""Reads a Llama-like decoder from a GGUF file, or from a folder that transformers saved.

Of transformers' architectures those are read whose layers are Llama's with little besides: Mistral, Qwen2
(biases of queries, keys and values), Qwen3 (norms of queries and keys), the first Gemma (another activation,
scaled embeddings, norms around 1), and Phi-3 (its matrices are saved together). A model with anything more,
such as experts, soft caps or other rotary embeddings, is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.quants import Q4_K
from numpy.typing import NDArray
from safetensors.torch import load_file

from tieback.core.errors import StartupError
from tieback.recipes.networks.llama_weights import (
    BLOCK,
    MIDDLE,
    MIDDLE_OF_FOUR,
    STATE_NAMES,
    TOGETHER,
    Bytes,
    Floats,
    LlamaLayer,
    LlamaShape,
    LlamaWeights,
    Matrix,
    Plain,
    Quantized,
)

Metadata = Mapping[str, Any]

ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3", "gemma", "phi3")
"""Transformers' types that can be exported; a test compares each with torch."""

GGUF_ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""Those of GGUF files; a test compares each with what is read of the same model in safetensors."""

ACTIVATIONS = ("silu", "gelu_pytorch_tanh")

OPTIONAL = ("query_bias", "key_bias", "value_bias", "query_norm", "key_norm")
"""Parts of a layer that an architecture may lack."""

GGUF_NAMES = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "feed_forward_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
"""A layer's parts by their names in a GGUF file."""
GGUF_OPTIONAL = {
    "query_bias": "attn_q.bias",
    "key_bias": "attn_k.bias",
    "value_bias": "attn_v.bias",
    "query_norm": "attn_q_norm.weight",
    "key_norm": "attn_k_norm.weight",
}


def read_gguf(path: Path) -> tuple[LlamaWeights, Metadata]:
    """The weights, and the file's metadata (with the tokenizer and the chat template) by GGUF key.

    Block formats are kept as they are; others are dequantised and quantised to 8 bits. StartupError where the
    file is of another architecture than `GGUF_ARCHITECTURES`, or has weights that these have not.
    """
    shape, metadata, reader = _opened(path)
    tensors = {tensor.name: _tensor(tensor) for tensor in reader.tensors}
    # llama.cpp turns pairs of neighbours where the architecture is Llama's, and halves, as we do, elsewhere.
    orders = {
        "query": _half_order(shape.heads, shape.head_width),
        "key": _half_order(shape.key_value_heads, shape.head_width),
    }

    def part(name: str) -> Any:
        if name not in tensors:
            raise StartupError(f"{path.name} has no weights {name!r}, which a {shape.architecture} has")
        return tensors.pop(name)

    layers = []
    for n in range(shape.layers):
        parts = {field: part(f"blk.{n}.{name}.weight") for field, name in GGUF_NAMES.items()}
        for field, name in GGUF_OPTIONAL.items():
            if f"blk.{n}.{name}" in tensors:
                parts[field] = part(f"blk.{n}.{name}")
        for field, order in orders.items() if shape.architecture == "llama" else ():
            parts[field] = parts[field].rows(order)
        layers.append(LlamaLayer(**parts))
    weights: dict[str, Any] = {
        "embedding": part("token_embd.weight"),
        "final_norm": part("output_norm.weight"),
        "head": tensors.pop("output.weight", None),
    }
    if tensors:
        others = ", ".join(sorted(tensors)[:3])
        raise StartupError(f"{path.name} has weights that cannot be exported: {others}")
    return LlamaWeights(shape, layers=tuple(layers), **weights), metadata


def read_gguf_shape(path: Path) -> tuple[LlamaShape, Metadata]:
    """The sizes and the metadata, without the weights. StartupError where the file cannot be exported."""
    return _opened(path)[:2]


def _opened(path: Path) -> tuple[LlamaShape, Metadata, gguf.GGUFReader]:
    try:
        reader = gguf.GGUFReader(str(path))
        metadata = {key: field.contents() for key, field in reader.fields.items()}
        return _gguf_shape(path.name, metadata), metadata, reader
    except KeyError as error:
        raise StartupError(f"{path.name} does not say {error}, which a language model's file does") from None
    except (ValueError, IndexError, OverflowError) as error:
        raise StartupError(f"{path.name} is no GGUF file that can be read: {error}") from None


def _gguf_shape(name: str, metadata: Metadata) -> LlamaShape:
    kind = metadata.get("general.architecture")
    if kind not in GGUF_ARCHITECTURES:
        known = ", ".join(GGUF_ARCHITECTURES)
        raise StartupError(f"{name} is of architecture {kind!r}; those can be exported: {known}")
    scaling = metadata.get(f"{kind}.rope.scaling.type", "none")
    if scaling != "none":
        raise StartupError(
            f"rotary embeddings of type {scaling!r} cannot be exported; only unscaled ones can"
        )
    heads, width = metadata[f"{kind}.attention.head_count"], metadata[f"{kind}.embedding_length"]
    turned = metadata.get(f"{kind}.rope.dimension_count", width // heads)
    return LlamaShape(
        vocabulary=len(metadata["tokenizer.ggml.tokens"]),
        layers=metadata[f"{kind}.block_count"],
        width=width,
        inner=metadata[f"{kind}.feed_forward_length"],
        heads=heads,
        key_value_heads=metadata.get(f"{kind}.attention.head_count_kv", heads),
        head_width=metadata.get(f"{kind}.attention.key_length", turned),
        context=metadata[f"{kind}.context_length"],
        rotary_base=metadata.get(f"{kind}.rope.freq_base", 10_000.0),
        norm_epsilon=metadata[f"{kind}.attention.layer_norm_rms_epsilon"],
        architecture=str(kind),
    )


def read_shape(config: Mapping[str, Any]) -> LlamaShape:
    """The sizes by a transformers `config.json`. StartupError, with the reason, where they do not do."""
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise StartupError(f"a model of type {kind!r} cannot be exported; those can: {known}")
    heads, width = config["num_attention_heads"], config["hidden_size"]
    activation = config.get("hidden_activation") or config.get("hidden_act") or "silu"
    if kind == "gemma" and activation in ("gelu", "gelu_pytorch_tanh"):
        activation = "gelu_pytorch_tanh"  # as transformers takes it, whatever the old files say
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise StartupError(f"the activation {activation!r} cannot be exported; those can: {known}")
    if width % BLOCK or config["intermediate_size"] % BLOCK:
        sizes = f"{width} and {config['intermediate_size']}"
        raise StartupError(f"sizes that are no multiples of {BLOCK} cannot be quantised: {sizes}")
    window = (
        config.get("sliding_window")
        if config.get("use_sliding_window", kind in ("mistral", "phi3"))
        else None
    )
    gemma: dict[str, Any] = {"embedding_scale": width**0.5, "norm_offset": 1.0} if kind == "gemma" else {}
    return LlamaShape(
        vocabulary=config["vocab_size"],
        layers=config["num_hidden_layers"],
        width=width,
        inner=config["intermediate_size"],
        heads=heads,
        key_value_heads=config.get("num_key_value_heads") or heads,
        head_width=config.get("head_dim") or width // heads,
        # Within its window, attention that slides is attention to all.
        context=min(config["max_position_embeddings"], window or config["max_position_embeddings"]),
        rotary_base=_rotary_base(config),
        norm_epsilon=config["rms_norm_eps"],
        architecture=kind,
        activation=activation,
        **gemma,
    )


def read_transformers(folder: Path) -> LlamaWeights:
    """The weights of a saved causal language model (config.json and safetensors), in float32.

    StartupError where it is of another architecture, or has weights that these have not.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = read_shape(config)
    tensors: dict[str, Floats] = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors.update({name: value.float().numpy() for name, value in load_file(file).items()})
    if shape.architecture == "phi3":
        _separate(tensors, shape)
    tied = bool(config.get("tie_word_embeddings", shape.architecture == "gemma"))

    def part(name: str) -> Floats | Matrix:
        if name not in tensors:
            raise StartupError(f"the model has no weights {name!r}, which a {shape.architecture} has")
        value = tensors.pop(name)
        return Plain(value) if value.ndim == 2 else value

    layers = []
    for n in range(shape.layers):
        names = {field: f"model.layers.{n}.{name}" for field, name in STATE_NAMES.items()}
        layers.append(
            LlamaLayer(
                **{
                    field: part(name)  # type: ignore[arg-type]  # a matrix or a vector, as the field has it
                    for field, name in names.items()
                    if field not in OPTIONAL or name in tensors
                }
            )
        )
    weights: dict[str, Any] = {
        "embedding": part("model.embed_tokens.weight"),
        "final_norm": part("model.norm.weight"),
        "head": None if tied else part("lm_head.weight"),
    }
    tensors.pop("lm_head.weight", None)  # a tied head may be saved beside the embedding
    if tensors:
        others = ", ".join(sorted(tensors)[:3])
        raise StartupError(f"the model has weights that a {shape.architecture} has not: {others}")
    return LlamaWeights(shape, layers=tuple(layers), **weights)


def _separate(tensors: dict[str, Floats], shape: LlamaShape) -> None:
    """Takes apart what Phi-3 saves together."""
    queries, keys = shape.heads * shape.head_width, shape.key_value_heads * shape.head_width
    for name in [name for name in tensors if name.endswith(tuple(TOGETHER))]:
        model, layers, number, together = name.split(".", 3)
        cuts = [queries, queries + keys] if together == "self_attn.qkv_proj.weight" else [shape.inner]
        for own, matrix in zip(TOGETHER[together], np.split(tensors.pop(name), cuts), strict=True):
            tensors[f"{model}.{layers}.{number}.{STATE_NAMES[own]}"] = matrix


def _rotary_base(config: Mapping[str, Any]) -> float:
    parameters = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = parameters.get("rope_type", "default")
    if kind != "default":
        raise StartupError(f"rotary embeddings of type {kind!r} cannot be exported; only unscaled ones can")
    share = parameters.get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1.0
    if share != 1:
        raise StartupError(f"rotary embeddings of a share of {share} of a head cannot be exported")
    return float(parameters.get("rope_theta") or config.get("rope_theta") or 10_000.0)


def _half_order(heads: int, head_width: int) -> NDArray[np.intp]:
    """The order of rows that undoes llama.cpp's: it pairs rows (2i, 2i+1) for rotation, we (i, i + half)."""
    rows = np.arange(heads * head_width).reshape(heads, head_width // 2, 2)
    return rows.transpose(0, 2, 1).reshape(-1)


def _tensor(tensor: gguf.ReaderTensor) -> Floats | Matrix:
    if len(tensor.shape) == 1:
        return np.array(tensor.data, np.float32)
    inputs, outputs = (int(size) for size in tensor.shape)
    kind = tensor.tensor_type
    if kind is gguf.GGMLQuantizationType.Q4_1:
        raw = np.ascontiguousarray(tensor.data).reshape(outputs, inputs // BLOCK, 4 + BLOCK // 2)
        affine = _halves(raw[..., :4])
        return Quantized(_nibbles(raw[..., 4:], outputs), affine[..., 0].copy(), affine[..., 1].copy(), 4)
    if kind is gguf.GGMLQuantizationType.Q4_0:
        raw = np.ascontiguousarray(tensor.data).reshape(outputs, inputs // BLOCK, 2 + BLOCK // 2)
        scales = _halves(raw[..., :2])[..., 0].copy()
        return Quantized(_nibbles(raw[..., 2:], outputs), scales, -MIDDLE_OF_FOUR * scales, 4)
    if kind is gguf.GGMLQuantizationType.Q4_K:
        # Eight blocks share two floats; each has a scale and an offset of 6 bits, in units of these.
        groups = np.ascontiguousarray(tensor.data).reshape(-1, 4 + 12 + 4 * BLOCK)
        units = _halves(groups[:, :4])
        steps, lows = Q4_K.get_scale_min(np.ascontiguousarray(groups[:, 4:16]))
        by_block = (outputs, inputs // BLOCK)
        scales, offsets = (units[:, :1] * steps).reshape(by_block), (-units[:, 1:] * lows).reshape(by_block)
        # Two blocks share 32 bytes: the first has their lower halves.
        shared = groups[:, 16:].reshape(outputs, inputs // (2 * BLOCK), 1, BLOCK)
        codes = np.concatenate([shared & 15, shared >> 4], axis=2).reshape(outputs, inputs)
        return Quantized(codes, scales, offsets, 4)
    if kind is gguf.GGMLQuantizationType.Q8_0:
        raw = np.ascontiguousarray(tensor.data).reshape(outputs, inputs // BLOCK, 2 + BLOCK)
        scales = _halves(raw[..., :2])[..., 0]
        # Two's complement, shifted to start at 0.
        codes = (raw[..., 2:] ^ np.uint8(MIDDLE)).reshape(outputs, inputs)
        return Quantized(codes, scales, -MIDDLE * scales, 8)
    return Plain(gguf.dequantize(tensor.data, kind).astype(np.float32).reshape(outputs, inputs))


def _halves(raw: Bytes) -> Floats:
    """The floats of 16 bits `[…, n]` that the bytes `[…, 2 n]` are."""
    return np.ascontiguousarray(raw).view(np.float16).astype(np.float32)


def _nibbles(raw: Bytes, outputs: int) -> Bytes:
    """Codes of 4 bits `[outputs, inputs]` of blocks of 16 bytes: the lower halves, then the upper ones."""
    return np.concatenate([raw & 15, raw >> 4], axis=-1).reshape(outputs, -1)
