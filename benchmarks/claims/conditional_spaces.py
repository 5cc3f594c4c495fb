"""Method 35: one encoder with a space for each condition (Conditional Cross-Attention Network, Song et al.,
2023, arXiv:2307.13254).

A picture is a grid of cells, of which some hold a thing with a shape and a colour, and the rest noise. A
random layer that is never trained makes a token of each cell. The last attention is learned: its query is the
condition, "shape" or "colour", its keys and values are the tokens, and behind it is one linear layer to a
unit vector. It is trained by triplets: under a condition, two pictures that agree in it are to be nearer than
one that does not.

Tested are other pictures, of all pairs of shape and colour alike, a sixth of which were never seen together
in training. Under the right condition a picture should find those that agree in it; by the vectors of the
other condition it should not. And a linear classifier should not read the colour out of the space of shapes.
Nothing in the loss asks for that: it asks only that colour makes no difference to distances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from tieback.training.loop import Plan, train
from tieback_contract.arrays import Array
from torch import Tensor

from benchmarks.claims import by_seed, claim
from benchmarks.report import Report, Tried

METHOD = "35 (arXiv:2307.13254)"
OF = Tried(35, "toy", product=False, data="generated")
VALUES, UNSEEN = 6, 1  # of shapes, and of colours; colours that each shape is never trained with
CELLS, MOST_THINGS = 16, 4
SEEN, TOKEN, INNER, HEADS, WIDTH = 24, 48, 48, 4, 16
NOISE, MARGIN = 0.3, 0.3
TRAINED, TESTED = 2400, 600
STEPS, BATCH, RATE = 1200, 96, 0.003
CONDITIONS = ("shape", "colour")
CHANCE = 1 / VALUES
RIGHT, WRONG, DECODED, RAW = "mAP, right condition", "mAP, wrong condition", "colour from shape", "raw tokens"


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of retrieval under both conditions, and of what a linear classifier reads."""
    rows = by_seed(report, f"{METHOD}: retrieval by conditions", seeds, measured, say)
    claim(report, OF, f"{METHOD}: mAP under the right condition", [row[RIGHT] for row in rows], "", ">= 0.9")
    claim(report, OF, f"{METHOD}: mAP under the wrong condition", [row[WRONG] for row in rows], "", "<= 0.5")
    decoded = [100 * (row[DECODED] - CHANCE) for row in rows]
    claim(
        report, OF, f"{METHOD}: colour read from the space of shapes by a linear classifier, over chance",
        decoded, "points", "<= 10",
        note=f"of {100 * np.mean([row[RAW] for row in rows]):.0f} % from the mean of the tokens; chance "
        f"is {100 * CHANCE:.0f} %",
    )  # fmt: skip


def measured(seed: int) -> dict[str, float]:
    """The mean average precision by right and wrong condition, and the accuracies of linear classifiers."""
    world = World(seed)
    tokens, labels = world.pictures(TRAINED, every_pair=False)
    model = Conditional(seed)
    wanted = torch.from_numpy(labels)

    def loss(draw: torch.Generator) -> Tensor:
        rows = torch.randperm(len(tokens), generator=draw)[:BATCH]
        seen = torch.from_numpy(tokens[rows.numpy()])
        return sum(
            (triplets(model(seen, condition), wanted[rows, condition]) for condition in range(2)),
            torch.zeros(()),
        )

    train(model, loss, Plan(STEPS, RATE, look_every=STEPS, seed=seed))
    asked, answers = world.pictures(TESTED, every_pair=True)
    with torch.no_grad():
        spaces = [model(torch.from_numpy(asked), condition).numpy() for condition in range(2)]
    precision = [[mean_precision(spaces[c], answers[:, of]) for of in range(2)] for c in range(2)]
    return {
        RIGHT: (precision[0][0] + precision[1][1]) / 2,
        WRONG: (precision[0][1] + precision[1][0]) / 2,
        DECODED: decoded(spaces[0], answers[:, 1]),
        RAW: decoded(asked.mean(axis=1), answers[:, 1]),
    }


