"""int8: as near to float32 as the cards say, refused where it is not, in a space of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.own_encoder import TEXTS, Silent, card_for, encodings, write_folder
from tieback.artifacts import described
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.session import Hardware, Session
from tieback.models.store import Store
from tieback.recipes.graphs.quantise import quantise
from tieback.recipes.pull import pull
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

QUANTISED = [card.name for card in Catalog.load().encoders() if "int8" in card.precisions]
SENTENCES = [
    "A man is playing a guitar.",
    "Who wrote the history of the harbour, and when was it printed?",
    "prices fell",
    "Wings that are swept back delay the rise of drag near the speed of sound. " * 6,
    "Der Hund schläft; 東京; 3,141.59!",
]


def dense(model: EncoderModel, texts: list[str]) -> Array:
    prepared = [
        model.prepare(Content(Modality.TEXT, text), EncodePlan(truncation=Truncation.END), Limits())
        for text in texts
    ]
    found = model.run(prepared, EncodePlan())
    return np.stack([one.dense for one in found if one.dense is not None])


@pytest.mark.parametrize("name", QUANTISED)
def test_a_quantised_encoder_is_as_near_to_float32_as_its_card_says(
    encoder: Callable[[str], EncoderModel], name: str
) -> None:
    exact, quantised = encoder(f"{name}=float32"), encoder(f"{name}=int8")
    stated = {one.measure: one.value for one in quantised.card.drift}

    cosines = (dense(exact, SENTENCES) * dense(quantised, SENTENCES)).sum(axis=1)

    assert cosines.min() >= stated["cosine, smallest"] - 1e-3
    assert cosines.min() < 1 - 1e-6, "this is float32"


@pytest.mark.parametrize("name", QUANTISED)
def test_a_quantised_encoder_drifts_between_batches_no_further_than_its_card_says(
    encoder: Callable[[str], EncoderModel], name: str
) -> None:
    model = encoder(f"{name}=int8")
    stated = {one.measure: one.value for one in model.card.drift}

    together = dense(model, SENTENCES)
    alone = np.concatenate([dense(model, [text]) for text in SENTENCES])

    assert np.abs(together - alone).max() <= 2 * stated["alone or in a batch, largest difference"]


@pytest.mark.parametrize("name", QUANTISED)
def test_what_a_card_says_of_int8_keeps_the_rule_by_which_it_is_the_default(name: str) -> None:
    card = next(card for card in Catalog.load().encoders() if card.name == name)
    drift = card.precisions["int8"].drift

    lost = {one.measure: one.float32 - one.value for one in drift}
    ndcg = next(one for one in drift if one.measure == "Cranfield nDCG@10")
    spearman = [value for measure, value in lost.items() if measure.startswith("STS Spearman")]

    keeps = max(spearman) <= 0.005 and lost[ndcg.measure] <= 0.01 * ndcg.float32
    assert len(spearman) == 2
    assert (card.precision == "int8") == keeps


@pytest.fixture
def own(tmp_path: Path) -> tuple[EncoderCard, Store]:
    """The user's own encoder, served in int8, in a store of its own."""
    folder = write_folder(tmp_path / "own")
    card = card_for(folder, precision="int8", precisions={"int8": {}})
    store = Store(tmp_path / "store")
    assert pull([card], [card], store, Silent()) == []
    return card, store


def damage(store: Store, card: EncoderCard, ending: str, change: Callable[[Array], Array]) -> None:
    """Changes the int8 graph's constants of that name, and records the file as if it were right."""
    path = store.folder(card) / "model.int8.onnx"
    model = onnx.load(path)
    for entry in model.graph.initializer:
        if entry.name.endswith(ending):
            entry.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(entry)), entry.name))
    onnx.save(model, path)
    manifest = store.manifest(card)
    assert manifest is not None
    there = described(store.folder(card))
    dataclasses.replace(manifest, served={name: there[name] for name in manifest.served}).write(
        store.folder(card)
    )


def test_a_users_own_encoder_is_served_in_int8_if_its_card_asks(own: tuple[EncoderCard, Store]) -> None:
    card, store = own

    quantised = encodings(load_encoder(card, store), TEXTS)
    exact = encodings(load_encoder(card.at("float32"), store), TEXTS)

    for one, other in zip(quantised, exact, strict=True):
        assert one.dense is not None
        assert other.dense is not None
        assert one.dense @ other.dense > 0.999
        assert not np.array_equal(one.dense, other.dense)
        assert one.locators is not None
        assert other.locators is not None
        np.testing.assert_array_equal(one.locators.places, other.locators.places)


