"""Concatenated features of networks with different seeds, after a shift of the task (method 6,
arXiv:2212.07346).

A network learns to classify the digits 0 to 4. A linear probe then reads its last hidden layer: for new
pictures of the same five digits, and for 5 to 9, which it never saw, with 100 examples. Four networks of 16
features, concatenated, are compared with one network of 16 and one of 64.

The claim was tested before on 5,000 digits of MNIST. Here it is tested on other handwritten digits, which are
fewer and smaller, and on digits drawn in fonts. Networks, optimiser, number of examples and probe are the
same for both. The handwritten set is a fifth as large, so it is used for five times as many epochs, which
gives the same number of steps. This was decided before the first run; for the drawn digits, 40 epochs were
chosen among four values. Neither set shows the gain of MNIST: the wide network keeps more features that
separate the new digits, most of all if a picture has no more pixels than the network has features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.claims import claim
from benchmarks.claims._digits import Digits, drawn, handwritten
from benchmarks.report import Report, Tried

WHAT = "6 concatenation (arXiv:2212.07346)"
DRAWN_DIGITS = "drawn digits"
OF = Tried(6, "paper", product=False, data="real")
INNER, NARROW, MEMBERS = 128, 16, 4
SEEN, NEW = range(5), range(5, 10)
SHOTS = 100
DRAWN, DRAWN_TESTED = 2500, 1000  # to learn from; to probe with and to test on
WRITTEN, WRITTEN_PROBED = 500, 200  # the rest is tested on
STEPS, BATCH = 2000, 50
RATE, DECAY = 2e-3, 1e-4


class Tasks(NamedTuple):
    """Digits to learn from; for each task those to fit the probe on and those to test it on."""

    learnt: Digits
    same: tuple[Digits, Digits]
    new: tuple[Digits, Digits]


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of accuracy on the digits that were learnt and on those that were not."""
    torch.set_num_threads(1)
    _claims(report, DRAWN_DIGITS, seeds, _of_drawn, say)
    written = handwritten(say)
    _claims(report, "handwritten digits", seeds, lambda draw: _of_written(draw, written), say)


def _claims(
    report: Report,
    kind: str,
    seeds: Sequence[int],
    tasks: Callable[[np.random.Generator], Tasks],
    say: Callable[[str], None],
) -> None:
    rows = []
    for seed in seeds:
        rows.append(_one(tasks(np.random.default_rng(seed)), seed))
        found = ", ".join(f"{name} {value:.1f}" for name, value in rows[-1].items())
        say(f"{kind}, seed {seed}: {found}")
    report.table(
        f"{WHAT}: accuracy of a linear probe in percent, {kind}",
        [{"seed": seed, **row} for seed, row in zip(seeds, rows, strict=True)],
    )

    def less(name: str, other: str) -> list[float]:
        return [row[name] - row[other] for row in rows]

    same = [abs(difference) for difference in less("same, four", "same, wide")]
    of = replace(OF, data="generated") if kind == DRAWN_DIGITS else OF
    claim(report, of, f"{WHAT}: difference to one wide network, same kinds, {kind}", same, "points", "<= 2")
    gain = less("new, four", "new, wide")
    claim(report, of, f"{WHAT}: gain over one wide network, new kinds, {kind}", gain, "points", ">= 8")


def _of_drawn(draw: np.random.Generator) -> Tasks:
    learnt = drawn(draw, SEEN, DRAWN)
    same = drawn(draw, SEEN, DRAWN_TESTED), drawn(draw, SEEN, DRAWN_TESTED)
    return Tasks(learnt, same, (drawn(draw, NEW, SHOTS), drawn(draw, NEW, DRAWN_TESTED)))


def _of_written(draw: np.random.Generator, every: Digits) -> Tasks:
    order = draw.permutation(len(every.shown))
    sides = []
    for kinds in (SEEN, NEW):
        of = order[np.isin(every.shown[order], kinds)]
        sides.append(Digits(every.pictures[of], every.shown[of]))
    learnt, probed, tested = sides[0].split(WRITTEN, WRITTEN_PROBED)
    shots, others = sides[1].split(SHOTS)
    return Tasks(learnt, (probed, tested), (shots, others))


def _one(tasks: Tasks, seed: int) -> dict[str, float]:
    narrow = [_features(tasks.learnt, NARROW, seed * 100 + member) for member in range(MEMBERS)]
    wide = _features(tasks.learnt, NARROW * MEMBERS, seed * 100 + MEMBERS)
    found = {}
    for task, kinds, (probed, tested) in (("same", SEEN, tasks.same), ("new", NEW, tasks.new)):
        for name, networks in (("one", narrow[:1]), ("four", narrow), ("wide", [wide])):
            found[f"{task}, {name}"] = _probe(networks, _tensors(probed, kinds), _tensors(tested, kinds))
    return found


def _tensors(digits: Digits, kinds: range) -> tuple[Tensor, Tensor]:
    """Pictures, and which of the kinds each shows, from 0."""
    return torch.from_numpy(digits.pictures), torch.from_numpy(digits.shown - kinds.start)


def _features(learnt: Digits, width: int, seed: int) -> nn.Sequential:
    """The layers up to the last hidden one, `width` wide, of a network that tells the digits apart."""
    torch.manual_seed(seed)
    pictures, labels = _tensors(learnt, SEEN)
    hidden = nn.Sequential(nn.Linear(pictures.shape[1], INNER), nn.ReLU(), nn.Linear(INNER, width), nn.ReLU())
    network = nn.Sequential(*hidden, nn.Linear(width, len(SEEN)))
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(STEPS * BATCH // len(labels)):
        for rows in torch.split(torch.randperm(len(labels)), BATCH):
            loss = functional.cross_entropy(network(pictures[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            optimiser.step()
    return hidden


def _probe(
    networks: Sequence[nn.Sequential], probed: tuple[Tensor, Tensor], tested: tuple[Tensor, Tensor]
) -> float:
    """Accuracy in percent of logistic regression on the networks' features side by side."""
    with torch.no_grad():
        known, asked = (
            torch.cat([network(pictures) for network in networks], dim=1)
            for pictures in (probed[0], tested[0])
        )
    mean, spread = known.mean(dim=0), known.std(dim=0) + 1e-3
    known, asked = (known - mean) / spread, (asked - mean) / spread
    weights = torch.zeros(known.shape[1], len(SEEN), requires_grad=True)
    bias = torch.zeros(len(SEEN), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimiser.zero_grad()
        penalty = weights.square().sum() / (2 * len(known))
        loss = functional.cross_entropy(known @ weights + bias, probed[1]) + penalty
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        return loss

    optimiser.step(step)  # type: ignore[no-untyped-call]  # torch's own
    right = (asked @ weights + bias).argmax(dim=1) == tested[1]
    return 100.0 * float(right.float().mean())