class World:
    """Pictures as tokens of a frozen random layer."""

    def __init__(self, seed: int) -> None:
        self._draw = draw = np.random.default_rng(seed)
        shapes, colours = draw.normal(size=(2, VALUES, SEEN))
        self._things = shapes[:, None] + colours + shapes[:, None] * colours
        self._layer = draw.normal(size=(SEEN, TOKEN)) / np.sqrt(SEEN)
        known = (np.arange(VALUES)[:, None] - np.arange(VALUES)) % VALUES >= UNSEEN
        self._known, self._all = np.argwhere(known), np.argwhere(np.ones_like(known))

    def pictures(self, count: int, *, every_pair: bool) -> tuple[Array, Array]:
        """`[count, CELLS, TOKEN]` and the shape and colour of each `[count, 2]`."""
        draw = self._draw
        pairs = self._all if every_pair else self._known
        labels = pairs[draw.integers(len(pairs), size=count)]
        cells = np.zeros((count, CELLS, SEEN))
        for number, (shape, colour) in enumerate(labels):
            places = draw.permutation(CELLS)[: draw.integers(1, MOST_THINGS + 1)]
            cells[number, places] = self._things[shape, colour]
        cells += NOISE * draw.normal(size=cells.shape)
        return np.tanh(cells @ self._layer).astype(np.float32), labels


class Conditional(torch.nn.Module):
    """Cross-attention whose query is the condition."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conditions = torch.nn.Embedding(len(CONDITIONS), INNER)
        self.attention = torch.nn.MultiheadAttention(INNER, HEADS, kdim=TOKEN, vdim=TOKEN, batch_first=True)
        self.out = torch.nn.Linear(INNER, WIDTH)

    def forward(self, tokens: Tensor, condition: int) -> Tensor:
        """Unit vectors `[n, WIDTH]` of pictures `[n, CELLS, TOKEN]` under one condition."""
        query = self.conditions.weight[condition].expand(len(tokens), 1, INNER)
        read, _ = self.attention(query, tokens, tokens, need_weights=False)
        unit: Tensor = torch.nn.functional.normalize(self.out(read[:, 0]), dim=-1)
        return unit


def triplets(vectors: Tensor, labels: Tensor) -> Tensor:
    """The hinge over all triplets of a batch: an agreeing one is to be nearer than a differing one."""
    distances = 1 - vectors @ vectors.T
    same = labels[:, None] == labels
    agreeing = same & ~torch.eye(len(labels), dtype=torch.bool)
    gaps = (MARGIN + distances[:, :, None] - distances[:, None, :]).clamp_min(0)
    valid = agreeing[:, :, None] & ~same[:, None, :]
    counted = valid & (gaps > 0)
    mean: Tensor = (gaps * counted).sum() / counted.sum().clamp_min(1)
    return mean


def mean_precision(vectors: Array, labels: Array) -> float:
    """The mean average precision of finding what has the same label, the picture itself left out."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1)[:, :-1]
    right = labels[order] == labels[:, None]
    ranks = np.arange(1, right.shape[1] + 1)
    precisions = (right.cumsum(axis=1) / ranks * right).sum(axis=1) / right.sum(axis=1)
    return float(precisions.mean())


def decoded(vectors: Array, labels: Array) -> float:
    """The accuracy of a ridge classifier on the second half of the vectors, learned on the first."""
    scaled = (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-6)
    rows = np.concatenate([scaled, np.ones((len(scaled), 1))], axis=1)
    half = len(rows) // 2
    known = rows[:half]
    weights = np.linalg.solve(
        known.T @ known + np.eye(known.shape[1]), known.T @ np.eye(VALUES)[labels[:half]]
    )
    return float(((rows[half:] @ weights).argmax(axis=1) == labels[half:]).mean())
