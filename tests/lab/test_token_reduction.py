"""Token reduction: plans of which tokens become one, in arrays and as graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.each import each
from support.token_clouds import (
    CLOUDS,
    TOKENS,
    WIDTH,
    WINS,
    Plan,
    by_energy,
    by_similarity,
    cloud,
    distances,
)
from tieback.core.errors import InvalidInput
from tieback_contract.arrays import Array
from tieback_lab.methods.token_reduction import GRAPH, merge, merge_batch, token_reductions

METHODS = token_reductions.names()


@pytest.mark.parametrize("ratio", [0.9, 0.8])
def test_pitome_stays_nearest_to_the_spectrum_of_the_tokens(ratio: float) -> None:
    found = distances([cloud(seed) for seed in range(CLOUDS)], ratio)

    ours, tome, random = found["PiToMe"], found["ToMe"], found["random"]
    assert ours.mean() < tome.mean() < random.mean()
    assert (ours < tome).mean() >= WINS
    assert (ours < random).mean() >= WINS


def merged_set(keys: Array, plan: Plan) -> Array:
    """The merged tokens in an order of their own."""
    rows, _ = merge(keys, np.ones(len(keys)), plan(keys, 0.8))
    return rows[np.lexsort(np.round(rows, 4).T)]


@each("seed", range(5))
def test_permuting_tokens_leaves_the_set_of_pitome_unchanged_and_not_that_of_tome(seed: int) -> None:
    keys = cloud(seed)
    order = np.concatenate([[0], 1 + np.random.default_rng(seed).permutation(TOKENS - 1)])

    np.testing.assert_allclose(merged_set(keys[order], by_energy), merged_set(keys, by_energy), atol=1e-5)
    assert not np.allclose(merged_set(keys[order], by_similarity), merged_set(keys, by_similarity), atol=1e-2)


@each("name", METHODS)
@each("ratio", [1.0, 0.95, 0.8, 0.5])
def test_sizes_sum_to_the_tokens_of_the_text_through_all_layers(name: str, ratio: float) -> None:
    method = token_reductions.configure(name)
    values, sizes = cloud(0), np.ones(TOKENS, np.float32)
    first = values[0].copy()

    for layer in range(6):
        before = len(sizes)
        values, sizes = merge(values, sizes, method(values, sizes, ratio, layer / 6))

        assert sizes.sum() == TOKENS
        assert len(sizes) == before - int(np.float32(before - 1) * (np.float32(1) - np.float32(ratio)))
        assert sizes[0] == 1
        np.testing.assert_array_equal(values[0], first)


@each("name", METHODS)
@each("ratio", [1.0, 0.9, 0.7, 0.5])
def test_the_graph_merges_what_the_method_merges_whatever_the_text_is_padded_to(
    name: str, ratio: float
) -> None:
    method = token_reductions.configure(name)
    texts = [cloud(seed, tokens) for seed, tokens in enumerate((40, 23, 5, 2))]

    values, sizes = _in_batch(name, texts, ratio)

    for text, rows, counts in zip(texts, values, sizes, strict=True):
        ones = np.ones(len(text), np.float32)
        expected, expected_sizes = merge(text, ones, method(text, ones, ratio, 0.5))
        there = counts > 0
        np.testing.assert_array_equal(counts[there], expected_sizes)
        np.testing.assert_allclose(rows[there], expected, atol=1e-5)
        assert there[: there.sum()].all()  # padding is behind


def _in_batch(name: str, texts: list[Array], ratio: float) -> tuple[Array, Array]:
    longest = max(map(len, texts))
    keys, sizes = torch.full((len(texts), longest, WIDTH), 9.0), torch.zeros(len(texts), longest)
    for row, text in enumerate(texts):
        keys[row, : len(text)] = torch.from_numpy(text)
        sizes[row, : len(text)] = 1
    graph = token_reductions.form(GRAPH, name)
    values, merged = merge_batch(keys, sizes, graph(keys, sizes, torch.tensor(ratio), 0.5))
    return values.numpy(), merged.numpy()


def test_a_merged_token_is_the_mean_by_what_its_parts_stand_for() -> None:
    values = np.array([[0.0], [1.0], [5.0]])

    rows, sizes = merge(values, np.array([1.0, 3.0, 1.0]), np.array([0, 1, 1]))

    assert rows.tolist() == [[0.0], [2.0]]
    assert sizes.tolist() == [1.0, 4.0]


def test_an_unknown_parameter_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="margin, alpha"):
        token_reductions.configure("pitome", {"sigma": 1})
