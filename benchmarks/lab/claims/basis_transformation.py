"""Method 28: compatibility by a change of basis, which loses nothing (arXiv:2211.03989).

Digits, as for `orthogonal_alignment`. The old network knows the digits 0 to 4; the new one knows all ten, was
trained alone, and stays as it is. BT² and BCT (arXiv:2003.11942) are learned behind it, from pictures of all
ten. Each picture that none has learned from seeks another one of its digit.

Claimed is that new/old is at least old/old, that nothing of new/new is lost, that BT² is better than BCT, and
that without BT² new vectors say little among old ones. The paper trains the new network as a whole, by the
same loss.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tieback.methods import compatibility
from tieback.methods.compatibility import compatibilities, shared
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from torch import nn

from benchmarks.data_folder import VARIABLE
from benchmarks.lab.claims import by_seed, claim
from benchmarks.lab.claims._digits import Digits
from benchmarks.lab.claims._versions import bct, mean_precision, recall
from benchmarks.lab.claims.orthogonal_alignment import KNOWN, OLD_WIDTH, digits, encoder
from benchmarks.report import Report, Tried

METHOD = "28 BT² (arXiv:2211.03989)"
OF = Tried(28, "paper", product=True, data="real")
KINDS, ADDED = 10, 8  # a quarter of the old width, so that the rest is found by the change of basis
STEPS = 600
OTHER = 1000  # added to the seed of the new network


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of recall@1, beside which the table has mean average precision."""
    torch.set_num_threads(1)
    folder = os.environ.get(VARIABLE)
    learned, tested = digits(Path(folder) if folder else None, say)

    def one(seed: int) -> dict[str, float]:
        return found(learned, tested, seed)

    rows = by_seed(report, f"{METHOD}: digits in percent", seeds, one, say)

    def gained(name: str, other: str) -> list[float]:
        return [row[name] - row[other] for row in rows]

    for name, other, target in (
        ("BT² new/old", "old/old", ">= 0"),
        ("BT² new/new", "independent new/new", ">= -1"),
        ("BT² new/old", "independent new/old", ">= 40"),
        *((f"BT² {way}", f"BCT {way}", "> 0") for way in ("new/old", "new/new")),
    ):
        claim(
            report,
            replace(OF, comparison="ours") if target == ">= 40" else OF,
            f"{METHOD}: recall@1 of digits, {name} less {other}",
            gained(name, other),
            "points",
            target,
        )
    for way in ("new/old, mAP", "new/new, mAP"):
        claim(
            report, OF, f"{METHOD}: {way} of digits, BT² less BCT", gained(f"BT² {way}", f"BCT {way}"),
            "points", "> 0",
        )  # fmt: skip


def found(learned: Digits, tested: Digits, seed: int) -> dict[str, float]:
    """Recall@1 and mean average precision in percent, by which vectors are compared."""
    old, _ = encoder(learned, KNOWN, OLD_WIDTH, seed)
    new, _ = encoder(learned, KINDS, OLD_WIDTH, seed + OTHER)
    known, asked = ((_said(old, part), _said(new, part)) for part in (learned, tested))
    given = {"added": ADDED, "steps": STEPS}
    state = compatibility.fit("bt2", *known, learned.shown, given, seed=seed)
    mapped = compatibilities.get("bt2")(asked[1], state)
    by_bct = bct(*known, learned.shown, asked[1], steps=STEPS, seed=seed)
    compared = {
        "old/old": (asked[0], asked[0]),
        "independent new/old": (asked[1], asked[0]),
        "independent new/new": (asked[1], asked[1]),
        "BCT new/old": (by_bct, asked[0]),
        "BCT new/new": (by_bct, by_bct),
        "BT² new/old": (shared(mapped, OLD_WIDTH), asked[0]),
        "BT² new/new": (mapped, mapped),
    }
    by_recall = {name: recall(*sides, tested.shown) for name, sides in compared.items()}
    precision = {
        f"{name}, mAP": mean_precision(*sides, tested.shown)
        for name, sides in compared.items()
        if name != "independent new/old"
    }
    return by_recall | precision


def _said(network: nn.Sequential, digits: Digits) -> Array:
    with torch.no_grad():
        return unit_rows(network(torch.from_numpy(digits.pictures)).numpy())
