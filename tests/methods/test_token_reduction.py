"""Token reduction: plans of which tokens become one, in arrays and as graphs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tieback.core.errors import InvalidInput
from tieback.core.types.arrays import Array
from tieback.methods.token_reduction import TokenReduction, merge, merge_batch, token_reductions

TOKENS, WIDTH, CLOUDS = 128, 32, 40
METHODS = token_reductions.names()


def cloud(seed: int, tokens: int = TOKENS) -> Array:
    """Clusters of look-alikes of different sizes, and isolated tokens among them, in any order."""
    source = np.random.default_rng(seed)
    isolated = tokens // 4
    sizes = source.multinomial(tokens - isolated, source.dirichlet(np.ones(6)))
    clusters = [
        source.standard_normal(WIDTH) + source.uniform(0.1, 0.4) * source.standard_normal((size, WIDTH))
        for size in sizes
    ]
    rows = np.concatenate([*clusters, source.standard_normal((isolated, WIDTH))])
    return source.permutation(rows).astype(np.float32)


def pitome(keys: Array, ratio: float) -> Array:
    return token_reductions.get("pitome")(keys, np.ones(len(keys), np.float32), ratio, 0.0)


def bipartite(keys: Array, ratio: float) -> Array:
    """ToMe (arXiv:2210.09461): of every other token, those most similar to one of the others go into it."""
    unit = keys / np.linalg.norm(keys, axis=-1, keepdims=True)
    count = int((len(keys) - 1) * (1 - ratio))
    goes, takes = np.arange(1, len(keys), 2), np.arange(2, len(keys), 2)
    similarity = unit[goes] @ unit[takes].T
    chosen = np.argsort(-similarity.max(axis=1))[:count]
    targets = np.arange(len(keys))
    targets[goes[chosen]] = takes[similarity[chosen].argmax(axis=1)]
    return targets


def at_random(keys: Array, ratio: float) -> Array:
    source = np.random.default_rng(len(keys))
    count = int((len(keys) - 1) * (1 - ratio))
    order = 1 + source.permutation(len(keys) - 1)
    targets = np.arange(len(keys))
    targets[order[:count]] = source.choice(order[count:], count)
    return targets


def spectral_distance(keys: Array, targets: Array) -> float:
    """How far the eigenvalues of the tokens' graph move when it is made coarse and spread out again."""
    unit = keys / np.linalg.norm(keys, axis=-1, keepdims=True)
    weights = (1 + unit @ unit.T) / 2
    places = np.flatnonzero(targets == np.arange(len(targets)))
    members = (targets[None] == places[:, None]).astype(float)
    spread = members / members.sum(axis=1, keepdims=True)
    coarse = spread @ weights @ spread.T
    return float(np.abs(spectrum(weights) - spectrum(members.T @ coarse @ members)).sum())


def spectrum(weights: Array) -> Array:
    """The eigenvalues of the normalised Laplacian, ascending."""
    degrees = weights.sum(axis=1)
    return np.linalg.eigvalsh(np.eye(len(weights)) - weights / np.sqrt(np.outer(degrees, degrees)))


@pytest.mark.parametrize("ratio", [0.9, 0.8])
def test_pitome_stays_nearest_to_the_spectrum_of_the_tokens(ratio: float) -> None:
    clouds = [cloud(seed) for seed in range(CLOUDS)]

    distances = {
        plan.__name__: np.array([spectral_distance(keys, plan(keys, ratio)) for keys in clouds])
        for plan in (pitome, bipartite, at_random)
    }

    ours = distances["pitome"]
    assert ours.mean() < distances["bipartite"].mean() < distances["at_random"].mean()
    assert (ours < distances["bipartite"]).mean() >= 0.8
    assert (ours < distances["at_random"]).mean() >= 0.8


def merged_set(keys: Array, plan: Callable[[Array, float], Array]) -> Array:
    """The merged tokens in an order of their own."""
    rows, _ = merge(keys, np.ones(len(keys)), plan(keys, 0.8))
    return rows[np.lexsort(np.round(rows, 4).T)]


@pytest.mark.parametrize("seed", range(5))
def test_permuting_tokens_leaves_the_set_of_pitome_unchanged_and_not_that_of_tome(seed: int) -> None:
    keys = cloud(seed)
    order = np.concatenate([[0], 1 + np.random.default_rng(seed).permutation(TOKENS - 1)])

    np.testing.assert_allclose(merged_set(keys[order], pitome), merged_set(keys, pitome), atol=1e-5)
    assert not np.allclose(merged_set(keys[order], bipartite), merged_set(keys, bipartite), atol=1e-2)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("ratio", [1.0, 0.95, 0.8, 0.5])
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


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("ratio", [1.0, 0.9, 0.7, 0.5])
def test_the_graph_merges_what_the_method_merges_whatever_the_text_is_padded_to(
    name: str, ratio: float
) -> None:
    method = token_reductions.configure(name)
    texts = [cloud(seed, tokens) for seed, tokens in enumerate((40, 23, 5, 2))]

    values, sizes = _in_batch(method, texts, ratio)

    for text, rows, counts in zip(texts, values, sizes, strict=True):
        ones = np.ones(len(text), np.float32)
        expected, expected_sizes = merge(text, ones, method(text, ones, ratio, 0.5))
        there = counts > 0
        np.testing.assert_array_equal(counts[there], expected_sizes)
        np.testing.assert_allclose(rows[there], expected, atol=1e-5)
        assert there[: there.sum()].all()  # padding is behind


def _in_batch(method: TokenReduction, texts: list[Array], ratio: float) -> tuple[Array, Array]:
    longest = max(map(len, texts))
    keys, sizes = torch.full((len(texts), longest, WIDTH), 9.0), torch.zeros(len(texts), longest)
    for row, text in enumerate(texts):
        keys[row, : len(text)] = torch.from_numpy(text)
        sizes[row, : len(text)] = 1
    graph = token_reductions.beside(method, "graph")
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
