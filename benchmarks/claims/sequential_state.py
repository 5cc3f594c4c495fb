"""A state that passes through the encoders of the present views, against zeros for missing views (method 57).

MultiModN (arXiv:2309.14118). Each object has three views of its label. In training, two of them are missing
more often for one label than for the other; in the test it is the other way round, so that what is missing is
misleading. A parallel network reads all views at once, with zeros for missing ones. The state of MultiModN
has the same start for all inputs, is changed by the encoder of each present view, and is read by a decoder
after every step; the encoder of a missing view is not called, and its step has no loss. Missing views pass
through the served method `skip`, and hold NaN before it. The noise of the views and how often they are
missing were chosen, with seeds that are not reported, so that the parallel network performs as in a known
run: 92 % if views are missing as in training, 69 % if not.

The order of the encoders is free, and matters: the state shows an encoder whether the encoders before it were
called, and it can learn from that. Both orders are reported: the views that may be missing first, and last.
The second was added after the first had missed the aim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from tieback.methods.imputation import imputations
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.claims import by_seed, claim
from benchmarks.report import Report, Tried

METHOD = "57 sequential state (arXiv:2309.14118)"
OF = Tried(57, "toy", product=False, data="generated")
VIEWS, WIDTH, LABELS = 3, 8, 2
OFTEN, SELDOM = 0.8, 0.2  # how often the first two views are missing, by label
CLEARNESS = 0.33  # of the label in each entry of a view, beside noise of 1
TRAIN, TEST = 2000, 2000
STATE, HIDDEN = 16, 32
EPOCHS, BATCH, RATE = 20, 64, 2e-3
OF_LABELS, OF_CHANGES = 0.7, 0.3 * 0.01  # what the losses count, as in the paper's code
ORDERS = {"missing ones first": (0, 1, 2), "missing ones last": (2, 0, 1)}
SHARE = 0.6


class Things(NamedTuple):
    """Views `[n, WIDTH]` each, with zeros where silent; which spoke `[n, VIEWS]`; labels `[n]`."""

    views: list[Tensor]
    present: Tensor
    labels: Tensor

    def of(self, rows: Tensor) -> Things:
        """Some of them."""
        return Things([view[rows] for view in self.views], self.present[rows], self.labels[rows])


class Parallel(nn.Module):
    """All views side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Sequential(
            nn.Linear(VIEWS * WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, STATE), nn.ReLU(),
            nn.Linear(STATE, LABELS),
        )  # fmt: skip

    def forward(self, things: Things) -> Tensor:
        """Scores of the labels `[n, LABELS]`."""
        found: Tensor = self.read(torch.cat(things.views, dim=1))
        return found

    def loss(self, things: Things) -> Tensor:
        """What training makes small."""
        return functional.cross_entropy(self(things), things.labels)


class Sequential(nn.Module):
    """A state that the views change one after another, in an order of their places."""

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = tuple(order)
        self.start = nn.Parameter(0.1 * torch.randn(STATE))
        self.encoders = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH + STATE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, STATE))
            for _ in order
        )
        self.decoder = nn.Linear(STATE, LABELS)

    def states(self, things: Things) -> list[Tensor]:
        """The state `[n, STATE]` at the start and after every view; only views that spoke change it."""
        found = [self.start.expand(len(things.labels), STATE)]
        for place, encoder in zip(self.order, self.encoders, strict=True):
            rows = things.present[:, place].nonzero()[:, 0]
            state = found[-1]
            if len(rows):
                given = torch.cat([things.views[place][rows], state[rows]], dim=1)
                state = state.index_copy(0, rows, encoder(given))
            found.append(state)
        return found

    def forward(self, things: Things) -> Tensor:
        """Scores of the labels `[n, LABELS]`, by the last state."""
        found: Tensor = self.decoder(self.states(things)[-1])
        return found

    def loss(self, things: Things) -> Tensor:
        """Of the labels at every step that was made, and of how much the steps changed."""
        states = self.states(things)
        of_labels = [functional.cross_entropy(self.decoder(states[0]), things.labels)]
        changes = []
        for place, (before, after) in zip(self.order, pairwise(states), strict=True):
            rows = things.present[:, place]
            if rows.any():
                of_labels.append(functional.cross_entropy(self.decoder(after[rows]), things.labels[rows]))
                changes.append((after[rows] - before[rows]).square().mean())
        return OF_LABELS * torch.stack(of_labels).mean() + OF_CHANGES * torch.stack(changes).mean()


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of what is lost when what is missing turns round."""
    torch.set_num_threads(1)
    rows = by_seed(report, f"{METHOD}: accuracy in percent", seeds, one, say)

    def lost(name: str) -> list[float]:
        return [row[f"{name}, as trained"] - row[f"{name}, turned"] for row in rows]

    for order in ORDERS:
        claim(
            report, OF,
            f"{METHOD}: accuracy lost, {order}, beyond {SHARE:g} of a parallel network's",
            [ours - SHARE * theirs for ours, theirs in zip(lost(order), lost("parallel"), strict=True)],
            "points", "<= 0",
            note=f"{np.mean(lost(order)):.1f} points and {np.mean(lost('parallel')):.1f}",
        )  # fmt: skip


def one(seed: int) -> dict[str, float]:
    draw = np.random.default_rng(seed)
    learnt, same, turned = made(draw, TRAIN), made(draw, TEST), made(draw, TEST, turned=True)
    found: dict[str, float] = {}
    for name, order in (("parallel", None), *ORDERS.items()):
        torch.manual_seed(seed)
        model = Parallel() if order is None else Sequential(order)
        _train(model, learnt, seed)
        found[f"{name}, as trained"] = _accuracy(model, same)
        found[f"{name}, turned"] = _accuracy(model, turned)
    return found


def made(draw: np.random.Generator, count: int, *, turned: bool = False) -> Things:
    """Things whose silent views, NaN at first, have been through `skip`."""
    labels = draw.integers(LABELS, size=count)
    signs = 2.0 * labels[:, None] - 1
    views = [CLEARNESS * signs + draw.normal(size=(count, WIDTH)) for _ in range(VIEWS)]
    often = np.where((labels == 1) != turned, OFTEN, SELDOM)
    present = np.ones((count, VIEWS), bool)
    present[:, : VIEWS - 1] = draw.random((count, VIEWS - 1)) >= often[:, None]
    for place, view in enumerate(views):
        view[~present[:, place]] = np.nan
    heard, _ = imputations.configure("skip")([np.asarray(view, np.float32) for view in views], present, {})
    return Things(
        [torch.from_numpy(view) for view in heard], torch.from_numpy(present), torch.from_numpy(labels)
    )


def _train(model: Parallel | Sequential, things: Things, seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(things.labels), generator=draws), BATCH):
            optimiser.zero_grad()
            model.loss(things.of(rows)).backward()  # type: ignore[no-untyped-call]  # torch's own
            optimiser.step()


@torch.no_grad()
def _accuracy(model: nn.Module, things: Things) -> float:
    return 100.0 * float((model(things).argmax(dim=1) == things.labels).float().mean())
