"""What a compatible transform is worth, on contents that it has not learned from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.upgrading import WITH_HALVES, Anchors, Asked
from tieback.methods.compatibility import shared
from tieback.operations.upgrade_worth import BACKGROUND, Sides, Trial

HELD_OUT = 5
"""Of so many items, the contents of one are held out."""
QUESTIONS = 1000
"""Contents that ask, at most."""
FEWEST_HELD_OUT = 10
"""Contents to measure on."""
NORMAL = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Places of contents: to learn from, each pair of vectors once, and to measure on.

    `classes` are the labels of all contents as numbers; None where they have none.
    """

    training: Array
    held_out: Array
    classes: Array | None

    def arrays(self, anchors: Anchors) -> dict[str, Array]:
        """What is learned from."""
        found = {"old": anchors.old[self.training], "new": anchors.new[self.training]}
        return found if self.classes is None else found | {"classes": self.classes[self.training]}


@dataclass(frozen=True, slots=True)
class Recall:
    """A share of queries, with the bounds of its 95 % interval (Wilson, 1927)."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, is_found: Array) -> Recall:
        """Of queries `[n]` (bool)."""
        count, share = len(is_found), float(is_found.mean())
        spread = NORMAL**2 / count
        middle = (share + spread / 2) / (1 + spread)
        reach = NORMAL / (1 + spread) * sqrt(share * (1 - share) / count + spread / (4 * count))
        return cls(share, max(0.0, middle - reach), min(1.0, middle + reach))


def split(anchors: Anchors, judged: Collection[int] = ()) -> Parts:
    """Holds out the contents of `judged` items and of one in `HELD_OUT` others: no item is on both sides."""
    is_held_out = (anchors.items % HELD_OUT == 0) | np.isin(anchors.items, list(judged))
    pairs = np.concatenate([anchors.old, anchors.new], axis=1)
    places = np.flatnonzero(~is_held_out)
    first = np.sort(np.unique(pairs[places], axis=0, return_index=True)[1])
    classes = np.unique(np.asarray(anchors.labels), return_inverse=True)[1] if anchors.labels else None
    return Parts(places[first], np.flatnonzero(is_held_out), classes)


def measured(anchors: Anchors, parts: Parts, mapped: Array) -> Mapping[str, Recall]:
    """Recall@1 by which vectors are compared; `mapped` are those of the new encoder after the transform.

    With labels, each held-out content seeks one of its label among the others. Without, the first half of a
    text seeks its second half among those of all held-out texts.
    """
    places = parts.held_out
    old, native, new = anchors.old[places], anchors.new[places], mapped[places]
    leading = shared(new, old.shape[1])
    labels = None if parts.classes is None else parts.classes[places]
    compared = {
        "old_old": (old, old),
        "new_old": (leading, old),
        "new_new": (new, new),
        "native": (native, native),
    }
    return {name: Recall.of(_found(*sides, labels)) for name, sides in compared.items()}


def trial(
    anchors: Anchors, parts: Parts, asked: Asked | None = None, gains: Sequence[Mapping[int, float]] = ()
) -> Trial:
    """How searches are tried on the held-out contents.

    With `asked` questions by those, whose `gains` are by numbers of items as in `anchors`. Else with labels a
    content asks for the others of its label, and without them a half of a text for its other half.
    """
    places = parts.held_out
    others = np.setdiff1d(np.arange(len(anchors.items)), places)
    if parts.classes is not None:
        classes = parts.classes[places]
        own = np.flatnonzero([(classes == one).sum() > 1 for one in classes])[:QUESTIONS]
        alike = [np.flatnonzero(classes == classes[one]) for one in own]
        wanted = [
            {int(one): 1.0 for one in found if one != place} for place, found in zip(own, alike, strict=True)
        ]
        questions = _sides(anchors, places[own])
        return Trial(questions, _sides(anchors, places), np.arange(len(places)), wanted,
                     _sides(anchors, others[:BACKGROUND]), own)  # fmt: skip
    if asked is None:
        first, second = places[0::WITH_HALVES][:QUESTIONS], places[1::WITH_HALVES]
        wanted = [{number: 1.0} for number in range(len(first))]
        background = _sides(anchors, others[1::WITH_HALVES][:BACKGROUND])
        return Trial(
            _sides(anchors, first), _sides(anchors, second), np.arange(len(second)), wanted, background
        )
    whole = places[WITH_HALVES - 1 :: WITH_HALVES]
    known, items = np.unique(anchors.items[whole], return_inverse=True)
    numbers = {int(item): number for number, item in enumerate(known)}
    found = [{numbers[item]: gain for item, gain in one.items() if item in numbers} for one in gains]
    kept = [place for place, one in enumerate(found) if one]
    background = _sides(anchors, others[WITH_HALVES - 1 :: WITH_HALVES][:BACKGROUND])
    questions = Sides(asked.old[kept], asked.new[kept])
    return Trial(questions, _sides(anchors, whole), items, [found[place] for place in kept], background)


def _sides(anchors: Anchors, places: Array) -> Sides:
    return Sides(anchors.old[places], anchors.new[places])


def _found(queries: Array, gallery: Array, labels: Array | None) -> Array:
    """Whether each query finds what it should first."""
    if labels is None:
        queries, gallery = queries[0::WITH_HALVES], gallery[1::WITH_HALVES]
        return np.asarray((queries @ gallery.T).argmax(axis=1) == np.arange(len(queries)))
    scores = queries @ gallery.T
    np.fill_diagonal(scores, -np.inf)
    return np.asarray(labels[scores.argmax(axis=1)] == labels)
