"""Graphs that ONNX Runtime's own quantisers make of a float32 graph, to compare with what is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Maker = Callable[[Path, Path], None]


def _by_quantiser(**options: Any) -> Maker:
    def make(source: Path, target: Path) -> None:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        extra = {"DefaultTensorType": 1}  # the types of a graph without shapes are taken for float32
        quantize_dynamic(source, target, weight_type=QuantType.QInt8, extra_options=extra, **options)

    return make


def _in_blocks(source: Path, target: Path) -> None:
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    coder = MatMulNBitsQuantizer(
        onnx.load(source), block_size=128, is_symmetric=True, accuracy_level=4, bits=8
    )
    coder.process()
    onnx.save(coder.model.model, target)


WAYS: Mapping[str, Maker] = {
    "per channel": _by_quantiser(per_channel=True, op_types_to_quantize=["MatMul"]),
    "per channel, embeddings too": _by_quantiser(per_channel=True, op_types_to_quantize=["MatMul", "Gather"]),
    "per tensor": _by_quantiser(per_channel=False, op_types_to_quantize=["MatMul"]),
    "blocks of 128": _in_blocks,
}
