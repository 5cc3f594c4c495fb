"""ONNX folders of the user's: what a graph takes and gives is found, and what it may not do is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from support.own_encoder import TEXTS, WORDS, card_for, encodings, served
from support.own_folders import POOLS, WIDTH, assert_serves, own_vectors, save_sentence_model, save_text_model
from support.present import present
from tieback.catalog import own_directory
from tieback.core.errors import StartupError
from tieback.recipes.graphs import external_data
from tieback.recipes.graphs.torch_export import export_module

IDS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"


class States(torch.nn.Module):
    """A graph as people export them: named inputs, states or a sentence's vector or both."""

    def __init__(self, model: torch.nn.Module, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.outputs = model, outputs

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = self.model(input_ids=ids.long(), attention_mask=mask.long(), token_type_ids=types.long())
        states, weights = given.last_hidden_state, mask[..., None].float()
        made = {
            "last_hidden_state": states,
            "sentence_embedding": 3 * (states * weights).sum(1) / weights.sum(1),
            "pooler_output": given.pooler_output,
        }
        return tuple(made[name] for name in self.outputs)


def save_onnx(
    folder: Path, *outputs: str, dtype: torch.dtype = torch.long, name: str = "onnx/model.onnx"
) -> torch.nn.Module:
    """An ONNX folder: the graph with those outputs, and a tokenizer."""
    model = save_text_model(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    axes = {0: "batch", 1: "tokens"}
    export_module(
        States(model, outputs),
        [torch.ones(2, 5, dtype=dtype) for _ in range(3)],
        folder / name,
        inputs=[IDS, MASK, TYPES],
        outputs=outputs,
        dynamic=dict.fromkeys((IDS, MASK, TYPES, "last_hidden_state"), axes)
        | {one: {0: "batch"} for one in ("sentence_embedding", "pooler_output") if one in outputs},
    )
    (folder / "model.safetensors").unlink()
    (folder / "config.json").unlink()
    return model


@pytest.mark.parametrize(
    ("outputs", "card"),
    [
        (("last_hidden_state",), {}),
        (("pooler_output", "last_hidden_state"), {}),
        (("sentence_embedding", "last_hidden_state"), {}),
        (("sentence_embedding",), {"pooling": None, "kinds": ["dense"]}),
        (("last_hidden_state", "pooler_output", "sentence_embedding"), {"pooling": None, "kinds": ["dense"]}),
    ],
    ids=["states", "states second", "states of both", "vectors", "vectors of both"],
)
def test_what_an_onnx_graph_gives_is_found_by_name_and_shape(
    tmp_path: Path, outputs: tuple[str, ...], card: dict[str, Any]
) -> None:
    model = save_onnx(tmp_path / "own", *outputs)
    expected = own_vectors(tmp_path / "own", model, POOLS["mean"])

    own = card_for(tmp_path / "own", options={"weights": "onnx/model.onnx"}, **card)

    assert_serves(own, tmp_path, expected)


def test_a_graph_that_takes_int32_is_given_it(tmp_path: Path) -> None:
    model = save_onnx(tmp_path / "own", "last_hidden_state", dtype=torch.int32)
    expected = own_vectors(tmp_path / "own", model, POOLS["mean"])

    assert_serves(card_for(tmp_path / "own", options={"weights": "onnx/model.onnx"}), tmp_path, expected)


def test_an_onnx_graph_in_a_sentence_transformers_folder_is_pooled_as_its_files_say(tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "own", pooling="cls_token")
    model = save_onnx(tmp_path / "own", "last_hidden_state")
    options = {"weights": "onnx/model.onnx"}

    own = card_for(tmp_path / "own", pooling=None, options=options)

    assert_serves(own, tmp_path, own_vectors(tmp_path / "own", model, POOLS["cls"]))


@pytest.mark.parametrize(
    ("outputs", "card", "said"),
    [
        (("pooler_output",), {"pooling": None}, r"no output .*\[batch, width\].*outputs pooler_output"),
        (("last_hidden_state",), {"pooling": None}, r"inputs input_ids \[batch, tokens\].*name a pooling"),
        (
            ("sentence_embedding",),
            {},
            r"no output .*\[batch, tokens, width\].*sentence_embedding \[batch, 16\]",
        ),
        (("sentence_embedding",), {"pooling": None}, "remove 'multi_vector' from the card's kinds"),
        (("sentence_embedding",), {"pooling": None, "kinds": ["dense"], "width": 4}, "write width: 16"),
    ],
)
def test_a_graph_that_does_not_give_what_the_card_wants_is_described(
    tmp_path: Path, outputs: tuple[str, ...], card: dict[str, Any], said: str
) -> None:
    save_onnx(tmp_path / "own", *outputs)

    with pytest.raises(StartupError, match=said):
        served(card_for(tmp_path / "own", options={"weights": "onnx/model.onnx"}, **card), tmp_path)


def test_a_tensor_of_the_wrong_shape_is_described(tmp_path: Path) -> None:
    save_onnx(tmp_path / "own", "sentence_embedding", "last_hidden_state")
    options = {"weights": "onnx/model.onnx", "tokens_tensor": "sentence_embedding"}

    with pytest.raises(StartupError, match=r"'sentence_embedding' of model\.onnx is \[3, 16\] for 3 texts"):
        served(card_for(tmp_path / "own", options=options), tmp_path)


def a_graph(folder: Path, *inputs: str, table: onnx.TensorProto | None = None) -> None:
    """Looks token numbers up in a table."""
    weights = table or numpy_helper.from_array(np.ones((len(WORDS), WIDTH), np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", inputs[0]], ["last_hidden_state"])],
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in inputs],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", WIDTH])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def external(location: str) -> onnx.TensorProto:
    """A table whose values lie in another file."""
    table = onnx.TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[len(WORDS), WIDTH])
    table.data_location = TensorProto.EXTERNAL
    table.external_data.add(key="location", value=location)
    return table


def test_inputs_that_are_not_known_are_listed(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    a_graph(tmp_path / "own", IDS, "pixel_values")

    with pytest.raises(StartupError, match="this one takes: input_ids, pixel_values"):
        served(card_for(tmp_path / "own", options={"weights": "model.onnx"}), tmp_path)


def test_a_graph_without_a_mask_is_pooled_without_padding(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    values = np.random.default_rng(0).standard_normal((len(WORDS), WIDTH)).astype(np.float32)
    a_graph(tmp_path / "own", IDS, table=numpy_helper.from_array(values, "table"))

    found = encodings(served(card_for(tmp_path / "own", options={"weights": "model.onnx"}), tmp_path), TEXTS)

    expected = values[[2, WORDS.index("wren"), 3]].mean(0)
    np.testing.assert_allclose(present(found[1].dense), expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "a/../../secret", ""])
def test_weights_outside_of_the_graphs_folder_are_not_read(tmp_path: Path, location: str) -> None:
    save_text_model(tmp_path / "own")
    (tmp_path / "secret").write_bytes(bytes(4 * len(WORDS) * WIDTH))
    a_graph(tmp_path / "own", IDS, MASK, table=external(location))

    with pytest.raises(StartupError, match="outside of its folder and is not read"):
        served(card_for(tmp_path / "own", options={"weights": "model.onnx"}), tmp_path)


def test_weights_beside_the_graph_are_served_and_missing_ones_named(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    a_graph(tmp_path / "own", IDS, MASK, table=external("table.bin"))
    card = card_for(tmp_path / "own", options={"weights": "model.onnx"})

    with pytest.raises(StartupError, match=r"keeps weights in table\.bin, which is not there"):
        served(card, tmp_path)
    (tmp_path / "own/table.bin").write_bytes(np.ones((len(WORDS), WIDTH), np.float32).tobytes())

    own_directory.directory_hashes.cache_clear()
    found = encodings(served(card, tmp_path), TEXTS)
    np.testing.assert_allclose(present(found[0].dense), np.full(WIDTH, 0.25), atol=1e-6)


def test_a_large_graph_of_somebody_elses_is_completed_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_onnx(tmp_path / "own", "last_hidden_state")
    monkeypatch.setattr(external_data, "LARGEST_FILE", 2_000)
    card = card_for(tmp_path / "own", options={"weights": "onnx/model.onnx"})

    assert_serves(card, tmp_path, own_vectors(tmp_path / "own", model, POOLS["mean"]))
    assert list((tmp_path / "store").rglob("model.onnx.data"))
