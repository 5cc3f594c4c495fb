"""Classes that come later: networks of several seeds, concatenated, against one that is as wide (Cat).

Networks learn the first five classes of MNIST and of CIFAR from pixels. On what they give, a head of the
platform learns the other five classes from 100 examples, and the first five again. The parallel network of
one part is a plain one with a hidden layer: that as wide as all towers has more weights than they.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback.methods import heads
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from tieback_lab.methods.fusion.cat import TOWERS
from tieback_lab.recipes.train.fusing import Things, vectors

from benchmarks.lab.fusion._compared import SMALL, Comparison, learned
from benchmarks.lab.fusion._things import things
from benchmarks.report import Report

CLASSES, SHOTS = 5, 100
MOST = {"mnist": 500, "cifar10": 300}
"""Training pictures of a class."""
CAT, WIDE, ONE = "cat", "one network, as wide", "one network, as wide as a tower"
AVERAGED, PIXELS = "the towers' weights averaged", "pixels as they are"
LEAST, EVEN = 8.0, -2.0
SIDE = 16
"""Of CIFAR's pictures, in pixels: half of theirs."""


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims."""
    for name, called in (("mnist", "MNIST"), ("cifar10", "CIFAR")):
        training, tested = (_pictures(data, name, part) for part in ("train", "test"))
        same = Comparison(f"{called}: the five classes of training", ("pixels",))
        later = Comparison(f"{called}: five later classes from {SHOTS} examples", ("pixels",))
        for seed in range(seeds):
            first = training.take(np.flatnonzero(training.goal.groups >= 0))
            states = {
                CAT: ("cat", learned("cat", first, seed)),
                WIDE: ("parallel", learned("parallel", first, seed, inner=TOWERS * SMALL["inner"])),
            }
            towers = [
                learned("parallel", first, TOWERS * seed + one, width=SMALL["width"] // TOWERS)
                for one in range(TOWERS)
            ]
            states[ONE] = ("parallel", towers[0])
            states[AVERAGED] = (
                "parallel",
                {key: np.mean([one[key] for one in towers], axis=0).astype(towers[0][key].dtype)
                 for key in towers[0]},
            )  # fmt: skip
            made = {
                way: (vectors(method, state, training), vectors(method, state, tested))
                for way, (method, state) in states.items()
            }
            made[PIXELS] = (unit_rows(training.rows[0][:, 0]), unit_rows(tested.rows[0][:, 0]))
            draw = np.random.default_rng(seed)
            labels, wanted = _labels(data, name, "train"), _labels(data, name, "test")
            few = [draw.permutation(np.flatnonzero(labels == one)) for one in range(CLASSES, 2 * CLASSES)]
            shots = np.concatenate([one[: SHOTS // CLASSES] for one in few])
            for comparison, known in ((same, np.flatnonzero(labels < CLASSES)), (later, shots)):
                asked = np.flatnonzero((wanted < CLASSES) == (comparison is same))
                for way, (rows, others) in made.items():
                    state = heads.fit("logistic", rows[known], labels[known] % CLASSES)
                    found = heads.heads.configure("logistic")(others[asked], state).argmax(axis=1)
                    comparison.add(way, found == wanted[asked] % CLASSES)
        same.table(report)
        later.table(report)
        own = f"(arXiv:2212.07346) {called}"
        later.claim(report, f"{own}, later classes", CAT, WIDE, 6, f">= {LEAST}", of="paper")
        same.claim(report, f"{own}, classes of training", CAT, WIDE, 6, f">= {EVEN}", of="paper")
        for other in (ONE, AVERAGED, PIXELS):
            later.claim(report, f"{own}, later classes", CAT, other, 6)


def _labels(data: Path, name: str, part: str) -> Array:
    return _read(data, name, part)[1]


def _read(data: Path, name: str, part: str) -> tuple[Array, Array]:
    """Pixels `[n, all of them]` from 0 to 1, and the classes."""
    with np.load(data / f"classes/{name}_{part}.npz") as file:
        images, labels = file["images"].astype(np.float32) / 255, file["labels"].astype(np.int64)
    if images.ndim == 4:
        images = images.reshape(len(images), SIDE, 2, SIDE, 2, 3).mean(axis=(2, 4))
    places = np.concatenate([np.flatnonzero(labels == one)[: MOST[name]] for one in range(2 * CLASSES)])
    return images.reshape(len(images), -1)[places], labels[places]


def _pictures(data: Path, name: str, part: str) -> Things:
    """All classes; those of later have none."""
    rows, labels = _read(data, name, part)
    groups = np.where(labels < CLASSES, labels, -1)
    return things([rows], np.ones((len(rows), 1), bool), groups, CLASSES)
