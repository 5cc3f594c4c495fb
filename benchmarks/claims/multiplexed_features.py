"""One hashed table for all features against a table for each: feature multiplexing (method 17, "Unified
Embedding", arXiv:2305.12102).

Impressions are made: six features, from 20 to 20,000 values with the popularity of Zipf's law, and a click
whose log odds are a sum over the values and over pairs of features. Tables have as many rows in all, fewer
than there are values, and vectors of one width, so every model has as many numbers. The tables for each
feature are sized by the root of the vocabularies, a common rule, or evenly, or as if the vocabularies were in
the opposite order. All are trained alike, by the recipe's own functions, and the step is the one that
validation finds best. The AUC is of impressions that none has seen.

The paper says besides that the weights of the features become orthogonal, so that what two features have in a
row does not disturb. That is tested by the cosines of the first layer's weights. The size of the table and
the rate were chosen with a seed that is not reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from tieback.methods.feature_tables import feature_tables
from tieback.training.loop import Plan
from tieback_contract.arrays import Array
from tieback_lab.recipes.train.click_model import Examples, auc, fitted, predicted

from benchmarks.claims import by_seed, claim
from benchmarks.report import Report, Tried

METHOD = "17 feature multiplexing (arXiv:2305.12102)"
OF = Tried(17, "toy", product=True, data="generated")
VOCABULARIES = {"a": 20, "b": 100, "c": 500, "d": 2000, "e": 5000, "f": 20_000}
ZIPF, HIDDEN_WIDTH = 1.1, 4
TRAIN, VALIDATION, TEST = 100_000, 10_000, 30_000
SIZE, WIDTH, HIDDEN, BATCH = 3000, 16, 32, 512
PLAN = Plan(steps=1500, learning_rate=3e-3, weight_decay=0.0, look_every=100)
SAME = 0.002
UNIFIED, SIZED, EVEN, REVERSED = "one table", "sized by roots", "of equal size", "sized in reverse"
BEFORE, AFTER = "cosine before", "cosine after"


class Impressions(NamedTuple):
    """Values of the features, and clicks `[n]`."""

    columns: dict[str, list[str]]
    clicks: Array


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of the AUC, and of the cosine between weight blocks."""
    rows = by_seed(report, f"{METHOD}: AUC, and cosines of the first layer's weights", seeds, one, say)

    def less(other: str) -> list[float]:
        return [row[UNIFIED] - row[other] for row in rows]

    claim(report, OF, f"{METHOD}: AUC, one table minus tables {SIZED}", less(SIZED), "", f">= -{SAME}")
    for wrong in (EVEN, REVERSED):
        claim(report, OF, f"{METHOD}: AUC, one table minus tables {wrong}", less(wrong), "", "> 0")
    shrinks = [row[AFTER] - row[BEFORE] for row in rows]
    claim(
        report, OF, f"{METHOD}: mean |cosine| of the weights of two features, after training minus before",
        shrinks, "", "< 0", note=f"{np.mean([row[BEFORE] for row in rows]):.3f} before",
    )  # fmt: skip


def one(seed: int) -> dict[str, float]:
    parts = made(np.random.default_rng(seed))
    roots = {name: count**0.5 for name, count in VOCABULARIES.items()}
    reversed_roots = dict(zip(roots, reversed(roots.values()), strict=True))
    found: dict[str, float] = {}
    for name, method, parameters in (
        (UNIFIED, "multiplexed", {}),
        (SIZED, "separate", {"shares": roots}),
        (EVEN, "separate", {}),
        (REVERSED, "separate", {"shares": reversed_roots}),
    ):
        found[name], cosines = trained(parts, method, parameters, seed)
        if name == UNIFIED:
            found[BEFORE], found[AFTER] = cosines
    return found


def trained(
    parts: Sequence[Impressions], method: str, parameters: dict[str, Any], seed: int
) -> tuple[float, tuple[float, float]]:
    """The AUC on the last part, and the cosines before and after training."""
    lookup = feature_tables.configure(method, {**parameters, "seed": seed})
    training, validation, asked = (Examples(lookup(part.columns, SIZE), part.clicks) for part in parts)
    features = list(range(len(VOCABULARIES)))
    plan = Plan(PLAN.steps, PLAN.learning_rate, PLAN.weight_decay, PLAN.look_every, seed=seed)
    learned = fitted(
        training, validation, plan, size=SIZE, features=features, width=WIDTH, hidden=HIDDEN, batch=BATCH
    )
    return auc(predicted(learned.model, asked.rows), asked.labels), learned.cosines


def made(draw: np.random.Generator) -> list[Impressions]:
    """Impressions to learn from, to choose by, and to ask for."""
    alone = {name: draw.normal(size=count) for name, count in VOCABULARIES.items()}
    hidden = {name: draw.normal(size=(count, HIDDEN_WIDTH)) for name, count in VOCABULARIES.items()}
    chances = {name: (1 / np.arange(1, count + 1) ** ZIPF) for name, count in VOCABULARIES.items()}
    parts = []
    for count in (TRAIN, VALIDATION, TEST):
        values = {
            name: draw.choice(len(chance), size=count, p=chance / chance.sum())
            for name, chance in chances.items()
        }
        vectors = {name: hidden[name][values[name]] for name in values}
        total = np.sum(list(vectors.values()), axis=0)
        squares = np.sum([one**2 for one in vectors.values()], axis=0)
        pairs = 0.5 * (total**2 - squares).sum(axis=1) / HIDDEN_WIDTH**0.5
        logits = -1.5 + 0.6 * np.sum([alone[name][values[name]] for name in values], axis=0) + 0.2 * pairs
        clicks = (draw.random(count) < 1 / (1 + np.exp(-logits))).astype(np.float32)
        parts.append(Impressions({name: [str(v) for v in one] for name, one in values.items()}, clicks))
    return parts
