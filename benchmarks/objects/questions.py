"""Questions "Is there a X in the photo?" in the manner of POPE (Li et al., 2023, arXiv:2305.10355).

Of each photo so many objects that are there are asked for, and as many that are not: drawn at random from the
names of the set, those that are in most photos (popular), or those that are most often in one photo with what
is there (adversarial).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.statistics import Interval

NEGATIVES = ("random", "popular", "adversarial")
OBJECTS = 3
"""Of a photo that are asked for, and as many that are not there, for each kind of negatives."""


@dataclass(frozen=True, slots=True)
class Question:
    """An object that may be in a photo. `kind` is that of its negatives: a positive is asked in each."""

    photo: str
    name: str
    kind: str
    is_there: bool


def objects_of(labels: Path) -> dict[str, frozenset[str]]:
    """The names of what is in each photo of a `labels.json`."""
    rows = json.loads(labels.read_text(encoding="utf-8"))
    return {one["image"]: frozenset(one["objects"]) for one in rows if one["objects"]}


def questions_of(shown: Mapping[str, frozenset[str]], seed: int) -> list[Question]:
    """All questions, photo by photo."""
    random = np.random.default_rng(seed)
    counts = Counter(name for names in shown.values() for name in sorted(names))
    every = sorted(counts)
    common: Counter[tuple[str, str]] = Counter()
    for names in shown.values():
        common.update((one, other) for one in names for other in names if one != other)
    found: list[Question] = []
    for photo in sorted(shown):
        there = sorted(shown[photo])
        asked = [there[place] for place in random.permutation(len(there))[:OBJECTS]]
        absent = [name for name in every if name not in shown[photo]]
        beside = {name: sum(common[one, name] for one in there) for name in absent}
        ordered = {
            "random": [absent[place] for place in random.permutation(len(absent))],
            "popular": sorted(absent, key=lambda name: -counts[name]),
            "adversarial": sorted(absent, key=lambda name: (-beside[name], -counts[name])),
        }
        for kind in NEGATIVES:
            found += [Question(photo, name, kind, is_there=True) for name in asked]
            found += [Question(photo, name, kind, is_there=False) for name in ordered[kind][: len(asked)]]
    return found


@dataclass(frozen=True, slots=True)
class Score:
    """Scores of answers to questions, with 95 % intervals by drawing photos with replacement."""

    accuracy: Interval
    f1: Interval
    yes: float
    questions: int


def best_threshold(scores: Sequence[float], is_there: Sequence[bool]) -> float:
    """The score from which on "yes" is right most often; midway between neighbours."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    values, truth = np.asarray(scores)[order], np.asarray(is_there)[order]
    right = np.concatenate([[0], np.cumsum(np.where(truth, 1, -1))])
    ends = [0, *(place for place in range(1, len(values)) if values[place] < values[place - 1]), len(values)]
    best = max(ends, key=lambda place: right[place])
    if best in (0, len(values)):
        return float(values[0]) + 1.0 if best == 0 else float(values[-1])
    return float(values[best - 1] + values[best]) / 2


def score_of(questions: Sequence[Question], answers: Sequence[bool], draws: int = 1000) -> Score:
    """Accuracy and F1 of "yes"; `answers` are those to the questions, in order."""
    photos = sorted({one.photo for one in questions})
    rows = np.zeros((len(photos), 4))  # true and false positives, true and false negatives
    places = {photo: place for place, photo in enumerate(photos)}
    for one, said in zip(questions, answers, strict=True):
        rows[places[one.photo], (0 if said else 3) if one.is_there else (1 if said else 2)] += 1
    drawn = rows[np.random.default_rng(0).integers(0, len(photos), (draws, len(photos)))].sum(axis=1)
    sums = np.concatenate([rows.sum(axis=0)[None], drawn])
    true, false, absent, missed = sums.T
    accuracy = (true + absent) / sums.sum(axis=1)
    f1 = 2 * true / np.maximum(2 * true + false + missed, 1)
    return Score(
        Interval.of(accuracy[0], accuracy[1:]),
        Interval.of(f1[0], f1[1:]),
        float((true + false)[0] / sums[0].sum()),
        len(questions),
    )
