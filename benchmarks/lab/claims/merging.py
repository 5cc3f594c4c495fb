"""Methods 67, 54, 10, 47, 1 and 37: what is left of experts when they are merged, on turned digits.

Four experts recognise MNIST's digits turned by 0, 90, 180 and 270 degrees. They are perceptrons of two hidden
layers that were fine-tuned from one base, which had learned a little of all four. Measured is the accuracy of
each model on its own turn, the mean of the four.

"Localizing Task Information for Improved Model Merging and Compression" (TALL masks and consensus,
arXiv:2405.07813): the masks bring 98 % of the experts' accuracy back. "Twin-Merging" (arXiv:2406.15479): an
expert's compressed rest beside the shared model is four points above task arithmetic. "aTLAS"
(arXiv:2407.02880) and "Concrete subspaces" (arXiv:2312.06173) learn how to merge, by labels of a few examples
and by the entropy of predictions. That consensus, aTLAS and Concrete gain over task arithmetic is claimed by
the papers, and tried here.

"Transformer Fusion with Optimal Transport" (arXiv:2310.05719): two perceptrons of different starts are worth
ten points more if their neurons are aligned before they are averaged. "UnIVAL" (arXiv:2307.16184): between
two experts of one base there is no barrier, between two of different starts there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from tieback.methods.merging import LEARN, RESTORE, SPLIT, Weights, merge, mergings
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.lab.claims import by_seed, claim
from benchmarks.lab.claims._frozen import data_folder
from benchmarks.lab.claims._weights import accuracy, trained
from benchmarks.report import Report, Tried

TURNS = (0, 1, 2, 3)
HIDDEN, HIDDEN_ALONE = 1024, 128
BASE_STEPS, EXPERT_STEPS, ALONE_STEPS = 160, 200, 400
"""The base then has four fifths of the digits right, and narrow perceptrons are hard to average."""
EXAMPLES = 1500
"""Of each turn, that experts learn from; none of these is tested."""
UNLABELLED, LABELLED = 256, 64
"""Of each turn, that Concrete and aTLAS see."""
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)
POINTS_OVER_ARITHMETIC, POINTS_OF_TRANSPORT, SHARE_OF_EXPERTS, BARRIER = 4, 10, 0.98, 5


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """One table for the experts of one base, and one for those of different starts."""
    with (
        np.load(data_folder() / "classes/mnist_train.npz") as train,
        np.load(data_folder() / "classes/mnist_test.npz") as test,
    ):
        pictures, shown = np.asarray(train["images"]), np.asarray(train["labels"])
        tested, answers = np.asarray(test["images"]), np.asarray(test["labels"])
    torch.set_num_threads(1)
    tests = [(_rows(np.rot90(tested, turn, (1, 2))), torch.from_numpy(answers).long()) for turn in TURNS]

    def of_one_base(seed: int) -> dict[str, float]:
        draw = np.random.default_rng(seed)
        order = draw.permutation(len(shown))
        learnt = [
            (_rows(np.rot90(pictures[part], turn, (1, 2))), torch.from_numpy(shown[part]).long())
            for turn, part in zip(
                TURNS, np.array_split(order[: EXAMPLES * len(TURNS)], len(TURNS)), strict=True
            )
        ]
        everything = (torch.cat([x for x, _ in learnt]), torch.cat([y for _, y in learnt]))
        base = trained(_forward, _start(seed), *everything, BASE_STEPS, seed)
        experts = [trained(_forward, base, x, y, EXPERT_STEPS, seed) for x, y in learnt]
        return _of_experts(base, experts, learnt, tests, seed)

    title = "merging (arXiv:2405.07813, arXiv:2406.15479): accuracy on turned digits, %"
    rows = by_seed(report, title, seeds, of_one_base, say)
    arithmetic = "task arithmetic, best scale"
    shares = [row["TALL masks"] / row["experts"] for row in rows]
    claim(report, _of(67), "67 (arXiv:2405.07813): TALL masks, of the experts' accuracy", shares, "share",
          f">= {SHARE_OF_EXPERTS}")  # fmt: skip
    for name, number, target in (
        ("twin, all values", 54, f">= {POINTS_OVER_ARITHMETIC}"),
        ("twin, 10 % of the values", 54, f">= {POINTS_OVER_ARITHMETIC}"),
        ("consensus of 2", 67, "> 0"),
        ("aTLAS", 10, "> 0"),
        ("Concrete", 47, "> 0"),
    ):
        gained = [row[name] - row[arithmetic] for row in rows]
        claim(report, _of(number), f"{number}: {name}, over task arithmetic", gained, "points", target)

    def of_two_starts(seed: int) -> dict[str, float]:
        order = np.random.default_rng(seed).permutation(len(shown))[:5000]
        x, y = _rows(pictures[order]), torch.from_numpy(shown[order]).long()
        base, other = (
            trained(_forward, _start(start, HIDDEN_ALONE), x, y, ALONE_STEPS, start)
            for start in (seed, seed + 1000)
        )
        again = trained(_forward, base, x, y, EXPERT_STEPS, seed + 1)

        def right(weights: Weights) -> float:
            return accuracy(_forward, weights, *tests[0])

        between = [
            merge("linear", base, [base, again], {"weights": (1 - t, t)}) for t in np.linspace(0, 1, 11)
        ]
        return {
            "parents": (right(base) + right(other)) / 2,
            "averaged": right(merge("linear", base, [base, other])),
            "aligned and averaged": right(merge("optimal_transport", base, [base, other])),
            "barrier, one start": min(right(base), right(again)) - min(map(right, between)),
        }

    rows = by_seed(report, "merging (arXiv:2310.05719): two perceptrons, %", seeds, of_two_starts, say)
    gained = [row["aligned and averaged"] - row["averaged"] for row in rows]
    claim(report, _of(1), "1 (arXiv:2310.05719): aligned before they are averaged", gained, "points",
          f">= {POINTS_OF_TRANSPORT}")  # fmt: skip
    claim(report, _of(37, "ours"), "37 (arXiv:2307.16184): barrier between two of one start",
          [row["barrier, one start"] for row in rows], "points", f"<= {BARRIER}")  # fmt: skip
    claim(report, _of(37, "ours"), "37 (arXiv:2307.16184): barrier between two of different starts",
          [row["parents"] - row["averaged"] for row in rows], "points", ">= 20")  # fmt: skip


def _of(paper: int, comparison: Literal["paper", "ours"] = "paper") -> Tried:
    return Tried(paper, comparison, product=True, data="real")


def _of_experts(
    base: Weights,
    experts: Sequence[Weights],
    learnt: Sequence[tuple[Tensor, Tensor]],
    tests: Sequence[tuple[Tensor, Tensor]],
    seed: int,
) -> dict[str, float]:
    def mean(models: Weights | Sequence[Weights]) -> float:
        each = [models] * len(tests) if isinstance(models, Mapping) else models
        return float(np.mean([accuracy(_forward, one, *test) for one, test in zip(each, tests, strict=True)]))

    def restored(name: str, **parameters: Any) -> float:
        shared, adapters = mergings.form(SPLIT, name, parameters)(base, experts)
        restore = mergings.form(RESTORE, name)
        return mean([restore(base, shared, adapter) for adapter in adapters])

    def masked() -> float:
        """As in the paper, each expert by the threshold that is best for it, on what it learned from."""
        tried: list[list[tuple[float, Weights]]] = [[] for _ in experts]
        restore = mergings.form(RESTORE, "tall_masks")
        for threshold in THRESHOLDS:
            shared, adapters = mergings.form(SPLIT, "tall_masks", {"threshold": threshold})(base, experts)
            for own, adapter, examples in zip(tried, adapters, learnt, strict=True):
                weights = restore(base, shared, adapter)
                own.append((accuracy(_forward, weights, *examples), weights))
        return mean([max(own, key=lambda one: one[0])[1] for own in tried])

    scales = {
        scale: mean(merge("task_arithmetic", base, experts, {"scale": scale}))
        for scale in (0.2, 0.3, 0.4, 0.6)
    }
    best = max(scales, key=lambda scale: scales[scale])
    few = [(x[:UNLABELLED], y[:LABELLED]) for x, y in learnt]

    def entropy(weights: Mapping[str, Any], _step: int) -> Tensor:
        logits = [_forward(weights, x).log_softmax(1) for x, _ in few]
        return torch.stack([-(one.exp() * one).sum(1).mean() for one in logits]).sum()

    def labelled(weights: Mapping[str, Any], _step: int) -> Tensor:
        return torch.stack([cross_entropy(_forward(weights, x[: len(y)]), y) for x, y in few]).sum()

    learn = mergings.form(LEARN, "concrete", {"steps": 120, "scale": best})
    scaled = mergings.form(LEARN, "anisotropic", {"steps": 100, "rate": 0.02})
    return {
        "base": mean(base),
        "experts": mean(experts),
        "averaged": mean(merge("linear", base, experts)),
        "task arithmetic, best scale": scales[best],
        "TIES": mean(merge("ties", base, experts)),
        "consensus of 1": mean(merge("consensus", base, experts, {"agreeing": 1, "scale": best})),
        "consensus of 2": mean(merge("consensus", base, experts, {"agreeing": 2, "scale": best})),
        "TALL masks": masked(),
        "twin, all values": restored("twin", compression="largest_values", density=1.0),
        "twin, 10 % of the values": restored("twin", compression="largest_values", density=0.1),
        "twin, rank 32": restored("twin", rank=32),
        "aTLAS": mean(scaled(base, experts, labelled, seed=seed)),
        "Concrete": mean(learn(base, experts, entropy, seed=seed)),
    }


def _rows(pictures: Array) -> Tensor:
    """Pictures `[n, 28, 28]` as rows `[n, 784]` from 0 to 1."""
    return torch.from_numpy(
        np.ascontiguousarray(pictures).reshape(len(pictures), -1).astype(np.float32) / 255
    )


def _start(seed: int, hidden: int = HIDDEN) -> Weights:
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Linear(784, hidden), torch.nn.ReLU(),
        torch.nn.Linear(hidden, hidden), torch.nn.ReLU(),
        torch.nn.Linear(hidden, 10),
    )  # fmt: skip
    return {name: one.detach().numpy().copy() for name, one in net.named_parameters()}


def _forward(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    for layer in ("0", "2"):
        x = torch.relu(x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"])
    return x @ weights["4.weight"].T + weights["4.bias"]
