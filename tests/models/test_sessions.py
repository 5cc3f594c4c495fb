"""Sessions of ONNX Runtime: the same sums of 8-bit products on every processor."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tieback.models.session import Session

HIGHEST, LARGEST, WIDTH = 255, 127, 64


@pytest.mark.parametrize("products", [1, 2])
def test_sums_of_8_bit_products_are_exact(products: int) -> None:
    """On processors before VNNI two such products overflow 16 bits, unless ONNX Runtime is told."""
    weights = np.full((WIDTH, WIDTH), LARGEST, np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["rows", f"weights{n}"], [f"sums{n}"]) for n in range(products)],
        "products",
        [helper.make_tensor_value_info("rows", TensorProto.UINT8, [None, WIDTH])],
        [
            helper.make_tensor_value_info(f"sums{n}", TensorProto.INT32, [None, WIDTH])
            for n in range(products)
        ],
        [numpy_helper.from_array(weights, f"weights{n}") for n in range(products)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = Session(model.SerializeToString())

    found = session.run(session.outputs, {"rows": np.full((4, WIDTH), HIGHEST, np.uint8)})

    assert np.array_equal(found, np.full((products, 4, WIDTH), HIGHEST * LARGEST * WIDTH))


def test_a_graph_whose_products_share_their_weights_zero_is_opened(capfd: pytest.CaptureFixture[str]) -> None:
    """ONNX Runtime cannot open it with exact kernels; nothing is written of that."""
    draw = np.random.default_rng(0)
    weights = draw.integers(-60, 60, (2, WIDTH, WIDTH)).astype(np.int8)
    rows = draw.integers(0, 120, (4, WIDTH)).astype(np.uint8)
    graph = helper.make_graph(
        [
            helper.make_node("MatMulInteger", ["rows", f"weights{n}", "low", "zero"], [f"sums{n}"])
            for n in range(2)
        ],
        "products",
        [helper.make_tensor_value_info("rows", TensorProto.UINT8, [None, WIDTH])],
        [helper.make_tensor_value_info(f"sums{n}", TensorProto.INT32, [None, WIDTH]) for n in range(2)],
        [
            *(numpy_helper.from_array(weights[n], f"weights{n}") for n in range(2)),
            numpy_helper.from_array(np.array(0, np.uint8), "low"),
            numpy_helper.from_array(np.array(0, np.int8), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    found = Session(model.SerializeToString()).run(["sums0", "sums1"], {"rows": rows})

    assert np.array_equal(found, rows.astype(np.int64) @ weights.astype(np.int64))
    assert capfd.readouterr() == ("", "")
