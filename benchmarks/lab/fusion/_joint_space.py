"""Learned fusions against the joint space, for a user's search: the same encoders, the same candidates.

Captions find their photos; they find their items in a library of which a third has a photo alone, a third
another caption alone, and a third both; and spoken digits find pictures of the same digit. The joint space
is the store's, which saw none of these data. The fusions learned from the other folds, or other speakers
and pictures; and so did a ridge regression from rows to rows, the plainest thing that can.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.methods.projection import unit_rows
from tieback.models.store import Store
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.recipes.train.fusing import vectors

from benchmarks.binding.artifact import newest
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import Joint
from benchmarks.lab.fusion import TASKS
from benchmarks.lab.fusion._compared import learned
from benchmarks.lab.fusion._things import SEEN, TEXT, Digits, dense, ridge, things
from benchmarks.progress import log
from benchmarks.report import Report
from benchmarks.statistics import interval, paired

PHOTOS, LIBRARY = "captions → photos", "captions → a mixed library"
SPOKEN = "spoken digits → pictures of them"

JOINT, RIDGE = "joint space", "ridge"
FUSIONS = ("parallel", "multimodn", "ptunifier")
FOLDS, CAPTIONS = 5, 5
STEPS, DROPOUT = 600, 0.5
"""So many steps, and so large a share of the parts dropped: a half of the things keeps one part alone."""

Score = Callable[[Array, Array, Sequence[int]], Array]
"""Of captions, items `[2, items]`, the numbers of their photos and texts, and the parts they have."""
Found = dict[str, list[Array]]
"""By the way, 1 where the first hit is right, else 0, of each fold."""


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds the table and its claims; each of the `seeds` draws speakers and begins a training."""
    cards, store = Catalog.load().encoders(), Store()
    bound = newest(cards, store, log)
    encoders = Encoders(bound, cards, store, log)
    joint, rows = Joint(bound, encoders), []
    for task, values in (
        *_captions(data, encoders, joint).items(),
        (SPOKEN, _digits(data, encoders, joint, seeds)),
    ):
        each = {way: np.concatenate(found) for way, found in values.items()}
        for way, found in each.items():
            mean = interval(found)
            row = {"task": task, "way": way, "first hit right": mean.value, "low": mean.low}
            rows.append({**row, "high": mean.high, "queries": len(found)})
        for way in [one for one in each if one != JOINT]:
            difference = paired(100 * each[way], 100 * each[JOINT])
            report.claim(
                f"{task}: {way} less the {JOINT}, lower end of the interval", difference.low, "points", "> 0",
                low=difference.low, high=difference.high,
                note=f"{each[way].mean():.3f} against {each[JOINT].mean():.3f}, {len(each[way])} queries",
            )  # fmt: skip
    report.table(TASKS, rows)


def _captions(data: Path, encoders: Encoders, joint: Joint) -> dict[str, Found]:
    """Both tasks of captions, with the same fusions of each fold; values are means of a photo's queries."""
    listed = json.loads((data / "captions/captions.json").read_text())
    names = sorted(listed)
    texts = [text for name in names for text in listed[name][:CAPTIONS]]
    photos = dense(SEEN, "captioned photos", [data / "captions/images" / name for name in names])
    said = dense(TEXT, "captions", [Content(Modality.TEXT, text) for text in texts])
    owner = np.repeat(np.arange(len(names)), CAPTIONS)
    joint_photos = joint.documents({SEEN: photos})
    every = encoders.texts(texts)
    joint_queries, joint_texts = joint.queries(every), joint.documents(every)
    folds = np.random.default_rng(0).permutation(len(names)) % FOLDS
    found: dict[str, Found] = {PHOTOS: {}, LIBRARY: {}}
    for fold in range(FOLDS):
        log(f"captions: fold {fold + 1} of {FOLDS}")
        others = np.flatnonzero(folds[owner] != fold)
        pairs = things([photos[owner[others]], said[others]], np.ones((len(others), 2), bool), owner[others])
        regression = ridge(said[others], photos[owner[others]])
        ways = {
            JOINT: _by_joint(joint_queries, joint_photos, joint_texts),
            RIDGE: _by_ridge(said, photos, regression),
        }
        for method in FUSIONS:
            state = learned(method, pairs, fold, steps=STEPS, dropout=DROPOUT)
            ways[method] = _by_fusion(method, state, said, photos)
        for way, score in ways.items():
            tested, asked = np.flatnonzero(folds == fold), np.flatnonzero(folds[owner] == fold)
            found[PHOTOS].setdefault(way, []).append(_photos_found(score, tested, asked))
            found[LIBRARY].setdefault(way, []).append(_items_found(score, tested, asked))
    return found


