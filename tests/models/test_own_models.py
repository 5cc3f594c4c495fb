"""The user's own weights: a card that points at a folder is exported and served like ours."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from support.own_encoder import (
    TEXTS,
    WIDTH,
    WORDS,
    Silent,
    card_for,
    encodings,
    served,
    tiny_bert,
    write_folder,
)
from support.present import present
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.recipes.graphs.torch_export import export_module
from tieback.recipes.pull import pull
from tokenizers import Tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A transformers folder with a BERT of one layer."""
    return write_folder(tmp_path / "own")


class WithTypes(torch.nn.Module):
    """As the usual ONNX exports of encoders are."""

    def __init__(self, bert: torch.nn.Module) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        read = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types)
        states: torch.Tensor = read.last_hidden_state
        return states


def torch_vectors(folder: Path, pool: Callable[[torch.Tensor], torch.Tensor]) -> list[np.ndarray[Any, Any]]:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    bert = tiny_bert()
    vectors = []
    for text in TEXTS:
        states = bert(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
        vectors.append(torch.nn.functional.normalize(pool(states), dim=-1).detach().numpy())
    return vectors


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [("mean", lambda states: states.mean(0)), ("cls", lambda states: states[0])],
    ids=["mean", "cls"],
)
def test_a_transformers_folder_serves_what_torch_computes(
    folder: Path, tmp_path: Path, pooling: str, pool: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    model = served(card_for(folder, pooling={"name": pooling}), tmp_path)

    for encoding, expected in zip(encodings(model, TEXTS), torch_vectors(folder, pool), strict=True):
        np.testing.assert_allclose(present(encoding.dense), expected, atol=1e-5)


def test_an_onnx_file_with_token_types_serves_what_torch_computes(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    export_module(
        WithTypes(tiny_bert()),
        [torch.ones(2, 5, dtype=torch.long) for _ in names],
        folder / "encoder.onnx",
        inputs=names,
        outputs=["last_hidden_state"],
        dynamic={name: {0: "batch", 1: "tokens"} for name in (*names, "last_hidden_state")},
    )

    model = served(card_for(folder, options={"weights": "encoder.onnx"}), tmp_path)

    expected = torch_vectors(folder, lambda states: states.mean(0))
    for encoding, vector in zip(encodings(model, TEXTS), expected, strict=True):
        np.testing.assert_allclose(present(encoding.dense), vector, atol=1e-5)


def test_a_static_table_in_a_folder_is_served(folder: Path, tmp_path: Path) -> None:
    table = torch.randn(len(WORDS), WIDTH)
    save_file({"embeddings": table}, folder / "static.safetensors")
    options = {"weights": "static.safetensors", "tensor": "embeddings"}
    card = card_for(folder, runtime="static_text", options=options, pooling=None)

    (encoding, _) = encodings(served(card, tmp_path), TEXTS)

    expected = table[4:].numpy()[[0, 2, 3, 4]].mean(0)
    np.testing.assert_allclose(present(encoding.dense), expected / np.linalg.norm(expected), atol=1e-6)


def test_an_onnx_image_network_in_a_folder_is_served(
    folder: Path, tmp_path: Path, photo: Callable[[str], bytes]
) -> None:
    weight = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, folder / "network.onnx")
    (folder / "names.json").write_text(json.dumps(["a", "b", "c", "d"]))
    options = {
        "network": "onnx", "weights": "network.onnx", "class_names": "names.json", "size": 8, "crop": 8,
        "mean": 0, "scale": 255, "features_tensor": "pooled", "logits_tensor": "logits", "top": 2,
    }  # fmt: skip
    card = card_for(
        folder, runtime="image_classifier", modality="image", width=3, kinds=["dense", "labels"],
        options=options, pooling=None, max_tokens=None,
    )  # fmt: skip

    coffee, rocket = encodings(served(card, tmp_path), (photo("coffee.png"), photo("rocket.jpg")))

    assert coffee.dense is not None
    assert coffee.dense.shape == (3,)
    assert len(coffee.labels) == 2
    assert coffee.labels[0].probability + coffee.labels[1].probability <= 1
    assert not np.allclose(coffee.dense, present(rocket.dense))


def test_weights_that_do_not_fit_their_configuration_are_refused(folder: Path, tmp_path: Path) -> None:
    state = tiny_bert().state_dict()
    del state["encoder.layer.0.output.dense.weight"]
    save_file(state, folder / "model.safetensors")

    with pytest.raises(StartupError, match=r"does not fit config\.json: it lacks \['encoder\.layer\.0"):
        served(card_for(folder), tmp_path)


def test_a_tensor_that_the_graph_does_not_have_is_refused(folder: Path, tmp_path: Path) -> None:
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], [])
    onnx.save(helper.make_model(graph), folder / "encoder.onnx")

    with pytest.raises(StartupError, match="has no tensor 'states'"):
        served(card_for(folder, options={"weights": "encoder.onnx", "tokens_tensor": "states"}), tmp_path)


def test_a_graph_that_is_none_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "encoder.onnx").write_bytes(b"no graph")

    with pytest.raises(StartupError, match=r"encoder\.onnx is not an ONNX graph"):
        served(card_for(folder, options={"weights": "encoder.onnx"}), tmp_path)


def test_a_pickle_that_runs_code_is_not_run(folder: Path, tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "attacked",))

    torch.save({"x": Attack()}, folder / "weights.pth")
    (folder / "names.json").write_text("[]")
    options = {
        "network": "efficientnet_lite0", "weights": "weights.pth", "class_names": "names.json", "size": 256,
        "crop": 224, "mean": 127, "scale": 128,
    }  # fmt: skip
    card = card_for(
        folder, runtime="image_classifier", modality="image", width=1280, kinds=["dense", "labels"],
        options=options, pooling=None, max_tokens=None,
    )  # fmt: skip

    with pytest.raises(StartupError, match=r"weights\.pth"):
        served(card, tmp_path)

    assert not (tmp_path / "attacked").exists()


def test_without_torch_the_weights_wait_and_the_way_out_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, store, observer = card_for(folder), Store(tmp_path / "store"), Silent()
    monkeypatch.delitem(sys.modules, "tieback.recipes.export.transformer_text", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)

    waiting = pull([card], [card], store, observer)

    assert waiting == ["own"]
    assert "tieback[train]" in observer.heard[-1]
    with pytest.raises(StartupError, match="not in the store"):
        store.open(card)


def test_what_is_ready_is_not_exported_again(folder: Path, tmp_path: Path) -> None:
    card, store = card_for(folder), Store(tmp_path / "store")
    first, second = Silent(), Silent()

    pull([card], [card], store, first)
    pull([card], [card], store, second)

    assert first.heard
    assert not second.heard


def test_an_export_is_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    card = card_for(folder, precisions={"int8": {}})
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")

    pull([card], [card], one, Silent())
    pull([card], [card], two, Silent())

    assert one.open(card).manifest.served == two.open(card).manifest.served
