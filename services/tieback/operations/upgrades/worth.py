"""What a collection's searches are worth in its old space, re-embedded, translated, and between the two.

Questions are encoded in both spaces, and so is a gallery of contents. Where no questions are judged, halves
of texts ask for the items that share most words with the whole text (`alike_texts`). An item's score is
that of its best content. nDCG is that of the first ten items, with the gain of a grade 2^grade − 1; recall
is the share of a question's items that are among them. Intervals are of 95 %, by the bootstrap of questions;
they are wider where the questions are not those of people, and where the collection is larger than what is
searched here, by how far such measurements were from those of people's questions in the whole collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.score_calibration import FEWEST, score_calibrations

BEST = 10
SHARES = tuple(step / 10 for step in range(11))
CALIBRATION = "standard_scores"
BACKGROUND = 256
"""Contents that set the scale of both spaces, as many as when both are read."""
DRAWS = 1000
ORDERS = 3
"""Random orders of re-embedding, whose mean is the curve."""
NORMAL = 1.96  # of a 95 % interval
LEAST = 1e-9
"""An nDCG that is divided by."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """nDCG@10, and which share that is of re-embedded nDCG, both with intervals; and recall@10.

    The interval of the share is of pairs: of each draw of questions, both ways are taken.
    """

    ndcg: Measured
    kept: Measured
    recall: float


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The same contents in both spaces, `[n, old width]` and `[n, new width]`, in unit rows."""

    old: Array
    new: Array


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Questions, the gallery, and the gains of items by question.

    `items` `[gallery]` are whole numbers from 0 that do not fall, and skip none. `read_by` `[gallery]` says
    by which of a policy's states a content is translated, `led_by` `[questions]` by which one a question is
    led: where nothing else is wanted, one that has not learned from it. `hidden` `[questions, gallery]` are
    the contents that a question does not find; None where it finds all. `apart` is the standard deviation of
    the share that such questions say is kept, less the share that judged questions say of the whole
    collection.
    """

    questions: Sides
    gallery: Sides
    items: Array
    gains: Sequence[Mapping[int, float]]
    read_by: Array
    led_by: Array
    hidden: Array | None = None
    apart: float = 0.0

    def by_question(self, scores: Array) -> tuple[Array, Array]:
        """The nDCG and recall of each question, by its scores of the gallery `[questions, gallery]`."""
        seen = scores if self.hidden is None else np.where(self.hidden, -np.inf, scores)
        by_item = np.maximum.reduceat(seen, np.flatnonzero(np.diff(self.items, prepend=-1)), axis=1)
        if by_item.shape[1] > BEST:
            best = np.argpartition(-by_item, BEST, axis=1)[:, :BEST]
        else:
            best = np.tile(np.arange(by_item.shape[1]), (len(by_item), 1))
        order = np.argsort(-np.take_along_axis(by_item, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        return (
            np.array([_ndcg(found, gains) for found, gains in zip(best, self.gains, strict=True)]),
            np.array([_recall(found, gains) for found, gains in zip(best, self.gains, strict=True)]),
        )

    def worth(self, scores: Array) -> Worth:
        """What a search by these scores is worth."""
        gained, recalled = self.by_question(scores)
        whole, _ = self.by_question(self.native)
        drawn = _draws(len(gained))
        means, of_whole = gained[drawn].mean(axis=1), np.maximum(whole[drawn].mean(axis=1), LEAST)
        return Worth(
            _measured(float(gained.mean()), means),
            _measured(float(gained.mean() / max(whole.mean(), LEAST)), means / of_whole, self.apart),
            float(recalled.mean()),
        )

    def gained(self) -> Measured:
        """Re-embedded nDCG less that of the old space, of the same questions."""
        whole = self.by_question(self.native)[0]
        more = whole - self.by_question(self.old)[0]
        drawn = more[_draws(len(more))].mean(axis=1)
        return _measured(float(more.mean()), drawn, self.apart * float(whole.mean()))

    @property
    def old(self) -> Array:
        """Scores in the old space."""
        return np.asarray(self.questions.old @ self.gallery.old.T)

    @property
    def native(self) -> Array:
        """Scores in the new space."""
        return np.asarray(self.questions.new @ self.gallery.new.T)

    def curve(self, scores: Array) -> list[float]:
        """The nDCG by the share of items that is re-embedded; the others have `scores`.

        As in an upgrade, a sample of the gallery sets the scale for each question.
        """
        new = self.native
        size = len(self.items)
        sample = np.linspace(0, size - 1, min(BACKGROUND, size)).round().astype(np.int64)
        calibrate = score_calibrations.configure(CALIBRATION)
        if size >= FEWEST:
            scores = np.stack(
                [calibrate(row, row[sample], own[sample]) for row, own in zip(scores, new, strict=True)]
            )
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


def _measured(value: float, drawn: Array, apart: float = 0.0) -> Measured:
    """With the interval of what was drawn, and of what is `apart` besides, independently."""
    low, high = np.percentile(drawn, [2.5, 97.5])
    more = NORMAL * apart
    if not more:
        return Measured(value, float(low), float(high))
    return Measured(
        value, value - float(np.hypot(value - low, more)), value + float(np.hypot(high - value, more))
    )


def _draws(count: int) -> Array:
    return np.random.default_rng(0).integers(0, count, (DRAWS, count))


LEAST_GAIN = 0.005
"""Of nDCG@10: a re-embedding that gains less is not worth its cost."""
FLOOR = 0.8
"""The share of re-embedded nDCG that a translation has to keep, where a request names none."""


class Advice(StrEnum):
    """What to do."""

    KEEP = "keep"
    """Stay in the old space."""
    REEMBED = "reembed"
    """Encode again, and read both spaces meanwhile."""
    TRANSLATE = "translate"
    """Encode again; the old encoder is not needed meanwhile, since a transform stands for it well."""


def without_short(said: str, short: int, whole: int) -> str:
    """What is said of `whole` texts, with how many others are too short to take part in it."""
    if not short:
        return said
    return (
        f"{said}; {short} of {short + whole} texts have too few words to be cut into halves, and took no "
        "part: give judged queries, for which they count"
    )


def advised(
    old: Worth, native: Worth, gain: Measured, translation: tuple[str, Measured], floor: float
) -> tuple[Advice, str]:
    """What to do and why; `translation` is the best policy with its way, in words, and what that keeps."""
    said = f"re-embedded, nDCG@10 is {native.ndcg.value:.3f}; today it is {old.ndcg.value:.3f}"
    if gain.low <= 0 <= gain.high:
        said += (
            f" (the gain is {gain.low:+.3f} to {gain.high:+.3f}, so it may be chance: more items, or judged "
            "queries, would say it more surely)"
        )
    if gain.value < LEAST_GAIN:
        return Advice.KEEP, f"the new space is not better: {said}"
    way, kept = translation
    if kept.value < floor:
        return (
            Advice.REEMBED,
            f"{said}; without the old model, {way}, it keeps {kept.value:.2f} of that, below the floor of "
            f"{floor:g}, so that is refused",
        )
    if kept.value * native.ndcg.value < old.ndcg.value:
        return (
            Advice.REEMBED,
            f"{said}; without the old model, {way}, it would be {kept.value * native.ndcg.value:.3f}, "
            "less than today",
        )
    return (
        Advice.TRANSLATE,
        f"{said}; without the old model, {way}, it keeps {kept.value:.2f} of that at once, more than today",
    )
