"""A model with one expert per domain, against one model per domain and one for all (method 12,
arXiv:2401.15713).

There are two synthetic domains with conflicting rules. An item is a vector with a topic and a rhyme. In the
domain prose, two items match by topic; in the domain verse, by rhyme. A model that does not know the domain
must use both. All models are trained by multiple-negatives ranking for the same number of steps from the same
start. The experts begin as copies of the one network that they replace, and share the layers before and after
it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from tieback_contract.arrays import Array
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.claims import claim
from benchmarks.report import Report, Tried

WHAT = "12 enforced routing (arXiv:2401.15713)"
OF = Tried(12, "toy", product=False, data="generated")
DOMAINS = ("prose", "verse")
PROPERTY, WIDTH, OUT = 16, 64, 32
NOISE = 0.45
"""Of the property that two items share, whose entries have a variance of 1."""
TRAINING, HELD_OUT, BATCH = 8000, 400, 64
FIRST_STEPS, STEPS = 200, 800
SCALE = 20.0
RATE = 2e-3

Pair = tuple[Tensor, Tensor]


class Model(nn.Module):
    """A layer that all share, a residual network per expert, a layer that all share."""

    def __init__(self, experts: int) -> None:
        super().__init__()
        self.before = nn.Linear(WIDTH, WIDTH)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH))
            for _ in range(experts)
        )
        self.after = nn.Linear(WIDTH, OUT)

    def forward(self, rows: Tensor, expert: int) -> Tensor:
        """Unit rows `[n, OUT]`, all by one expert."""
        inside = torch.tanh(self.before(rows))
        return functional.normalize(self.after(inside + self.experts[expert](inside)), dim=-1)

    def split(self) -> Model:
        """The same model with as many experts as there are domains, each a copy of the one it has."""
        made = Model(len(DOMAINS))
        made.before, made.after = copy.deepcopy(self.before), copy.deepcopy(self.after)
        made.experts = nn.ModuleList(copy.deepcopy(self.experts[0]) for _ in DOMAINS)
        return made


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of recall and of a wrong domain."""
    torch.set_num_threads(1)
    rows = []
    for seed in seeds:
        rows.append(_one(seed))
        say(f"seed {seed}: " + ", ".join(f"{name} {value:.3g}" for name, value in rows[-1].items()))
    report.table(
        WHAT + ": R@1 in percent, mean of the two domains",
        [{"seed": seed, **row} for seed, row in zip(seeds, rows, strict=True)],
    )

    def found(name: str, values: list[float], unit: str, target: str) -> None:
        claim(report, OF, f"{WHAT}: {name}", values, unit, target)

    def less(name: str, other: str) -> list[float]:
        return [row[name] - row[other] for row in rows]

    found(
        "R@1 of a model per domain minus that of the experts", less("separate", "experts"), "points", "<= 1"
    )
    found("R@1 of the experts minus that of one model for all", less("experts", "shared"), "points", ">= 10")
    found("R@1 lost with the wrong domain", less("experts", "wrong domain"), "points", "> 0")


def _one(seed: int) -> dict[str, float]:
    draw = np.random.default_rng(seed)
    mixing = draw.normal(size=(2 * PROPERTY, WIDTH)) / np.sqrt(2 * PROPERTY)
    learnt, asked = (
        [_pairs(draw, mixing, domain, count) for domain in (0, 1)] for count in (TRAINING, HELD_OUT)
    )
    torch.manual_seed(seed)
    start = Model(1)
    _train(start, learnt, [0, 0], FIRST_STEPS, seed)
    shared, experts = copy.deepcopy(start), start.split()
    separate = [copy.deepcopy(start) for _ in DOMAINS]
    _train(shared, learnt, [0, 0], STEPS, seed)
    _train(experts, learnt, [0, 1], STEPS, seed)
    for model, pairs in zip(separate, learnt, strict=True):
        _train(model, [pairs], [0], STEPS, seed)
    return {
        "separate": _recall([(model, 0) for model in separate], asked),
        "experts": _recall([(experts, 0), (experts, 1)], asked),
        "shared": _recall([(shared, 0), (shared, 0)], asked),
        "wrong domain": _recall([(experts, 1), (experts, 0)], asked),
    }


def _pairs(draw: np.random.Generator, mixing: Array, domain: int, count: int) -> Pair:
    """Items and their partners: they share the property of the domain, and nothing else."""
    left, right = draw.normal(size=(2, count, 2, PROPERTY))
    right[:, domain] = left[:, domain] + NOISE * draw.normal(size=(count, PROPERTY))
    sides = [torch.tensor(side.reshape(count, -1) @ mixing, dtype=torch.float32) for side in (left, right)]
    return sides[0], sides[1]


def _train(model: Model, pairs: Sequence[Pair], experts: Sequence[int], steps: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        losses = []
        for (left, right), expert in zip(pairs, experts, strict=True):
            rows = torch.randint(len(left), (BATCH,), generator=draw)
            logits = SCALE * model(left[rows], expert) @ model(right[rows], expert).T
            losses.append(functional.cross_entropy(logits, torch.arange(BATCH)))
        optimiser.zero_grad()
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _recall(models: Sequence[tuple[Model, int]], asked: Sequence[Pair]) -> float:
    """R@1 in percent, the mean over the domains."""
    hits = []
    for (model, expert), (left, right) in zip(models, asked, strict=True):
        similar = model(left, expert) @ model(right, expert).T
        hits.append(float((similar.argmax(dim=1) == torch.arange(len(left))).float().mean()))
    return 100.0 * float(np.mean(hits))