def test_an_int8_file_with_wrong_bytes_is_named_at_the_start(own: tuple[EncoderCard, Store]) -> None:
    card, store = own
    path = store.folder(card) / "model.int8.onnx"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    with pytest.raises(StartupError, match=r"model\.int8\.onnx is corrupt.*tieback models pull own"):
        load_encoder(card, store)


@pytest.mark.parametrize("change", [lambda scales: -scales, lambda scales: np.nan * scales])
def test_an_int8_graph_that_computes_something_else_here_is_refused_with_the_way_out(
    own: tuple[EncoderCard, Store], change: Callable[[Array], Array]
) -> None:
    card, store = own
    damage(store, card, "/scales", change)

    with pytest.raises(StartupError, match=r"cosine of .* to float32.*TIEBACK_PRECISION=own=float32"):
        load_encoder(card, store)

    assert encodings(load_encoder(card.at("float32"), store), TEXTS)


def test_int8_that_is_not_near_enough_is_said_when_it_is_made(tmp_path: Path) -> None:
    card = card_for(write_folder(tmp_path / "own"), precisions={"int8": {"smallest_cosine": 1}})
    store, observer = Store(tmp_path / "store"), Silent()

    assert pull([card], [card], store, observer) == []

    assert "it will not be served here" in observer.heard[-1]
    assert load_encoder(card, store)
    with pytest.raises(StartupError, match="the card asks for 1"):
        load_encoder(card.at("int8"), store)


def test_a_users_own_encoder_is_served_in_float16_if_its_card_asks(tmp_path: Path) -> None:
    card = card_for(write_folder(tmp_path / "own"), precisions={"float16": {"smallest_cosine": 0.9999}})
    store = Store(tmp_path / "store")
    pull([card], [card], store, Silent())

    halved, exact = (load_encoder(card.at(one), store) for one in ("float16", "float32"))

    one, other = (dense(model, list(TEXTS)) for model in (halved, exact))
    np.testing.assert_allclose(one, other, atol=1e-3)
    assert not np.array_equal(one, other)


def test_products_with_weights_are_computed_on_integers(own: tuple[EncoderCard, Store]) -> None:
    card, store = own

    exact, quantised = (
        onnx.load(store.folder(card) / name).graph for name in ("model.onnx", "model.int8.onnx")
    )

    weights = {entry.name: entry.dims for entry in exact.initializer}
    products = [node for node in exact.node if node.op_type == "MatMul" and node.input[1] in weights]
    integers = [node for node in quantised.node if node.op_type == "MatMulInteger"]
    left = {entry.name: entry.dims for entry in quantised.initializer if len(entry.dims) == 2}
    apart = [node for node in quantised.node if node.op_type == "MatMul" and node.input[1] in left]
    assert len(integers) == len(products) == 6
    assert [left[node.input[1]][0] for node in apart] == [2], "all that stays in float32 is two channels"
    assert not {node.input[1] for node in products} & left.keys(), "no weights are kept twice"


def linear(path: Path, weights: Array) -> Path:
    """A graph with one product."""
    inputs, outputs = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", inputs])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", outputs])],
        [numpy_helper.from_array(weights.astype(np.float32), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("shape", [(64, 64), (32, 64), (64, 32)], ids=["keeps", "widens", "narrows"])
def test_one_large_channel_does_not_take_the_precision_of_the_others(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((50, shape[0])).astype(np.float32)
    values[:, 7] *= 100
    weights = random.standard_normal(shape)
    weights[7] /= 100
    source = linear(tmp_path / "exact.onnx", weights)

    quantise(source, tmp_path / "int8.onnx", {"x": values})

    (exact,), (found,) = (
        Session(path).run(["y"], {"x": values}) for path in (source, tmp_path / "int8.onnx")
    )
    assert np.abs(found - exact).mean() < 0.02 * np.abs(exact).mean()


def test_a_graph_without_weights_is_not_quantised(tmp_path: Path) -> None:
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], [])
    onnx.save(helper.make_model(graph), tmp_path / "g.onnx")

    with pytest.raises(StartupError, match=r"g\.onnx has no product with weights"):
        quantise(tmp_path / "g.onnx", tmp_path / "out.onnx", {})


def test_a_session_has_the_threads_that_are_asked_for_and_spins_none(tmp_path: Path) -> None:
    path = linear(tmp_path / "linear.onnx", np.eye(2))

    for threads in (1, 2):
        options = Session(path, Hardware(threads=threads))._session.get_session_options()
        assert options.intra_op_num_threads == threads
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
