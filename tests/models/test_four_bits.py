"""Weights of 4 bits: published blocks are served as they are, and floats are quantised to such."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from models.test_gguf import TOKENS, written
from models.test_own_generators import save
from numpy.typing import NDArray
from tieback.models.language.decoder import Decoder
from tieback.recipes.networks.llama_drift import measure
from tieback.recipes.networks.llama_files import read_gguf
from tieback.recipes.networks.llama_graph import write_graph
from tieback.recipes.networks.llama_weights import BLOCK, LlamaWeights, Quantized, quantize, recode, recoded

WIDE: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 64,
}
"""A block of Q4_K has 256 weights."""
MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def blocks(kind: Kind, random: np.random.Generator) -> NDArray[np.uint8]:
    """A matrix of 256 times 256 in a format of GGUF."""
    if kind is not Kind.Q4_K:  # gguf reads it and does not write it
        return gguf.quantize(random.normal(0, 0.05, (256, 256)).astype(np.float32), kind)
    units = np.tile(np.array([0.001, 0.00002], np.float16), (256, 1)).view(np.uint8)
    return np.concatenate([units, random.integers(0, 256, (256, 140), np.uint8)], axis=1)


def read(path: Path, kinds: dict[str, Kind]) -> tuple[LlamaWeights, dict[str, NDArray[np.float32]]]:
    """What is read of a model of two layers with these matrices, and the matrices as gguf reads them."""
    random, packed = np.random.default_rng(4), {}
    for number in range(2):
        for name, kind in kinds.items():
            packed[f"blk.{number}.{name}.weight"] = (blocks(kind, random), kind)
    model = save(path / "own", "qwen3", vocab_size=len(TOKENS), **WIDE)
    weights, _ = read_gguf(written(path / "own.gguf", model, "qwen3", blocks=packed))
    return weights, {name: gguf.dequantize(raw, kind) for name, (raw, kind) in packed.items()}


@pytest.mark.parametrize("kind", [Kind.Q4_0, Kind.Q4_1, Kind.Q4_K])
def test_blocks_that_were_published_in_four_bits_keep_their_codes(kind: Kind, tmp_path: Path) -> None:
    published, matrices = read(tmp_path, dict.fromkeys(MATRICES, kind))
    before, after = published.layers[1].down, recoded(published, 4).layers[1].down

    assert isinstance(before, Quantized)
    assert isinstance(after, Quantized)
    np.testing.assert_allclose(before.dequantize(), matrices["blk.1.ffn_down.weight"], atol=1e-6)
    np.testing.assert_array_equal(after.codes, before.codes)
    np.testing.assert_array_equal(after.scales, before.scales)
    moved = np.abs(after.offsets - before.offsets).max(axis=1)
    assert (moved <= np.abs(before.scales).max(axis=1) / 28 + 1e-7).all()


def test_a_published_model_of_four_bits_agrees_with_torch_and_hardly_moves(tmp_path: Path) -> None:
    published, _ = read(tmp_path, dict.fromkeys(MATRICES, Kind.Q4_1))
    held = recoded(published, 4)
    for arithmetic in ("int8", "float32"):
        write_graph(held, tmp_path / f"{arithmetic}.onnx", arithmetic=arithmetic)
    tokens = np.random.default_rng(1).integers(0, 256, 60)

    metrics = measure(published, tmp_path / "int8.onnx", tmp_path / "float32.onnx", held, tokens)

    assert metrics["parity_logits"] < 1e-2
    assert metrics["parity_cached_logits"] < 1e-2
    rounded = replace(held, layers=tuple(replace(one, down=_rounded(one.down)) for one in published.layers))
    write_graph(rounded, tmp_path / "rounded.onnx")
    worse = measure(published, tmp_path / "rounded.onnx", tmp_path / "float32.onnx", held, tokens)
    assert metrics["drift_divergence"] < worse["drift_divergence"] / 2


def _rounded(matrix: object) -> Quantized:
    """Its offsets rounded to integer codes of zero, without weights of sums."""
    assert isinstance(matrix, Quantized)
    return replace(matrix, offsets=(-matrix.integer_zeros() * matrix.scales).astype(np.float32))


def test_matrices_that_a_file_of_four_bits_has_in_more_keep_eight(tmp_path: Path) -> None:
    kinds = dict.fromkeys(MATRICES, Kind.Q4_0) | {"attn_v": Kind.Q8_0, "ffn_down": Kind.Q8_0}
    published, _ = read(tmp_path, kinds)

    held = recoded(published, 4)
    write_graph(held, tmp_path / "model.onnx")

    bits = {name: getattr(held.layers[0], name).bits for name in ("query", "value", "output", "gate", "down")}
    assert bits == {"query": 8, "value": 8, "output": 4, "gate": 4, "down": 8}
    assert np.isfinite(Decoder(tmp_path / "model.onnx").score(np.arange(40))).all()


def test_floats_are_quantised_to_four_bits_between_their_least_and_their_most() -> None:
    matrix = np.random.default_rng(0).normal(0, 1, (64, 96)).astype(np.float32) + 0.3

    found = quantize(matrix, 4).dequantize()

    spans = np.ptp(matrix.reshape(64, 3, BLOCK), axis=2)
    wrong = np.abs(found - matrix).reshape(64, 3, BLOCK)
    # A range that is narrowed by a fifth clips a tenth of it; otherwise half a step, and what sums err by.
    assert (wrong.max(axis=2) <= spans * 0.1 + spans.max() / 15 / 28).all()
    assert np.sqrt(np.square(wrong).mean()) < np.sqrt(np.square(spans / 15).mean() / 12) * 1.05


def test_a_file_of_eight_bits_can_be_asked_for_in_four(tmp_path: Path) -> None:
    published, _ = read(tmp_path, dict.fromkeys(MATRICES, Kind.Q8_0))

    held = recode(published.layers[0].down, 4)

    assert isinstance(held, Quantized)
    assert held.bits == 4
