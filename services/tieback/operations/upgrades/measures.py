"""What a compatible transform is worth, on contents that it has not learned from.

Contents are divided into folds by their items. A policy is learned once for each fold, from the other folds,
so every content is measured on by a transform that has not learned from it (cross-validation; Stone, 1974).
Of a small collection the sample is a large share, and an upgrade reads as large a share by a transform that
has learned from it: so large a share is measured on by that. What trains for a minute is learned once: then
one fold is measured on, and the judged items.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, log2, sqrt

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.core.types.moving import WITH_HALVES, Anchors, Asked
from tieback.methods.compatibility import Compatibility, shared
from tieback.operations.upgrades.worth import NORMAL, Sides, Trial

# Which texts are alike by their words: judgements that favour no encoder, where nobody judged anything.
#
# Two texts are as alike as the cosine of their words, each weighted by its inverse document frequency
# (Spärck Jones, 1972, doi:10.1108/eb026526). Words of one text alone, and of more than three texts in ten,
# count nothing. What an encoder finds for a part of a text is then held against what the whole shares words
# with.
ALIKE = 10
"""Texts that answer a question, at most."""
_COMMON = 0.3


def alike(words: Array, items: Array, asking: Sequence[int]) -> Iterator[list[int]]:
    """For each of the texts that are `asking`, the texts that are most alike, the nearest first.

    `words` `[n, most]` are those of `word_numbers`, `items` `[n]` which item a text is of: none is alike to
    texts of its own item. Fewer than `ALIKE` where fewer share a word.
    """
    texts, places = np.nonzero(words)
    numbers, of_word = np.unique(words[texts, places], return_inverse=True)
    counts = np.bincount(of_word, minlength=len(numbers))
    counts_much = (counts > 1) & (counts <= max(_COMMON * len(words), 2))
    weights = np.where(counts_much, np.log(len(words) / np.maximum(counts, 1)) ** 2, 0)
    lengths = np.sqrt(np.bincount(texts, weights[of_word], minlength=len(words)))
    order = np.argsort(of_word, kind="stable")
    with_word = np.split(texts[order], np.cumsum(counts)[:-1])
    begins = np.searchsorted(texts, np.arange(len(words) + 1))
    for text in asking:
        shared = np.zeros(len(words))
        for word in of_word[begins[text] : begins[text + 1]]:
            if counts_much[word]:
                shared[with_word[word]] += weights[word]
        shared /= np.maximum(lengths, 1e-9)
        shared[items == items[text]] = 0
        best = np.argsort(-shared, kind="stable")[:ALIKE]
        yield best[shared[best] > 0].tolist()


FOLDS = 5
QUESTIONS = 1000
"""Contents that ask, at most."""
APART, GROWN = 0.06, 0.03
"""Of questions that are halves of texts, and each time that the collection is twice as large as the sample
(see `Trial`): in a larger collection more is near, and a worse space loses more (docs/upgrades.md)."""
GALLERY = 10_000
"""Contents that are searched, at most, besides those of judged items."""
FEWEST_HELD_OUT = 10
"""Contents to measure on."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Places of contents: to learn from, each pair of vectors once, and to measure on.

    `classes` are the labels of all contents as numbers; None where they have none. `folds` `[held out]` are
    the folds of what is measured on, from 0; None where there is one. `learned` are, for each fold, the
    places in `training` of what is learned from to measure on it; empty where that is all of `training`.
    """

    training: Array
    held_out: Array
    classes: Array | None
    folds: Array | None = None
    learned: tuple[Array, ...] = ()

    def arrays(self, anchors: Anchors) -> dict[str, Array]:
        """What is learned from."""
        found = {"old": anchors.old[self.training], "new": anchors.new[self.training]}
        return found if self.classes is None else found | {"classes": self.classes[self.training]}

    @property
    def fewest(self) -> int:
        """Contents that a policy learns from where it learns from fewest."""
        return min((len(one) for one in self.learned), default=len(self.training))

    @property
    def by_fold(self) -> Array:
        """The folds `[held out]`."""
        return np.zeros(len(self.held_out), np.int64) if self.folds is None else self.folds


@dataclass(frozen=True, slots=True)
class MeasuredRecall:
    """A share of queries, with the bounds of its 95 % interval (Wilson, 1927)."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, is_found: Array) -> MeasuredRecall:
        """Of queries `[n]` (bool)."""
        count, share = len(is_found), float(is_found.mean())
        spread = NORMAL**2 / count
        middle = (share + spread / 2) / (1 + spread)
        reach = NORMAL / (1 + spread) * sqrt(share * (1 - share) / count + spread / (4 * count))
        return cls(share, max(0.0, middle - reach), min(1.0, middle + reach))


def split(anchors: Anchors, judged: Collection[int] = (), *, folds: int = FOLDS) -> Parts:
    """Divides contents into folds, all of which are measured on; all are learned from in the end.

    With one fold, the contents of `judged` items and of one in `FOLDS` others are held out from all learning:
    no item is on both sides.
    """
    pairs = np.concatenate([anchors.old, anchors.new], axis=1)
    numbers = anchors.items % FOLDS
    held_out = np.ones(len(pairs), bool) if folds > 1 else (numbers == 0) | np.isin(anchors.items, [*judged])
    places = np.arange(len(pairs)) if folds > 1 else np.flatnonzero(~held_out)
    training = places[np.sort(np.unique(pairs[places], axis=0, return_index=True)[1])]
    classes = np.unique(np.asarray(anchors.labels), return_inverse=True)[1] if anchors.labels else None
    if folds == 1:
        return Parts(training, np.flatnonzero(held_out), classes)
    numbers = anchors.items % folds
    learned = tuple(np.flatnonzero(numbers[training] != fold) for fold in range(folds))
    return Parts(training, places, classes, numbers, learned)


