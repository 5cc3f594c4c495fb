"""Layer pooling: what MLTP and LAMA make of the states of layers, and where they begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from support.each import each
from tieback.core.errors import InvalidInput, NotFound
from tieback_contract.arrays import Array
from tieback_lab.methods import layer_pooling
from tieback_lab.methods.layer_pooling import READS, lama, layer_poolings
from torch import Tensor

METHODS = layer_poolings.names()
WIDTH, LAYERS = 16, 3
DRAW = np.random.default_rng(0)
STATES = [DRAW.normal(size=(20, 6, WIDTH)).astype(np.float32) for _ in range(LAYERS + 1)]
LENGTHS = torch.tensor([6 - row % 4 for row in range(20)])
SIZES = (torch.arange(6)[None] < LENGTHS[:, None]).float()


def tensors(states: Sequence[Array] = STATES) -> list[Tensor]:
    return [torch.from_numpy(one) for one in states]


def read(name: str, states: Sequence[Array] = STATES) -> list[Array]:
    return [one.numpy() for one in layer_poolings.form(READS, name)(tensors(states), SIZES)[0]]


def state_of(name: str, noise: float = 0.3, **parameters: Any) -> dict[str, Tensor]:
    """A state as training may leave it; without `noise`, as it begins."""
    fitted = layer_pooling.fit(name, read(name), parameters)
    draw = np.random.default_rng(1)
    return {
        key: torch.from_numpy((one + noise * draw.normal(size=one.shape)).astype(np.float32))
        for key, one in fitted.items()
    }


def cosines(rows: Tensor) -> Tensor:
    unit = torch.nn.functional.normalize(rows, dim=1)
    return unit @ unit.T


def last_mean() -> Tensor:
    return (tensors()[-1] * SIZES[..., None]).sum(dim=1)


@pytest.mark.parametrize("name", METHODS)
def test_vectors_have_length_1_and_see_no_padding(name: str) -> None:
    pool, state = layer_poolings.get(name), state_of(name)
    others = [one.clone() for one in tensors()]
    for one in others:
        one[SIZES == 0] = 100.0

    vectors = pool(tensors(), SIZES, state)

    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(20))
    torch.testing.assert_close(pool(others, SIZES, state), vectors)


@pytest.mark.parametrize("name", METHODS)
def test_what_a_method_reads_of_the_states_gives_the_vectors_of_all_of_them(name: str) -> None:
    pool, state = layer_poolings.get(name), state_of(name)

    less = layer_poolings.form(READS, name)(tensors(), SIZES)

    torch.testing.assert_close(pool(*less, state), pool(tensors(), SIZES, state))


@pytest.mark.parametrize("name", METHODS)
def test_a_token_that_stands_for_two_counts_as_two_that_are_alike(name: str) -> None:
    pool, state = layer_poolings.get(name), state_of(name)
    twice = [torch.cat([one[:1, :2], one[:1, 1:2]], dim=1) for one in tensors()]
    once = [one[:1, :2] for one in tensors()]

    torch.testing.assert_close(
        pool(once, torch.tensor([[1.0, 2.0]]), state), pool(twice, torch.ones(1, 3), state)
    )


def test_the_weights_of_lama_are_a_distribution_over_the_tokens_for_each_head() -> None:
    state = state_of("lama", heads=5)

    rows = lama.weights(tensors()[-1], SIZES, state)

    assert rows.shape == (20, 5, 6)
    torch.testing.assert_close(rows.sum(dim=2), torch.ones(20, 5))
    assert (rows[SIZES[:, None].expand_as(rows) == 0] == 0).all()
    assert rows.std(dim=1).max() > 0.01, "heads differ"


def test_the_weights_of_lama_are_the_formula_of_the_paper() -> None:
    state, tokens = state_of("lama", heads=3), tensors()[-1]

    rows = lama.weights(tokens, SIZES, state)

    for text, head in ((0, 0), (1, 2), (3, 1)):
        context = state["left"].T @ state["context"]  # Pᵀc
        scores = torch.tanh(context[:, None] * (state["right"].T @ tokens[text].T))  # [heads, tokens]
        scores = scores / scores.norm(dim=0)
        length = int(LENGTHS[text])
        torch.testing.assert_close(rows[text, head, :length], scores[head, :length].softmax(dim=0))


@pytest.mark.parametrize("heads", [1, 4])
def test_lama_takes_2dm_and_d_numbers_and_gives_a_mean_for_each_head(heads: int) -> None:
    state = state_of("lama", heads=heads)

    assert sum(one.numel() for one in state.values()) == 2 * WIDTH * heads + WIDTH
    assert layer_poolings.get("lama")(tensors(), SIZES, state).shape == (20, heads * WIDTH)


def reference(rows: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """MLTP of `[layers, width]` with PyTorch's own modules, head by head."""
    norms = []
    for place in range(3):
        norm = torch.nn.LayerNorm(WIDTH)
        norm.load_state_dict({"weight": state["gains"][place], "bias": state["biases"][place]})
        norms.append(norm)
    seen, looking = norms[1](rows + state["positions"]), norms[0](state["latents"])
    found = state["latents"].clone()
    for head in range(len(state["query"])):
        query, key, value = (weights[head] for weights in (state["query"], state["key"], state["value"]))
        attended = torch.nn.functional.scaled_dot_product_attention(looking @ query, seen @ key, seen @ value)
        found = found + attended @ state["output"][head]
    inside = norms[2](found)
    found = found + (torch.nn.GELU()(inside @ state["gate"]) * (inside @ state["up"])) @ state["down"]
    mean: Tensor = found.mean(dim=0)
    return torch.nn.functional.normalize(mean, dim=0)


