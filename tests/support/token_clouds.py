"""Sets of tokens in clusters and apart, and how far merging moves the spectrum of their graph.

A graph connects tokens by their cosines, if these are above 0. Merging coarsens the graph. Lifted to the
original tokens again, its normalised Laplacian has other eigenvalues; the distance is the sum of the
differences. While this set-up was chosen, PiToMe was no nearer than ToMe where all clusters have the same
size, where their spreads differ much, and with narrow keys (32 wide).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_lab.methods.token_reduction import token_reductions

TOKENS, WIDTH, CLUSTERS = 128, 128, 10
SPREAD = 0.5  # of a cluster, over that of all tokens
ISOLATED = 0.25  # of the tokens
CLOUDS = 40
WINS = 0.8
SMALLEST = 1e-6  # every token is joined to some

Plan = Callable[[Array, float], Array]


def cloud(seed: int, tokens: int = TOKENS) -> Array:
    """Clusters of look-alikes and isolated tokens, in any order: `[tokens, WIDTH]`."""
    source = np.random.default_rng(seed)
    isolated = int(ISOLATED * tokens)
    sizes = source.multinomial(tokens - isolated, source.dirichlet(np.ones(CLUSTERS)))
    clusters = [
        source.standard_normal(WIDTH) + SPREAD * source.standard_normal((size, WIDTH)) for size in sizes
    ]
    rows = np.concatenate([*clusters, source.standard_normal((isolated, WIDTH))])
    return source.permutation(rows).astype(np.float32)


def distances(clouds: Sequence[Array], ratio: float) -> dict[str, Array]:
    """The spectral distance of each cloud, by the plan."""
    plans: dict[str, Plan] = {"PiToMe": by_energy, "ToMe": by_similarity, "random": at_random}
    return {
        name: np.array([spectral_distance(keys, plan(keys, ratio)) for keys in clouds])
        for name, plan in plans.items()
    }


def by_energy(keys: Array, ratio: float) -> Array:
    """PiToMe in the first layer."""
    return token_reductions.get("pitome")(keys, np.ones(len(keys), np.float32), ratio, 0.0)


def by_similarity(keys: Array, ratio: float) -> Array:
    """ToMe: of every other token, those most similar to one of the tokens between go into it."""
    unit = keys / np.linalg.norm(keys, axis=-1, keepdims=True)
    goes, takes = np.arange(1, len(keys), 2), np.arange(2, len(keys), 2)
    similarity = unit[goes] @ unit[takes].T
    chosen = np.argsort(-similarity.max(axis=1))[: _count(keys, ratio)]
    targets = np.arange(len(keys))
    targets[goes[chosen]] = takes[similarity[chosen].argmax(axis=1)]
    return targets


def at_random(keys: Array, ratio: float) -> Array:
    """Any tokens go into any others."""
    source = np.random.default_rng(len(keys))
    order, count = 1 + source.permutation(len(keys) - 1), _count(keys, ratio)
    targets = np.arange(len(keys))
    targets[order[:count]] = source.choice(order[count:], count)
    return targets


def spectral_distance(keys: Array, targets: Array) -> float:
    """How far the eigenvalues of the tokens' graph move when it is made coarse and spread out again."""
    unit = keys / np.linalg.norm(keys, axis=-1, keepdims=True)
    weights = np.maximum(unit @ unit.T, SMALLEST)
    places = np.flatnonzero(targets == np.arange(len(targets)))
    members = (targets[None] == places[:, None]).astype(float)
    shares = members / members.sum(axis=1, keepdims=True)
    coarse = shares @ weights @ shares.T
    return float(np.abs(_spectrum(weights) - _spectrum(members.T @ coarse @ members)).sum())


def _spectrum(weights: Array) -> Array:
    """The eigenvalues of the normalised Laplacian, ascending."""
    degrees = weights.sum(axis=1)
    return np.linalg.eigvalsh(np.eye(len(weights)) - weights / np.sqrt(np.outer(degrees, degrees)))


def _count(keys: Array, ratio: float) -> int:
    return int((len(keys) - 1) * (1 - ratio))
