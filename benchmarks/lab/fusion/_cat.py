"""Classes that come later: networks of several seeds, concatenated, against one that is as wide (Cat).

Networks learn the first five classes of MNIST and of CIFAR from pixels, and the labels of pairs of texts
(nli) from their vectors. On what they give, a head of the platform learns other classes from about 100
examples, the other five and the topics of WordNet's items by their definitions and names; and the first
classes again. The parallel network is a plain one with a hidden layer: that as wide as all towers has more
weights than they.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback.core.state import State
from tieback.core.types.content import Content
from tieback.methods import heads
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion.cat import TOWERS
from tieback_lab.recipes.train.fusing import Things, vectors

from benchmarks.lab.fusion._compared import SMALL, Comparison, learned
from benchmarks.lab.fusion._things import NLI_LABELS, TEXT, Words, dense, nli_pairs, things
from benchmarks.progress import log
from benchmarks.report import Report

CLASSES, SHOTS = 5, 100
MOST = {"mnist": 500, "cifar10": 300}
"""Training pictures of a class."""
PAIRS, TESTED_PAIRS = 1000, 400
"""Of each label of nli."""
CAT, WIDE, ONE = "cat", "one network, as wide", "one network, as wide as a tower"
AVERAGED, GIVEN = "the towers' weights averaged", "what they are given, as it is"
LEAST, EVEN = 8.0, -2.0
SIDE = 16
"""Of CIFAR's pictures, in pixels: half of theirs."""

Ways = dict[str, tuple[str, State | None]]
"""A method and its state by way; a None gives what it is given."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Things that networks learn from, and things of classes that come later; both with tested ones."""

    called: str
    parts: Sequence[str]
    same: tuple[Things, Things]
    later: tuple[Things, Things]


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims."""
    for task in _tasks(data):
        same = Comparison(f"{task.called}: the classes of training", task.parts)
        later = Comparison(f"{task.called}: classes that come later, from {SHOTS} examples", task.parts)
        for seed in range(seeds):
            log(f"{task.called}: seed {seed}")
            draw = np.random.default_rng(seed)
            ways = _ways(task.same[0], seed)
            for comparison, (known, asked), some in (
                (same, task.same, np.arange(len(task.same[0]))),
                (later, task.later, _shots(task.later[0].goal.groups, draw)),
            ):
                for way, (method, state) in ways.items():
                    rows, others = (_given(method, state, one) for one in (known.take(some), asked))
                    head = heads.fit("logistic", rows, known.goal.groups[some])
                    found = heads.heads.configure("logistic")(others, head).argmax(axis=1)
                    comparison.add(way, found == asked.goal.groups)
        same.table(report)
        later.table(report)
        own = f"(arXiv:2212.07346) {task.called}"
        later.claim(report, f"{own}, later classes", CAT, WIDE, 6, f">= {LEAST}", of="paper")
        same.claim(report, f"{own}, classes of training", CAT, WIDE, 6, f">= {EVEN}", of="paper")
        for other in (ONE, AVERAGED, GIVEN):
            later.claim(report, f"{own}, later classes", CAT, other, 6)


def _ways(first: Things, seed: int) -> Ways:
    towers = [
        learned("parallel", first, TOWERS * seed + one, width=SMALL["width"] // TOWERS)
        for one in range(TOWERS)
    ]
    mean = {
        key: np.mean([one[key] for one in towers], axis=0).astype(towers[0][key].dtype) for key in towers[0]
    }
    return {
        CAT: ("cat", learned("cat", first, seed)),
        WIDE: ("parallel", learned("parallel", first, seed, inner=TOWERS * SMALL["inner"])),
        ONE: ("parallel", towers[0]),
        AVERAGED: ("parallel", mean),
        GIVEN: ("parallel", None),
    }


def _given(method: str, state: State | None, some: Things) -> Array:
    if state is None:
        return unit_rows(np.concatenate([one[:, 0] for one in some.rows], 1))
    return vectors(method, state, some)


def _shots(labels: Array, draw: np.random.Generator) -> Array:
    """Equally many of each class, and about as many as there are shots."""
    classes = np.unique(labels)
    few = [draw.permutation(np.flatnonzero(labels == one))[: SHOTS // len(classes)] for one in classes]
    return np.concatenate(few)


def _tasks(data: Path) -> Iterator[_Task]:
    for name, called in (("mnist", "MNIST"), ("cifar10", "CIFAR")):
        training, tested = (_pictures(data, name, part) for part in ("train", "test"))
        yield _Task(
            called, ("pixels",), (_classes(training, 0), _classes(tested, 0)),
            (_classes(training, CLASSES), _classes(tested, CLASSES)),
        )  # fmt: skip
    words = Words(data)
    items = [one.of([1, 0]) for one in words.split(0)]
    pairs = _pairs(data, "train", PAIRS), _pairs(data, "dev", TESTED_PAIRS)
    yield _Task("nli, then topics of WordNet", ("first text", "second text"), pairs, (items[0], items[1]))


def _pairs(data: Path, name: str, most: int) -> Things:
    """The premises and hypotheses of nli, by their label."""
    pairs = nli_pairs(data / "nli", name, most)
    parts = [
        dense(TEXT, f"{key} of nli/{name}", [Content(Modality.TEXT, str(one[key])) for one in pairs])
        for key in ("premise", "hypothesis")
    ]
    groups = np.array([NLI_LABELS.index(one["label"]) for one in pairs])
    return things(parts, np.ones((len(pairs), 2), bool), groups, len(NLI_LABELS))


def _pictures(data: Path, name: str, part: str) -> tuple[Array, Array]:
    """Pixels `[n, all of them]` from 0 to 1, and the classes."""
    with np.load(data / f"classes/{name}_{part}.npz") as file:
        images, labels = file["images"].astype(np.float32) / 255, file["labels"].astype(np.int64)
    if images.ndim == 4:
        images = images.reshape(len(images), SIDE, 2, SIDE, 2, 3).mean(axis=(2, 4))
    places = np.concatenate([np.flatnonzero(labels == one)[: MOST[name]] for one in range(2 * CLASSES)])
    return images.reshape(len(images), -1)[places], labels[places]


def _classes(pictures: tuple[Array, Array], first: int) -> Things:
    """Those of five classes from the `first`."""
    rows, labels = pictures
    own = (labels >= first) & (labels < first + CLASSES)
    return things([rows[own]], np.ones((own.sum(), 1), bool), labels[own] - first, CLASSES)
