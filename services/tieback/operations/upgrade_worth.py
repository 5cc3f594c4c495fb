"""What a collection's searches are worth in its old space, re-embedded, translated, and between the two.

Questions are encoded in both spaces, and so is a gallery of contents that no policy has learned from.
Where no questions are judged, halves of held-out texts ask for their other halves. An item's score is
that of its best content. nDCG is that of the first ten items, with the gain of a grade 2^grade − 1;
recall is the share of a question's items that are among them. Intervals are of 95 %, by the bootstrap of
questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tieback.core.types.arrays import Array
from tieback.methods.score_calibration import FEWEST, score_calibrations

BEST = 10
SHARES = tuple(step / 10 for step in range(11))
CALIBRATION = "standard_scores"
BACKGROUND = 256
"""Contents that set the scale of both spaces, as when both are read."""
DRAWS = 1000
ORDERS = 3
"""Random orders of re-embedding, whose mean is the curve."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """nDCG@10 with its interval, and recall@10."""

    ndcg: Measured
    recall: float


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The same contents in both spaces, `[n, old width]` and `[n, new width]`, in unit rows."""

    old: Array
    new: Array


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Questions, the gallery, and the gains of items by question.

    `items` `[gallery]` are whole numbers from 0, one an item. `own` `[questions]` are the places in the
    gallery that a question does not find, where questions are contents of it. `background` are contents
    besides, which set scales.
    """

    questions: Sides
    gallery: Sides
    items: Array
    gains: Sequence[Mapping[int, float]]
    background: Sides
    own: Array | None = None

    def by_question(self, scores: Array) -> tuple[Array, Array]:
        """The nDCG and recall of each question, by its scores of the gallery `[questions, gallery]`."""
        scored = scores
        if self.own is not None:
            scored = scores.copy()
            scored[np.arange(len(scored)), self.own] = -np.inf
        by_item = np.full((int(self.items.max()) + 1, len(scored)), -np.inf)
        np.maximum.at(by_item, self.items, scored.T)
        best = np.argsort(-by_item.T, axis=1, kind="stable")[:, :BEST]
        return (
            np.array([_ndcg(found, gains) for found, gains in zip(best, self.gains, strict=True)]),
            np.array([_recall(found, gains) for found, gains in zip(best, self.gains, strict=True)]),
        )

    def worth(self, scores: Array) -> Worth:
        """What a search by these scores is worth."""
        gained, recalled = self.by_question(scores)
        return Worth(_mean(gained), float(recalled.mean()))

    def retained(self, scores: Array) -> Measured:
        """The share of re-embedded nDCG that a search by these scores keeps."""
        gained, whole = (self.by_question(one)[0] for one in (scores, self.native))
        drawn = _draws(len(gained))
        shares = gained[drawn].mean(axis=1) / np.maximum(whole[drawn].mean(axis=1), 1e-9)
        low, high = np.percentile(shares, [2.5, 97.5])
        return Measured(float(gained.mean() / max(whole.mean(), 1e-9)), float(low), float(high))

    @property
    def old(self) -> Array:
        """Scores in the old space."""
        return np.asarray(self.questions.old @ self.gallery.old.T)

    @property
    def native(self) -> Array:
        """Scores in the new space."""
        return np.asarray(self.questions.new @ self.gallery.new.T)

    def curve(self, scores: Array, background: Array) -> list[float]:
        """The nDCG by the share of items that is re-embedded; the others have `scores`.

        `background` `[questions, background]` are such scores of the background, which set the scale.
        """
        new = self.native
        reference = self.questions.new @ self.background.new.T
        calibrate = score_calibrations.configure(CALIBRATION)
        if reference.shape[1] >= FEWEST:
            rows = [calibrate(*one) for one in zip(scores, background, reference, strict=True)]
            scores = np.stack(rows)
        count = int(self.items.max()) + 1
        found = []
        for share in SHARES:
            gained = []
            for seed in range(ORDERS if 0 < share < 1 else 1):
                moved = np.zeros(count, bool)
                moved[np.random.default_rng(seed).permutation(count)[: round(share * count)]] = True
                gained.append(self.by_question(np.where(moved[self.items], new, scores))[0].mean())
            found.append(float(np.mean(gained)))
        return found


def _ndcg(found: Array, gains: Mapping[int, float]) -> float:
    discounts = 1 / np.log2(np.arange(2, BEST + 2))
    best = np.sort(np.array(list(gains.values())))[::-1][:BEST]
    got = np.array([gains.get(int(item), 0.0) for item in found])
    return float(got @ discounts[: len(got)] / (best @ discounts[: len(best)]))


def _recall(found: Array, gains: Mapping[int, float]) -> float:
    return sum(int(item) in gains for item in found) / min(BEST, len(gains))


def _mean(values: Array) -> Measured:
    low, high = np.percentile(values[_draws(len(values))].mean(axis=1), [2.5, 97.5])
    return Measured(float(values.mean()), float(low), float(high))


def _draws(count: int) -> Array:
    return np.random.default_rng(0).integers(0, count, (DRAWS, count))
