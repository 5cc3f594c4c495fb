"""An exported text encoder knows its layers: any that its card offers gives vectors and token states."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support.asking import encodings, texts, vector
from support.own_encoder import TEXTS, card_for, served
from support.own_folders import save_sentence_model, save_text_model
from tieback.catalog.card import EncoderCard
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.encoder_model import EncoderModel
from tieback.models.text.transformer_text import TransformerTextModel, padded
from tieback.recipes.graphs.architectures import BACKBONES
from tieback_contract.encodings import EncodingSource
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind
from tieback_lab.models.layered_text import StagedSession

BOTH = frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR})


def offering(**options: Any) -> dict[str, Any]:
    """Fields of a card that offers these layers, or reductions."""
    return {"runtime": "layered_text", "options": options}


LAYERED = offering(layers=[1, 2])


def encoded(model: EncoderModel, plan: EncodePlan) -> list[Any]:
    prepared = [model.prepare(Content(Modality.TEXT, text), plan, Limits()) for text in TEXTS]
    return model.run(prepared, plan)


def expected(model: torch.nn.Module, served_by: EncoderModel, layer: int) -> list[np.ndarray[Any, Any]]:
    """What transformers computes at a layer: the states of each text's tokens."""
    found = []
    for text in TEXTS:
        tokens = served_by.prepare(Content(Modality.TEXT, text), EncodePlan(), Limits()).payload
        ids, mask = map(torch.from_numpy, padded([tokens.ids]))
        with torch.no_grad():
            said = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        assert len(said.hidden_states) == 3
        found.append(said.hidden_states[layer][0].numpy())
    return found