def _photos_found(score: Score, tested: Array, asked: Array) -> Array:
    """The share of each photo's captions that find it first."""
    scores = score(asked, np.stack([tested, tested]), [0])
    right = _first(scores, np.repeat(np.arange(len(tested)), CAPTIONS))
    return np.asarray(right.reshape(-1, CAPTIONS).mean(axis=1))


def _items_found(score: Score, tested: Array, asked: Array) -> Array:
    """1 where the first caption of a photo finds its item first: the photo, the second caption, or both."""
    first, second = asked[::CAPTIONS], asked[1::CAPTIONS]
    scores = np.zeros((len(first), len(tested)))
    for kind, parts in enumerate(([0], [1], [0, 1])):
        here = np.arange(len(tested)) % 3 == kind
        scores[:, here] = score(first, np.stack([tested[here], second[here]]), parts)
    return _first(scores, np.arange(len(first)))


def _digits(data: Path, encoders: Encoders, joint: Joint, seeds: int) -> Found:
    """Pictures that spoken digits find; both are encoded as the joint space has it."""
    digits, found = Digits(data), Found()
    (audio,) = encoders.of(Modality.AUDIO)
    digits.clips = dense(audio, "spoken digits", sorted((data / "speech/digits").glob("*.wav")))
    for seed in range(seeds):
        log(f"digits: seed {seed}")
        training, tested = (one.of([1, 0]) for one in digits.split(seed))
        classes = tested.goal.groups
        training = things([one[:, 0] for one in training.rows], training.has, training.goal.groups)
        clips, pictures = tested.rows[0][:, 0], tested.rows[1][:, 0]
        _, once = np.unique(clips, axis=0, return_index=True)
        scores = {
            JOINT: joint.queries({audio: clips[once]}) @ joint.documents({SEEN: pictures}).T,
            RIDGE: _cosines(ridge(training.rows[0][:, 0], training.rows[1][:, 0])(clips[once]), pictures),
        }
        for method in FUSIONS:
            state = learned(method, training, seed, steps=STEPS, dropout=DROPOUT)
            sides = [vectors(method, state, tested.only([part])) for part in (0, 1)]
            scores[method] = sides[0][once] @ sides[1].T
        for way, each in scores.items():
            right = classes[once] == classes[each.argmax(axis=1)]
            found.setdefault(way, []).append(right.astype(np.float64))
    return found


def _by_joint(queries: Array, photos: Array, texts: Array) -> Score:
    """Scores as the index has them: an item's parts are apart, and its best one counts."""

    def score(asked: Array, items: Array, parts: Sequence[int]) -> Array:
        each = [queries[asked] @ (photos, texts)[part][items[part]].T for part in parts]
        return np.asarray(np.max(each, axis=0))

    return score


def _by_ridge(texts: Array, photos: Array, to_photos: Callable[[Array], Array]) -> Score:
    """Scores of photos by the regression, and of texts by their own cosines."""

    def score(asked: Array, items: Array, parts: Sequence[int]) -> Array:
        queries, documents = (to_photos(texts[asked]), texts[asked]), (photos, texts)
        each = [_cosines(queries[part], documents[part][items[part]]) for part in parts]
        return np.asarray(np.max(each, axis=0))

    return score


def _by_fusion(method: str, state: object, texts: Array, photos: Array) -> Score:
    """Scores of items as one vector of the parts that they have."""

    def fused(seen: Array, said: Array, parts: Sequence[int]) -> Array:
        has = np.tile([0 in parts, 1 in parts], (len(seen), 1))
        return vectors(method, state, things([seen, said], has, np.arange(len(seen))))  # type: ignore[arg-type]

    def score(asked: Array, items: Array, parts: Sequence[int]) -> Array:
        queries = fused(np.zeros((len(asked), photos.shape[1]), np.float32), texts[asked], [1])
        said = texts[items[1]] if 1 in parts else np.zeros((items.shape[1], texts.shape[1]), np.float32)
        return queries @ fused(photos[items[0]], said, parts).T

    return score


def _cosines(one: Array, other: Array) -> Array:
    return np.asarray(unit_rows(one) @ unit_rows(other).T)


def _first(scores: Array, right: Array) -> Array:
    return np.asarray(scores.argmax(axis=1) == right, np.float64)
