"""Method 60: losses that align two views, in addition to the cross-entropy of a classifier (MTAM,
arXiv:2208.06348).

Two views share a hidden vector of 3 dimensions. Each view adds dimensions of its own with a larger variance.
The class depends on the first hidden dimension alone. Each view has a network with 3 outputs, and one
classifier reads both. Cross-entropy teaches only what the class needs. The sum of canonical correlations
should recover the other two dimensions. The 2-Wasserstein distance makes the point sets similar, but does not
say which point belongs to which. Held-out pairs are retrieved across the views, in the canonical variates of
the training pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from tieback.methods.projection import cca_affine
from tieback.methods.projection.correlation import canonical_correlations
from tieback.methods.projection.wasserstein import squared_distance

from benchmarks.claims import claim
from benchmarks.report import Report, Tried

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.floating[Any]]
Losses = Literal["CE", "CE and CCA", "CE and W2"]

METHOD = "60 (arXiv:2208.06348)"
OF = Tried(60, "toy", product=True, data="generated")
SHARED, OWN, WIDTHS = 3, 5, (20, 30)
LOUD, NOISE = 2.0, 0.3
TRAIN, TEST, CLASSES = 1000, 500, 4
HIDDEN, STEPS, RATE, STRENGTH = 32, 300, 3e-3, 1.0
RECOVERED = 0.9
LOSSES: tuple[Losses, ...] = ("CE", "CE and CCA", "CE and W2")


@dataclass(frozen=True)
class Found:
    """Of held-out pairs: mean canonical correlation, share retrieved at once, W₂² of the clouds, accuracy."""

    correlation: float
    retrieved: float
    distance: float
    accuracy: float


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    found: dict[Losses, list[Found]] = {losses: [] for losses in LOSSES}
    for seed in seeds:
        for losses in LOSSES:
            say(f"seed {seed}, {losses}")
            found[losses].append(trained(losses, seed))
    plain, correlated, moved = (found[losses] for losses in LOSSES)
    claim(
        report, OF, f"{METHOD}: mean canonical correlation of held-out pairs, CE with CCA",
        [one.correlation for one in correlated], "", f"> {RECOVERED:g}",
        note=f"CE alone: {np.mean([one.correlation for one in plain]):.3f}",
    )  # fmt: skip
    claim(
        report, OF, f"{METHOD}: R@1 of held-out partners, CE and CCA minus CE alone",
        [100 * (b.retrieved - a.retrieved) for a, b in zip(plain, correlated, strict=True)],
        "points", "> 0", note=f"of {TEST} candidates",
    )  # fmt: skip
    claim(
        report, OF, f"{METHOD}: W2 distance of the held-out point sets, CE with W2 over CE alone",
        [b.distance / a.distance for a, b in zip(plain, moved, strict=True)], "x", "< 1",
    )  # fmt: skip
    report.table(
        f"{METHOD}: held-out pairs, mean over seeds",
        [
            {
                "loss": losses,
                "canonical correlation": float(np.mean([one.correlation for one in found[losses]])),
                "found first": float(np.mean([one.retrieved for one in found[losses]])),
                "squared W2": float(np.mean([one.distance for one in found[losses]])),
                "accuracy": float(np.mean([one.accuracy for one in found[losses]])),
            }
            for losses in LOSSES
        ],
    )


def made(seed: int) -> tuple[tuple[Floats, Floats], NDArray[np.int64]]:
    """The two views of TRAIN + TEST things, and their classes."""
    draw = np.random.default_rng(seed)
    count = TRAIN + TEST
    shared = draw.normal(size=(count, SHARED))
    views = []
    for width in WIDTHS:
        own = LOUD * draw.normal(size=(count, OWN))
        mixed = np.concatenate([shared, own], axis=1) @ draw.normal(size=(SHARED + OWN, width))
        noisy = mixed / (SHARED + OWN) ** 0.5 + NOISE * draw.normal(size=mixed.shape)
        views.append(noisy.astype(np.float32))
    edges = np.quantile(shared[:, 0], np.linspace(0, 1, CLASSES + 1)[1:-1])
    return (views[0], views[1]), np.digitize(shared[:, 0], edges)


def trained(losses: Losses, seed: int) -> Found:
    import torch
    from torch.nn.functional import cross_entropy

    views, classes = made(seed)
    draws = torch.Generator().manual_seed(seed)

    def free(*shape: int) -> Tensor:
        return (torch.randn(shape, generator=draws) / math.sqrt(shape[0])).requires_grad_()

    networks = [(free(width, HIDDEN), free(HIDDEN, SHARED)) for width in WIDTHS]
    classifier = free(2 * SHARED, CLASSES)

    def encode(rows: slice) -> list[Tensor]:
        given = [torch.from_numpy(view[rows]) for view in views]
        return [torch.relu(x @ first) @ second for x, (first, second) in zip(given, networks, strict=True)]

    every = [*(weights for network in networks for weights in network), classifier]
    optimiser = torch.optim.AdamW(every, lr=RATE)
    train, test = slice(TRAIN), slice(TRAIN, None)
    labels = torch.from_numpy(classes)
    for _ in range(STEPS):
        one, other = encode(train)
        loss = cross_entropy(torch.cat([one, other], dim=1) @ classifier, labels[train])
        if losses == "CE and CCA":
            loss = loss - STRENGTH * canonical_correlations(one, other).sum()
        if losses == "CE and W2":
            loss = loss + STRENGTH * squared_distance(one, other)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()
    with torch.no_grad():
        learned = [rows.numpy() for rows in encode(train)]
        one, other = encode(test)
        guessed = (torch.cat([one, other], dim=1) @ classifier).argmax(dim=1)
        return Found(
            float(canonical_correlations(one, other, ridge=1e-6).mean()),
            _found_first(learned[0], learned[1], one.numpy(), other.numpy()),
            float(squared_distance(one, other) / (one.var(dim=0).sum() + other.var(dim=0).sum())),
            float((guessed == labels[test]).float().mean()),
        )


def _found_first(one: Floats, other: Floats, held_out: Floats, others: Floats) -> float:
    """The share of held-out rows whose partner is nearest, in the canonical variates of `one` and `other`."""
    state = cca_affine.fit(one, other, dimensions=SHARED, ridge=1e-6)
    queries = cca_affine.in_subspace(held_out, state, "source")
    candidates = cca_affine.in_subspace(others, state, "target")
    return float(np.mean((queries @ candidates.T).argmax(axis=1) == np.arange(len(queries))))
