"""Method 11: versions that share a fixed simplex are compatible, more so with HOC (arXiv:2405.02581).

Digits, as for `orthogonal_alignment`. A first version learns the digits 0 to 4, a second one all ten; each is
a layer of its own behind the picture. Each picture that neither has learned from seeks another one of its
digit.

The second version is learned in four ways: with a classifier of its own, as the first one is then too; by
BCT (arXiv:2003.11942) towards that first one; with the fixed simplex; and with HOC beside that. Claimed is
that the simplex is far better than classifiers that are learned, and that HOC adds to it. For digits that the
first version does not know, new/old is not claimed to reach old/old; for those that it knows, among
themselves, it is to be within two points.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tieback.methods import compatibility
from tieback.methods.compatibility import compatibilities
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from tieback_lab.methods.compatibility._first_version import first_version

from benchmarks.data_folder import VARIABLE
from benchmarks.lab.claims import by_seed, claim
from benchmarks.lab.claims._digits import Digits
from benchmarks.lab.claims._versions import bct, independent, recall
from benchmarks.lab.claims.orthogonal_alignment import KNOWN, OLD_WIDTH, digits
from benchmarks.report import Report, Tried

METHOD = "11 d-Simplex, HOC (arXiv:2405.02581)"
OF = Tried(11, "paper", product=True, data="real")
ALLOCATED = 128  # vertices
STEPS = 300
OTHER = 1000  # added to the seed of the second version


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of recall@1."""
    torch.set_num_threads(1)
    folder = os.environ.get(VARIABLE)
    learned, tested = digits(Path(folder) if folder else None, say)

    def one(seed: int) -> dict[str, float]:
        return found(learned, tested, seed)

    rows = by_seed(report, f"{METHOD}: recall@1 of digits in percent", seeds, one, say)
    for name, other, target in (
        ("simplex, new/old", "learned classifiers, new/old", ">= 40"),
        ("simplex and HOC, new/old", "simplex, new/old", ">= 10"),
        ("simplex and HOC, known digits, new/old", "simplex, known digits, old/old", ">= -2"),
    ):
        gained = [row[name] - row[other] for row in rows]
        claim(report, OF, f"{METHOD}: recall@1 of digits, {name} less {other}", gained, "points", target)


def found(learned: Digits, tested: Digits, seed: int) -> dict[str, float]:
    """Recall@1 in percent, by how the second version was learned and which vectors are compared."""
    pictures, asked = unit_rows(learned.pictures), unit_rows(tested.pictures)
    is_known, is_asked_known = learned.shown < KNOWN, tested.shown < KNOWN
    known, classes = pictures[is_known], learned.shown[is_known]
    percent: dict[str, float] = {}

    def compare(name: str, new: Array, old: Array) -> None:
        percent[f"{name}, new/old"] = recall(new, old, tested.shown)
        percent[f"{name}, new/new"] = recall(new, new, tested.shown)
        percent[f"{name}, known digits, new/old"] = recall(new, old, tested.shown, of=is_asked_known)

    def told_old(name: str, old: Array) -> None:
        percent[f"{name}, old/old"] = recall(old, old, tested.shown)
        percent[f"{name}, known digits, old/old"] = recall(old, old, tested.shown, of=is_asked_known)

    later = seed + OTHER
    before, old = independent(known, classes, (pictures, asked), OLD_WIDTH, steps=STEPS, seed=seed)
    told_old("learned classifiers", old)
    (new,) = independent(pictures, learned.shown, (asked,), OLD_WIDTH, steps=STEPS, seed=later)
    compare("learned classifiers", new, old)
    compare("BCT", bct(before, pictures, learned.shown, asked, steps=STEPS, seed=later), old)
    given = {"allocated": ALLOCATED, "steps": STEPS}
    first = first_version("stationary", known, classes, given, seed=seed)
    mapped = compatibilities.get("stationary")
    before, stored = mapped(pictures, first), mapped(asked, first)
    told_old("simplex", stored)
    for name, contrast in (("simplex", 0.0), ("simplex and HOC", 0.1)):
        state = compatibility.fit(
            "stationary", before, pictures, learned.shown, {"contrast": contrast, "steps": STEPS}, seed=later
        )
        compare(name, mapped(asked, state), stored)
    return percent
