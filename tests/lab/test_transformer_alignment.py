"""Transformers whose neurons are in another order, or more of them, are aligned exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import ot
import pytest
import torch
from support.each import each
from support.reordered_transformer import TABLE, reordered
from tieback.core.errors import InvalidInput
from tieback.methods.merging import Activations, Weights, merge
from tieback_contract.arrays import Array
from tieback_lab.methods.merging._transport import squared_distances, transport
from tieback_lab.methods.merging.optimal_transport import aligned
from transformers import BertConfig, BertModel

WIDTH, SIZE, WORDS = 16, 4, 30
HEADED = {"head_size": SIZE}


def transformer(seed: int, width: int = WIDTH, wide: int = 24) -> dict[str, Array]:
    """The weights of a BERT of two blocks, with heads of SIZE."""
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    state = bert(width, wide).state_dict()
    return {
        name: np.asarray(one.numpy() + 0.3 * draw.standard_normal(one.shape), np.float32)
        for name, one in state.items()
        if not name.startswith("pooler") and one.is_floating_point()
    }


def bert(width: int = WIDTH, wide: int = 24) -> BertModel:
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=width // SIZE,
        intermediate_size=wide,
        max_position_embeddings=8,
    )
    model: BertModel = BertModel(config, add_pooling_layer=False).eval()  # type: ignore[no-untyped-call]  # theirs
    return model


def states(weights: Weights) -> Array:
    """What the model makes of some words."""
    width, wide = weights[TABLE].shape[1], weights[WIDENED].shape[0]
    model = bert(width, wide)
    model.load_state_dict({name: torch.from_numpy(np.asarray(one)) for name, one in weights.items()})
    with torch.no_grad():
        found: Array = model(torch.arange(12).reshape(2, 6)).last_hidden_state.numpy()
    return found


WIDENED = "encoder.layer.0.intermediate.dense.weight"
BASE = transformer(0)


def activations(weights: Weights) -> Activations:
    """What each layer and norm gave, on the same words."""
    width, wide = weights[TABLE].shape[1], weights[WIDENED].shape[0]
    model, found = bert(width, wide), {}
    model.load_state_dict({name: torch.from_numpy(np.asarray(one)) for name, one in weights.items()})

    def keep(name: str) -> Any:
        return lambda _module, _given, out: found.update(
            {name: out.detach().numpy().reshape(-1, out.shape[-1])}
        )

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.LayerNorm):
            module.register_forward_hook(keep(name))
    with torch.no_grad():
        model(torch.arange(24).reshape(4, 6))
    return found


def assert_same(found: Weights, wanted: Weights, tolerance: float = 0) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, atol=tolerance, err_msg=name)


def test_a_transformer_in_another_order_computes_the_same_in_that_order() -> None:
    other, order = reordered(BASE, SIZE)

    np.testing.assert_allclose(states(other), states(BASE)[..., order], atol=1e-5)


@pytest.mark.parametrize("residual", ["one", "mean"])
def test_a_reordered_transformer_is_brought_back_exactly(residual: Any) -> None:
    other, _ = reordered(BASE, SIZE)

    assert_same(aligned(BASE, other, BASE, residual=residual, head_size=SIZE), BASE)
    assert_same(merge("optimal_transport", BASE, [other, BASE], HEADED), BASE)
    assert np.abs(merge("linear", BASE, [other, BASE])[WIDENED] - BASE[WIDENED]).max() > 0.1


@each("residual", ["one", "mean", "weighted_scalar", "weighted_matrix"])
def test_activations_bring_a_reordered_transformer_back(residual: str) -> None:
    other, _ = reordered(BASE, SIZE)
    seen = [activations(other), activations(BASE)]

    found = merge("optimal_transport", BASE, [other, BASE], HEADED | {"residual": residual}, activations=seen)

    assert_same(found, BASE, 1e-6)


def test_models_whose_neurons_match_in_place_are_averaged() -> None:
    draw = np.random.default_rng(1)
    near = {n: np.asarray(a + 1e-3 * draw.standard_normal(a.shape), np.float32) for n, a in BASE.items()}

    found = merge("optimal_transport", BASE, [near, BASE], HEADED | {"share": 0.3})

    assert_same(found, merge("linear", BASE, [near, BASE], {"weights": (0.7, 0.3)}), 1e-7)


def test_little_smoothing_is_the_exact_transport_and_much_is_not() -> None:
    other, _ = reordered(BASE, SIZE)

    assert_same(aligned(BASE, other, BASE, smoothing=0.01, head_size=SIZE), BASE, 1e-3)
    assert (
        np.abs(aligned(BASE, other, BASE, smoothing=1, head_size=SIZE)[WIDENED] - BASE[WIDENED]).max() > 0.1
    )


def doubled(weights: Weights) -> dict[str, Array]:
    """A model of twice the width and twice the heads that gives each value twice."""
    found = {}
    for name, array in weights.items():
        table = name.endswith("embeddings.weight")
        axes = [1] if table else list(range(array.ndim))
        wide = array
        for axis in axes:
            size = (
                SIZE if (axis == 0 and ".self." in name) or (axis == 1 and "attention.output" in name) else 1
            )
            parts = np.split(wide, wide.shape[axis] // size, axis)
            wide = np.concatenate([part for one in parts for part in (one, one)], axis)
        found[name] = wide / 2 if array.ndim == 2 and not table else wide
    return found


def test_a_transformer_is_merged_into_one_of_twice_its_width_and_heads_and_the_other_way() -> None:
    wide = doubled(BASE)
    np.testing.assert_allclose(states(wide)[..., ::2], states(BASE), atol=1e-5)

    assert_same(merge("optimal_transport", wide, [BASE, wide], HEADED), wide, 1e-5)
    assert_same(merge("optimal_transport", BASE, [wide, BASE], HEADED), BASE, 1e-5)


def test_a_plan_is_that_of_another_library() -> None:
    draw = np.random.default_rng(3)
    costs = squared_distances(draw.standard_normal((6, 4)), draw.standard_normal((9, 4)))
    masses = [np.full(size, 1 / size) for size in costs.shape]

    exact, smooth = transport(costs, 0).plan, transport(costs, 0.1).plan

    assert (exact * costs).sum() == pytest.approx(ot.emd2(*masses, costs), rel=1e-5)
    np.testing.assert_allclose(exact.sum(0), masses[1], atol=1e-6)
    wanted = ot.sinkhorn(*masses, costs, 0.1 * costs.mean(), method="sinkhorn_log", numItermax=200)
    np.testing.assert_allclose(smooth, wanted, atol=1e-5)


def spoiled(change: str) -> dict[str, Array]:
    other = dict(BASE)
    if change == "an unknown layer":
        other["encoder.adapter.weight"] = np.zeros((3, 5), np.float32)
    if change == "no embeddings":
        other = {name: array for name, array in BASE.items() if "embeddings" not in name}
    if change == "no norm":
        del other["encoder.layer.1.output.LayerNorm.weight"]
    return other


@each(
    "change, parameters, field, says",
    [
        ("", {}, "parameters.head_size", "attention of 16 values .* give head_size"),
        ("", {"head_size": 5}, "parameters.head_size", "which divides it"),
        ("", {**HEADED, "residual": "weighted_scalar"}, "parameters.residual", "there are none; take mean"),
        ("an unknown layer", HEADED, "base", "encoder.adapter are none"),
        ("no embeddings", HEADED, "base", "lack embeddings.word_embeddings.weight"),
        ("no norm", HEADED, "base", "lack encoder.layer.1.output.LayerNorm.weight"),
    ],
)
def test_what_cannot_be_aligned_is_refused(
    change: str, parameters: dict[str, Any], field: str, says: str
) -> None:
    weights = spoiled(change)

    with pytest.raises(InvalidInput, match=says) as refusal:
        merge("optimal_transport", weights, [weights, weights], parameters)

    assert str(refusal.value.field) == field


def test_widths_without_a_small_common_multiple_ask_for_smoothing() -> None:
    with pytest.raises(InvalidInput, match="give a smoothing above 0"):
        transport(np.zeros((1021, 1019)), 0)


def test_activations_are_for_methods_that_take_them_and_have_to_be_complete() -> None:
    seen = activations(BASE)
    some = {name: array for name, array in seen.items() if "query" not in name}

    with pytest.raises(
        InvalidInput, match=r"no activations of encoder.layer.0.attention.self.query"
    ) as refusal:
        merge("optimal_transport", BASE, [BASE, BASE], HEADED, activations=[some, seen])

    assert str(refusal.value.field) == "activations[0]"
