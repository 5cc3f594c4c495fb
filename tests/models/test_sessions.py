"""Sessions of ONNX Runtime: exact sums of 8-bit products, and one session for graphs that are the same."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tieback.artifacts import described
from tieback.models.session import Hardware, Session, open_graph
from tieback.models.store import ServedModel
from tieback.models.store.manifest import Manifest, model

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


def open_sessions() -> int:
    """Number of sessions of ONNX Runtime that this process has.

    By the type alone: `isinstance` asks an object for its class, and objects of torch warn when asked.
    """
    gc.collect()
    return sum(issubclass(type(one), onnxruntime.InferenceSession) for one in gc.get_objects())


def served_times(folder: Path, factor: float) -> ServedModel:
    """A model in a folder of its own, whose graph multiplies by a factor."""
    folder.mkdir()
    graph = helper.make_graph(
        [helper.make_node("Mul", ["rows", "factor"], ["products"])],
        "times",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("products", TensorProto.FLOAT, [None])],
        [numpy_helper.from_array(np.array(factor, np.float32), "factor")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, folder / "model.onnx")
    return ServedModel(folder, Manifest(model("m"), "m", "1", "", served=described(folder)))


def times(session: Session, number: float) -> float:
    (found,) = session.run(["products"], {"rows": np.array([number], np.float32)})
    return float(found[0])


def test_models_with_the_same_graph_have_one_session_until_the_last_is_gone(tmp_path: Path) -> None:
    before = open_sessions()
    query, document = (served_times(tmp_path / side, 2.0) for side in ("query", "document"))

    first, second = open_graph(query, "model.onnx"), open_graph(document, "model.onnx")
    opened = open_sessions() - before
    del first
    left, found = open_sessions() - before, times(second, 3.0)
    del second

    assert (opened, left, found, open_sessions() - before) == (1, 1, 6.0, 0)


def test_graphs_that_differ_and_hardware_that_differs_have_sessions_of_their_own(tmp_path: Path) -> None:
    twice, thrice = (served_times(tmp_path / str(factor), factor) for factor in (2.0, 3.0))

    one, other = open_graph(twice, "model.onnx"), open_graph(thrice, "model.onnx")
    threads = open_graph(twice, "model.onnx", Hardware(threads=2))

    assert (times(one, 1.0), times(other, 1.0)) == (2.0, 3.0)
    assert len({one, other, threads}) == 3


def test_a_graph_whose_weights_lie_in_another_file_is_another_graph(tmp_path: Path) -> None:
    served = served_times(tmp_path / "one", 2.0)
    (served.folder / "model.onnx.data").write_bytes(b"weights")
    beside = Manifest(model("m"), "m", "1", "", served=described(served.folder))

    assert beside.graph_hashes("model.onnx") != served.manifest.graph_hashes("model.onnx")


def test_threads_that_open_a_graph_at_once_get_one_session(tmp_path: Path) -> None:
    served, found = served_times(tmp_path / "one", 2.0), []
    together = threading.Barrier(4)

    def open_one() -> None:
        together.wait()
        found.append(open_graph(served, "model.onnx"))

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(set(found)) == 1
    assert [times(one, 4.0) for one in found] == [8.0] * 4
