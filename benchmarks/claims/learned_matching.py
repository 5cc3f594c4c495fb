"""Method 30: features and cost volume that aggregate each other before two views are matched (UFC,
arXiv:2403.11120).

The textures, windows and the noise are those of the topic `textures`: 30 % of the cells are repeated
patterns, and two windows are translated against each other. There, matching without learning was tested. Here
is what the paper proposes, made small: in each window, cells attend to cells by what they look like and by
their row of the cost volume together, [F; C], with a learned bias for every relative place. What is gathered
of features is added to the features, and what is gathered of costs to the costs, each by values of its own.
Then the windows attend to each other, with the aggregated cost volume as the map of the attention. This is
done twice, and the last cost volume is trained to have its largest entry at the right cell.

The paper goes from coarse to fine with a network's maps of several sizes, and takes a soft maximum as flow.
Here is one size, and the largest entry is the match. A row of costs is over places, so a shift is a linear
map of it, which each head learns. It is compared besides with an aggregation that learns nothing: each entry
of the cost volume with those of the eight pairs of neighbours that lie alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from tieback.training.loop import Plan, train
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from benchmarks.claims import by_seed, claim
from benchmarks.claims.textures import PATTERNS, SIDE, WIDTH, views
from benchmarks.report import Report, Tried

METHOD = "30 (arXiv:2403.11120)"
OF = Tried(30, "toy", product=False, data="generated")
PLACES = SIDE * SIDE
HEADS, LAYERS, SCALE = 9, 2, 10.0
PAIRS, TESTED = 600, 100
STEPS, BATCH, RATE = 150, 8, 0.003
RAW, SUMMED, AGGREGATED = "PCK, raw correlation", "PCK, sum over neighbours", "PCK, aggregated"
POINTS = 10


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims how many more cells are matched after aggregation."""
    rows = by_seed(report, f"{METHOD}: learned aggregation, right matches in %", seeds, measured, say)
    for name, other, target in (
        ("raw correlation", RAW, f">= {POINTS}"),
        ("costs summed over neighbours", SUMMED, "> 0"),
    ):
        means = [np.mean([row[way] for row in rows]) for way in (AGGREGATED, other)]
        claim(
            report, OF, f"{METHOD}: PCK of translated textures, learned aggregation minus {name}",
            [row[AGGREGATED] - row[other] for row in rows], "points", target,
            note=f"{means[0]:.1f} % against {means[1]:.1f} %",
        )  # fmt: skip


def measured(seed: int) -> dict[str, float]:
    """The per cent of the cells seen in both windows whose best match is right, before and after."""
    draw = np.random.default_rng(seed)
    patterns = draw.normal(size=(PATTERNS, WIDTH)) / np.sqrt(WIDTH)
    firsts, seconds, cells = (
        np.stack(one) for one in zip(*(views(draw, patterns) for _ in range(PAIRS + TESTED)), strict=True)
    )
    torch.manual_seed(seed)
    model = Aggregation()
    pairs = [torch.from_numpy(one[:PAIRS]) for one in (firsts, seconds, cells)]

    def loss(drawn: torch.Generator) -> Tensor:
        rows = torch.randperm(PAIRS, generator=drawn)[:BATCH]
        first, second, wanted = (one[rows] for one in pairs)
        costs = model(first.float(), second.float())
        return cross_entropy(SCALE * costs.flatten(0, 1), wanted.flatten(), ignore_index=-1)

    train(model, loss, Plan(STEPS, RATE, weight_decay=0.0, look_every=STEPS, seed=seed))
    first, second = (torch.from_numpy(one[PAIRS:]).float() for one in (firsts, seconds))
    with torch.no_grad():
        costs = model(first, second).numpy()
    raw = np.einsum("nad,nbd->nab", firsts[PAIRS:], seconds[PAIRS:])
    tested = cells[PAIRS:]
    return {
        RAW: right(raw, tested),
        SUMMED: right(summed(raw), tested),
        AGGREGATED: right(costs, tested),
    }


def summed(costs: Array) -> Array:
    """Each entry `[n, PLACES, PLACES]` with those of the eight pairs of neighbours that lie alike."""
    grid = costs.reshape(-1, SIDE, SIDE, SIDE, SIDE)
    wide = np.pad(grid, ((0, 0), *[(1, 1)] * 4))
    steps = [(down, right) for down in range(3) for right in range(3)]
    parts = [wide[:, d : d + SIDE, r : r + SIDE, d : d + SIDE, r : r + SIDE] for d, r in steps]
    return np.asarray(sum(parts)).reshape(costs.shape)


def right(costs: Array, cells: Array) -> float:
    """Per cent of the cells with a counterpart whose largest entry is there."""
    seen = cells >= 0
    return 100 * float((costs.argmax(axis=2) == cells)[seen].mean())


class Aggregation(torch.nn.Module):
    """Two windows `[n, PLACES, WIDTH]` to a cost volume `[n, PLACES, PLACES]`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Rows are the first window's cells."""
        costs = first @ second.transpose(1, 2)
        for layer in self.layers:
            first, second, costs = layer(first, second, costs)
        return costs


class Layer(torch.nn.Module):
    """Attention within the windows by features and costs, then across them by the costs."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = torch.nn.Linear(WIDTH + PLACES, HEADS * WIDTH // 4)
        self.key = torch.nn.Linear(WIDTH + PLACES, HEADS * WIDTH // 4)
        self.near = torch.nn.Parameter(0.02 * torch.randn(HEADS, 2 * SIDE - 1, 2 * SIDE - 1))
        self.features = torch.nn.Parameter(0.02 * torch.randn(HEADS, WIDTH, WIDTH))
        self.costs = torch.nn.Parameter(0.02 * torch.randn(HEADS, PLACES, PLACES))
        self.across = torch.nn.Linear(WIDTH, WIDTH)
        at = torch.arange(PLACES)
        row, column = at // SIDE, at % SIDE
        self._rows = row[:, None] - row + SIDE - 1
        self._columns = column[:, None] - column + SIDE - 1

    def forward(self, first: Tensor, second: Tensor, costs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """New features of both windows, and the new costs: what both sides gathered, and their products."""
        first, of_first = self._within(first, costs)
        second, of_second = self._within(second, costs.transpose(1, 2))
        gathered = (of_first + of_second.transpose(1, 2)) / 2
        to_second = (SCALE * gathered).softmax(2)
        to_first = (SCALE * gathered.transpose(1, 2)).softmax(2)
        first, second = (
            normalize(own + self.across(weights @ other), dim=2)
            for own, weights, other in ((first, to_second, second), (second, to_first, first))
        )
        return first, second, gathered + first @ second.transpose(1, 2)

    def _within(self, features: Tensor, costs: Tensor) -> tuple[Tensor, Tensor]:
        """One window's features and costs `[n, PLACES, PLACES]`, its own cells first."""
        both = torch.cat((features, costs), dim=2)
        asked, known = (one(both).unflatten(2, (HEADS, -1)).transpose(1, 2) for one in (self.ask, self.key))
        logits = asked @ known.transpose(2, 3) / asked.shape[3] ** 0.5
        weights = (logits + 10 * self.near[:, self._rows, self._columns]).softmax(3)
        mixed = (weights @ (features[:, None] @ self.features)).sum(1)
        moved = (weights @ (costs[:, None] @ self.costs)).sum(1)
        return normalize(features + mixed, dim=2), costs + moved