def mapped(method: Compatibility, anchors: Anchors, parts: Parts, states: Sequence[State]) -> Array:
    """The new encoder's held-out vectors, mapped, `[held out, width]`: each by the state of its fold."""
    order = np.argsort(parts.by_fold, kind="stable")
    rows = [
        method(anchors.new[parts.held_out[parts.by_fold == fold]], state) for fold, state in enumerate(states)
    ]
    return np.asarray(np.concatenate(rows)[np.argsort(order)])


def measured(anchors: Anchors, parts: Parts, rows: Array) -> Mapping[str, MeasuredRecall]:
    """Recall@1 by which vectors are compared.

    `rows` are the new encoder's held-out vectors after the transform: see `mapped`.

    With labels, each held-out content seeks one of its label among the others of its fold. Without, the first
    half of a text seeks its second half among those of all held-out texts of its fold that are in halves;
    where hardly any is, each whole text seeks itself.
    """
    places, by_fold = parts.held_out, parts.by_fold
    if anchors.cut is not None:
        in_halves = anchors.cut[places // WITH_HALVES]
        if in_halves.sum() >= WITH_HALVES * FEWEST_HELD_OUT:
            places, rows, by_fold = places[in_halves], rows[in_halves], by_fold[in_halves]
    old, native, new = anchors.old[places], anchors.new[places], rows
    leading = shared(new, old.shape[1])
    compared = {
        "old_old": (old, old),
        "new_old": (leading, old),
        "new_new": (new, new),
        "native": (native, native),
    }
    labels = None if parts.classes is None else parts.classes[places]
    folds = [by_fold == fold for fold in np.unique(by_fold)]
    return {
        name: MeasuredRecall.of(
            np.concatenate(
                [_found(queries[one], gallery[one], None if labels is None else labels[one]) for one in folds]
            )
        )
        for name, (queries, gallery) in compared.items()
    }


def trial(
    anchors: Anchors,
    parts: Parts,
    asked: Asked | None = None,
    gains: Sequence[Mapping[int, float]] = (),
    *,
    seen: float = 0.0,
) -> Trial:
    """How searches are tried on the held-out contents.

    With `asked` questions by those, whose `gains` are by numbers of items as in `anchors`. Else with labels a
    content asks for the others of its label, and without them the first half of a text for the items that the
    text is `alike` to, without its own; where there are none, for its own. The sample is a share `seen` of
    the collection. Of so large a share of the items, contents are read by the policy's last state, which has
    learned from all.
    """
    grown = GROWN * log2(1 / seen) if 0 < seen < 1 else 0.0
    places, folds = parts.held_out, parts.by_fold
    read_by = _read_by(anchors.items[places], folds, seen if parts.learned else 0.0, len(parts.learned))
    if parts.classes is not None:
        places, folds, read_by = (one[:GALLERY] for one in (places, folds, read_by))
        _, kinds, counts = np.unique(parts.classes[places], return_inverse=True, return_counts=True)
        own = np.flatnonzero(counts[kinds] > 1)[:QUESTIONS]
        is_wanted = kinds[own][:, None] == kinds
        is_own = np.zeros_like(is_wanted)
        is_own[np.arange(len(own)), own] = True
        wanted = [dict.fromkeys(np.flatnonzero(row).tolist(), 1.0) for row in is_wanted & ~is_own]
        questions, gallery = _sides(anchors, places[own]), _sides(anchors, places)
        return Trial(questions, gallery, np.arange(len(places)), wanted, read_by, folds[own], is_own, grown)
    whole, read_by, of_whole = (one[WITH_HALVES - 1 :: WITH_HALVES] for one in (places, read_by, folds))
    judged = {item for one in gains for item in one}
    in_gallery = np.isin(anchors.items[whole], [*judged]) | (np.arange(len(whole)) < GALLERY)
    whole, read_by, of_whole = whole[in_gallery], read_by[in_gallery], of_whole[in_gallery]
    known, items = np.unique(anchors.items[whole], return_inverse=True)
    gallery = _sides(anchors, whole)
    if asked is None:
        count = min(QUESTIONS, len(whole))
        words = np.zeros((len(whole), 0)) if anchors.words is None else anchors.words[whole // WITH_HALVES]
        near = [items[one] for one in alike(words, items, range(count))]
        own = items[:count]
        wanted = [
            dict.fromkeys(one.tolist() or [int(item)], 1.0) for one, item in zip(near, own, strict=True)
        ]
        hidden = (own[:, None] == items) & np.array([len(one) > 0 for one in near], bool)[:, None]
        questions = _sides(anchors, whole[:count] - WITH_HALVES + 1)
        apart = hypot(APART, grown)
        return Trial(questions, gallery, items, wanted, read_by, of_whole[:count], hidden, apart)
    numbers = {int(item): number for number, item in enumerate(known)}
    found = [{numbers[item]: gain for item, gain in one.items() if item in numbers} for one in gains]
    kept = np.array([place for place, one in enumerate(found) if one], np.int64)
    questions = Sides(asked.old[kept], asked.new[kept])
    of_all = np.full(len(kept), len(parts.learned))
    wanted = [found[place] for place in kept]
    return Trial(questions, gallery, items, wanted, read_by, of_all, apart=grown)


def _read_by(items: Array, folds: Array, seen: float, last: int) -> Array:
    """The number of the state that contents `[n]` are read by: that of their fold, or the last one."""
    of_item = np.random.default_rng(0).random(int(items.max(initial=0)) + 1)
    return np.where(of_item[items] < seen, last, folds)


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