def unit(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


@pytest.mark.parametrize("architecture", BACKBONES)
def test_each_layer_of_every_architecture_is_what_transformers_computes(
    tmp_path: Path, architecture: str
) -> None:
    own = save_text_model(tmp_path / "own", architecture)
    model = served(card_for(tmp_path / "own", **LAYERED), tmp_path)

    for layer in (1, None):
        states = expected(own, model, layer or 2)
        for encoding, rows in zip(encoded(model, EncodePlan(kinds=BOTH, layer=layer)), states, strict=True):
            np.testing.assert_allclose(encoding.dense, unit(rows.mean(axis=0)), atol=1e-4)
            np.testing.assert_allclose(encoding.rows, unit(rows[1:-1]), atol=1e-4)


def test_the_head_of_a_sentence_model_is_behind_each_layer(tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "own", dense=6)
    model = served(card_for(tmp_path / "own", pooling=None, width=6, **LAYERED), tmp_path)

    early, last = (encoded(model, EncodePlan(layer=layer)) for layer in (1, None))

    assert early[0].dense.shape == last[0].dense.shape == (6,)
    assert np.linalg.norm(early[0].dense) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(early[0].dense, last[0].dense, atol=1e-2)


def test_the_last_layer_is_the_same_whether_or_not_others_are_offered(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    alone = served(card_for(tmp_path / "own"), tmp_path / "a")
    among = served(card_for(tmp_path / "own", **LAYERED), tmp_path / "b")

    for one, other in zip(encoded(alone, EncodePlan()), encoded(among, EncodePlan()), strict=True):
        np.testing.assert_array_equal(one.dense, other.dense)


def test_layers_are_offered_in_int8_too(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    card = card_for(
        tmp_path / "own", **LAYERED, precisions={"int8": {"smallest_cosine": 0.5}}, precision="int8"
    )

    exact = encoded(served(card.at("float32"), tmp_path), EncodePlan(layer=1))
    lower = encoded(served(card, tmp_path), EncodePlan(layer=1))

    for one, other in zip(exact, lower, strict=True):
        assert one.dense @ other.dense > 0.95


def test_a_card_whose_last_layer_is_not_the_models_is_refused_with_the_number(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")

    with pytest.raises(StartupError, match="the model has 2"):
        served(card_for(tmp_path / "own", **offering(layers=[1])), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (offering(layers=[2, 1]), "ascend"),
        (offering(layers=[1, 1]), "ascend"),
        (offering(layers=[0, 2]), "greater than 0"),
        (offering(layers=[1, 2], weights="model.onnx"), "does not say where its layers are"),
        ({"options": {"layers": [1, 2]}}, "unknown key 'options.layers'"),
    ],
)  # fmt: skip
def test_layers_that_make_no_sense_are_refused_with_the_card(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    save_text_model(tmp_path / "own")

    with pytest.raises(StartupError, match=message):
        card_for(tmp_path / "own", **changes)


def test_a_card_that_offers_layers_is_exported_anew_and_keeps_its_space(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    plain, layered = card_for(tmp_path / "own", **offering()), card_for(tmp_path / "own", **LAYERED)

    assert plain.space == layered.space
    assert plain.export != layered.export
    assert layered.space_of("layer 1") not in (layered.space, plain.space)


@pytest.fixture
def card(tmp_path: Path) -> EncoderCard:
    save_text_model(tmp_path / "own")
    return card_for(tmp_path / "own", **LAYERED)


@pytest.fixture
async def encoder(card: EncoderCard, tmp_path: Path) -> AsyncIterator[Encoder]:
    made = Encoder([served(card, tmp_path)])
    await made.warm_up()
    yield made
    await made.close()


async def test_a_vector_of_an_earlier_layer_is_in_a_space_of_its_own(
    encoder: Encoder, card: EncoderCard
) -> None:
    (early,) = encodings(
        await encoder.encode(EncodeRequest("own", texts(TEXTS[0]), EncodePlan(layer=1)), NO_CALL)
    )
    (last,) = encodings(await encoder.encode(EncodeRequest("own", texts(TEXTS[0])), NO_CALL))

    assert vector(early).space == early.space == card.space_of("layer 1")
    assert last.space == card.space
    assert not np.allclose(vector(early).values, vector(last).values, atol=1e-2)


async def test_the_last_layer_by_its_number_is_what_is_given_by_default(
    encoder: Encoder, card: EncoderCard
) -> None:
    await encoder.encode(EncodeRequest("own", texts(TEXTS[0])), NO_CALL)

    (found,) = encodings(
        await encoder.encode(EncodeRequest("own", texts(TEXTS[0]), EncodePlan(layer=2)), NO_CALL)
    )

    assert (found.source, found.space) == (EncodingSource.MEMORY, card.space)


async def test_a_layer_that_is_not_offered_is_refused_with_those_that_are(encoder: Encoder) -> None:
    with pytest.raises(InvalidInput, match="not offered at layer 3; it is at: 1, 2") as refused:
        await encoder.encode(EncodeRequest("own", texts("owl"), EncodePlan(layer=3)), NO_CALL)

    assert str(refused.value.field) == "output.layer"


async def test_a_space_without_layers_says_that_it_has_its_last_alone(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    encoder = Encoder([served(card_for(tmp_path / "own"), tmp_path)])

    with pytest.raises(InvalidInput, match="it is at: its last"):
        await encoder.encode(EncodeRequest("own", texts("owl"), EncodePlan(layer=2)), NO_CALL)
    await encoder.close()


def test_a_run_to_an_early_layer_computes_nothing_behind_it(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    model = served(card_for(tmp_path / "own", **LAYERED), tmp_path)
    assert isinstance(model, TransformerTextModel)
    assert isinstance(model._session, StagedSession)
    expected = encoded(model, EncodePlan(kinds=BOTH, layer=1))

    del model._session.stages[1]

    for one, other in zip(encoded(model, EncodePlan(kinds=BOTH, layer=1)), expected, strict=True):
        np.testing.assert_array_equal(one.dense, other.dense)
    with pytest.raises(IndexError):
        encoded(model, EncodePlan())


def test_a_graph_with_layers_is_stored_once_in_parts(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    served(card_for(tmp_path / "own"), tmp_path / "a")
    served(card_for(tmp_path / "own", **LAYERED), tmp_path / "b")

    (whole,) = (tmp_path / "a").rglob("*.onnx")
    parts = sorted((tmp_path / "b").rglob("*.onnx"))

    assert [path.name for path in parts] == ["model.layer-1.onnx", "model.layer-2.onnx"]
    weights = [sum(map(len, weights_of(path))) for path in (whole, *parts)]
    assert weights[0] <= sum(weights[1:]) <= 1.2 * weights[0]  # alike biases are stored once in a graph
    assert all(weights)


def weights_of(path: Path) -> list[bytes]:
    return [tensor.raw_data for tensor in onnx.load(path).graph.initializer]
