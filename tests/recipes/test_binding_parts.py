"""The parts of a binding: prototypes, data, pairs that nobody made, places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tieback.core.errors import StartupError
from tieback.joint.projecting import project_inputs
from tieback.joint.retrieval import chance, interval, places
from tieback.methods.projection import fit, projections, unit_rows
from tieback.methods.projection.subspace import principal
from tieback.models.joint.artifact import BoundProjection
from tieback.models.session import Session
from tieback.recipes.binding.dual_encoders import nearest_of_each_other
from tieback.recipes.class_prototypes import last_linear
from tieback.recipes.fitting.routers import weight_ranges
from tieback.training.class_texts import captions
from tieback.training.data.corpus import read_corpus
from tieback.training.splits import split
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def saved(path: Path, nodes: list[onnx.NodeProto], **arrays: Array) -> Path:
    graph = helper.make_graph(
        nodes,
        "scores",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def test_prototypes_are_the_rows_of_a_gemm_or_the_columns_of_a_product(tmp_path: Path) -> None:
    gemm = saved(
        tmp_path / "gemm.onnx",
        [helper.make_node("Gemm", ["x", "w"], ["z"], transB=1), helper.make_node("Softmax", ["z"], ["y"])],
        w=ROWS,
    )
    product = saved(
        tmp_path / "product.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["p"]),
            helper.make_node("Add", ["p", "b"], ["z"]),
            helper.make_node("Sigmoid", ["z"], ["y"]),
        ],
        w=np.ascontiguousarray(ROWS.T),
        b=np.ones(5, np.float32),
    )

    for path in (gemm, product):
        found = last_linear(path, "y")
        assert found is not None
        np.testing.assert_array_equal(found, ROWS)


@pytest.mark.parametrize("by_row", [True, False])
def test_prototypes_of_eight_bits_are_what_the_runtime_computes_with(by_row: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    codes = random.integers(0, 256, (5, 4), np.uint8)
    count = 5 if by_row else ()
    scale = np.asarray(random.random(count), np.float32)
    zero = np.asarray(random.integers(100, 150, count), np.uint8)
    path = saved(
        tmp_path / "coded.onnx",
        [
            helper.make_node("DequantizeLinear", ["codes", "scale", "zero"], ["w"], axis=0),
            helper.make_node("Gemm", ["x", "w"], ["y"], transB=1),
        ],
        codes=codes,
        scale=scale,
        zero=zero,
    )

    found = last_linear(path, "y")

    assert found is not None
    (rows,) = Session(path).run(["y"], {"x": np.eye(4, dtype=np.float32)})
    np.testing.assert_allclose(found.T, rows, rtol=1e-5, atol=1e-6)


def test_weights_that_the_graph_rounds_are_prototypes_as_they_are_rounded(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "rounded.onnx",
        [
            helper.make_node("QuantizeLinear", ["real", "scale", "zero"], ["codes"]),
            helper.make_node("DequantizeLinear", ["codes", "scale", "zero"], ["w"]),
            helper.make_node("Gemm", ["x", "w"], ["y"], transB=1),
        ],
        real=ROWS,
        scale=np.array(0.01, np.float32),
        zero=np.array(3, np.int8),
    )

    found = last_linear(path, "y")

    assert found is not None
    (rows,) = Session(path).run(["y"], {"x": np.eye(4, dtype=np.float32)})
    np.testing.assert_allclose(found.T, rows, atol=1e-6)
    assert np.abs(found - ROWS).max() > 0.1  # what 8 bits do not reach is cut off


def test_a_graph_without_a_linear_layer_before_its_scores_has_no_prototypes(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "late.onnx",
        [helper.make_node("Gemm", ["x", "w"], ["z"], transB=1), helper.make_node("Relu", ["z"], ["y"])],
        w=ROWS,
    )

    assert last_linear(path, "y") is None


def test_a_folder_gives_its_sentences_photos_and_sounds(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/river.md").write_text(
        "# River\n\nThe Danube rises in the Black Forest. It flows to the sea."
    )
    (tmp_path / "pairs.jsonl").write_text('{"a": "A man plays a guitar.", "b": "A woman slices an onion."}\n')
    for name in ("owl.JPG", "wren.png", "song.wav", "notes.pdf"):
        (tmp_path / name).write_bytes(b"")

    corpus = read_corpus([tmp_path])

    assert set(corpus.texts) == {
        "The Danube rises in the Black Forest.", "It flows to the sea.",
        "A man plays a guitar.", "A woman slices an onion.",
    }  # fmt: skip
    assert [path.name for path in corpus.photos] == ["owl.JPG", "wren.png"]
    assert [path.name for path in corpus.sounds] == ["song.wav"]
    few = corpus.limited(2, 1, 1, seed=0)
    place = corpus.texts.index(few.texts[0])
    assert few.texts == corpus.texts[place : place + 2]  # neighbours stay together
    assert (len(few.photos), len(few.sounds)) == (1, 1)


def test_data_that_are_not_there_or_no_json_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "A man plays a guitar."}\nno json\n')

    with pytest.raises(StartupError, match="there is no folder"):
        read_corpus([tmp_path / "nowhere"])
    with pytest.raises(StartupError, match=r"bad\.jsonl, line 2: this is not JSON"):
        read_corpus([tmp_path])


def test_classes_are_split_once_and_by_the_seed() -> None:
    first, again, other = split(200, 3), split(200, 3), split(200, 4)

    parts = np.concatenate([first.training, first.validation, first.held_out])
    assert sorted(parts) == list(range(200))
    assert (len(first.validation), len(first.held_out)) == (10, 20)
    assert np.array_equal(first.held_out, again.held_out)
    assert not np.array_equal(first.held_out, other.held_out)
    assert len(split(3, 0).training) == 3


def test_captions_name_every_class_in_every_template() -> None:
    said = captions(["owl", "wren"], Modality.AUDIO)

    assert said[0] == ["owl", "wren"]
    assert said[1] == ["the sound of owl", "the sound of wren"]


def test_an_input_and_its_nearest_text_are_a_pair_where_it_is_the_nearest_of_the_text_too() -> None:
    draw = np.random.default_rng(0)
    texts = draw.normal(size=(100, 16))
    inputs = texts[[3, 50]] + 0.3 * draw.normal(size=(2, 16))

    assert nearest_of_each_other(unit_rows(inputs) @ unit_rows(texts).T).tolist() == [[0, 3], [1, 50]]
    contested = np.array([[0.9, 0.1, 0.0, 0.1], [0.5, 0.1, 0.0, 0.4]])
    assert nearest_of_each_other(contested).tolist() == [[0, 0]]
    assert nearest_of_each_other(np.zeros((0, 100))).shape == (0, 2)


def test_places_count_from_one_and_equals_as_half() -> None:
    scores = np.array([[0.9, 0.1, 0.2], [0.5, 0.5, 0.5], [0.3, 0.2, 0.1]])

    assert places(scores).tolist() == [1, 2, 3]
    assert places(scores, np.array([1, 0, 0])).tolist() == [3, 2, 1]
    assert chance("R@1", 4) == 0.25
    mean, low, high = interval(np.array([0.0, 1.0] * 50), seed=0)
    assert low < mean == 0.5 < high


def test_two_projections_from_one_space_into_one_block_are_averaged() -> None:
    draw = np.random.default_rng(0)
    source, target = unit_rows(draw.normal(size=(30, 6))), unit_rows(draw.normal(size=(30, 4)))
    space = SpaceRef("eyes", "r", "f")
    fitted = [
        BoundProjection(
            space,
            6,
            "words",
            "anchor_attention",
            {"sharpness": sharpness},
            fit("anchor_attention", source, target),
        )
        for sharpness in (5.0, 20.0)
    ]

    both = project_inputs(fitted, {"eyes": source})["words"]

    each = [project_inputs([one], {"eyes": source})["words"] for one in fitted]
    np.testing.assert_allclose(both, unit_rows(each[0] + each[1]), atol=1e-6)
    missing = project_inputs(fitted, {"eyes": np.zeros((1, 6), np.float32)})["words"]
    assert not missing.any()


def test_a_reduction_keeps_the_directions_in_which_rows_reach_farthest() -> None:
    draw = np.random.default_rng(0)
    rows = unit_rows(draw.normal(size=(200, 3)) @ draw.normal(size=(3, 10)))
    state = principal(rows, 3, np.zeros(10, np.float32))
    said = projections.get("subspace")(rows, state)

    np.testing.assert_allclose(said @ said.T, rows @ rows.T, atol=1e-5)
    np.testing.assert_allclose(state["basis"].T @ state["basis"], np.eye(3), atol=1e-5)
    again = projections.get("subspace")(rows, fit("subspace", rows, said))
    np.testing.assert_allclose(np.sum(again * said, axis=1), 1, atol=0.02)  # fit finds the reduction


def test_weight_ranges_span_every_kind_of_input() -> None:
    low, high = np.full(300, 0.1), np.full(300, 0.7)

    found = weight_ranges({"captions": {"eyes": high}, "sentences": {"eyes": low}}, seed=0)

    assert found["eyes"] == pytest.approx((0.1, 0.7))