def test_mltp_is_one_cross_attention_and_a_gated_feed_forward_layer_with_residuals() -> None:
    state = state_of("mltp", latents=4, heads=2, expansion=2)

    vectors = layer_poolings.get("mltp")(tensors(), SIZES, state)

    means = [(one * SIZES[..., None]).sum(dim=1) / SIZES.sum(dim=1, keepdim=True) for one in tensors()[1:]]
    for text in (0, 7):
        with torch.no_grad():
            expected = reference(torch.stack([one[text] for one in means]), state)
        torch.testing.assert_close(vectors[text], expected, atol=1e-5, rtol=1e-4)


def test_mltp_with_one_layer_is_the_trainable_pooling_of_that_layer() -> None:
    """The attention has nothing to choose from: each latent gets the layer's value, whatever it looks for."""
    one = tensors([STATES[0], STATES[-1]])
    fitted = layer_pooling.fit("mltp", read("mltp", [STATES[0], STATES[-1]]), {"heads": 2})
    state = {key: torch.from_numpy(value) for key, value in fitted.items()}
    pool = layer_poolings.get("mltp")

    vectors = pool(one, SIZES, state)

    blind = state | {"query": torch.zeros_like(state["query"]), "key": torch.zeros_like(state["key"])}
    torch.testing.assert_close(pool(one, SIZES, blind), vectors)
    assert not torch.allclose(pool(tensors(), SIZES, state_of("mltp")), vectors, atol=1e-2)


def test_mltp_reads_every_layer_behind_the_embeddings() -> None:
    pool, state = layer_poolings.get("mltp"), state_of("mltp")
    vectors = pool(tensors(), SIZES, state)

    for layer in range(LAYERS + 1):
        others = tensors()
        others[layer] = others[layer] + torch.randn(WIDTH, generator=torch.Generator().manual_seed(0))
        same = torch.allclose(pool(others, SIZES, state), vectors, atol=1e-4)
        assert same == (layer == 0)


@pytest.mark.parametrize("name", METHODS)
def test_training_begins_near_the_mean_of_the_last_layer(name: str) -> None:
    vectors = layer_poolings.get(name)(tensors(), SIZES, state_of(name, noise=0))

    pairs = torch.triu_indices(20, 20, 1).unbind()
    found, wanted = cosines(vectors)[pairs], cosines(last_mean())[pairs]
    assert float(torch.corrcoef(torch.stack([found, wanted]))[0, 1]) > 0.8


@pytest.mark.parametrize("name", METHODS)
def test_a_fit_is_the_same_for_the_same_seed_and_another_for_another(name: str) -> None:
    first, again, other = (layer_pooling.fit(name, read(name), seed=seed) for seed in (3, 3, 4))

    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert any(not np.array_equal(first[key], other[key]) for key in first)


@each(
    "states, parameters, message, field",
    [
        (STATES[:1], {}, "of the embeddings alone", "states"),
        ([], {}, "there are 0", "states"),
        ([STATES[0], STATES[1][:, :, :8]], {}, "of one shape", "states"),
        ([STATES[0], np.full_like(STATES[1], np.nan)], {}, "NaN or infinity", "states"),
        (STATES, {"heads": 3}, "3 heads do not divide a width of 16", "parameters.heads"),
        (STATES, {"latents": 0}, "greater than or equal to 1", "parameters.latents"),
        (STATES, {"queries": 2}, "its parameters are: latents, heads, expansion", "parameters.queries"),
    ],
)
def test_what_cannot_be_fitted_is_refused_by_its_path(
    states: list[Array], parameters: dict[str, Any], message: str, field: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        layer_pooling.fit("mltp", states, parameters)

    assert str(refusal.value.field) == field


def test_an_unknown_layer_pooling_is_refused_with_the_choices() -> None:
    with pytest.raises(NotFound, match="the choices are: lama, mltp"):
        layer_pooling.fit("attention", STATES)
