"""Missing parts: rows of a learned pool in their place, against zeros and nearest neighbours (PTUnifier).

One transformer is trained on pairs and on each part alone, three times: with the pool, with zeros as if they
were there, and on pairs alone, where a missing part is the mean of that of the five training things whose
other part is nearest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from tieback_lab.methods.fusion import Goal
from tieback_lab.recipes.train.fusing import Things

from benchmarks.lab.fusion._compared import Comparison, classified, learned
from benchmarks.lab.fusion._things import Digits, Words
from benchmarks.report import Report

NEIGHBOURS = 5
POOL, ZEROS, NEAREST = "ptunifier", "zeros", "nearest neighbours"
LEAST = 2.0


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims."""
    for name, made, parts, kept in (
        ("digits seen and spoken", Digits(data), ("picture", "speech"), [0, 1]),
        ("topics of WordNet", Words(data), ("name", "neighbours"), [0, 2]),
    ):
        one, both = Comparison(f"{name}, one part alone", parts), Comparison(f"{name}, both parts", parts)
        for seed in range(seeds):
            whole, others = (things.of(kept) for things in made.split(seed))
            training = _joined([whole, whole.only([0]), whole.only([1])])
            tests = {one: _joined([others.only([0]), others.only([1])]), both: others}
            pool = learned("ptunifier", training, seed, dropout=0.0, pool=2048)
            zeros = learned("ptunifier", _zeros(training), seed, dropout=0.0, missing="skip")
            pairs = learned("ptunifier", whole, seed, dropout=0.0, missing="skip")
            for comparison, tested in tests.items():
                comparison.add_rivals(training, tested, seed)
                comparison.add(POOL, classified("ptunifier", pool, tested))
                comparison.add(ZEROS, classified("ptunifier", zeros, _zeros(tested)))
                comparison.add(NEAREST, classified("ptunifier", pairs, _nearest(tested, whole)))
        for comparison in (one, both):
            comparison.table(report)
        called = f"(arXiv:2302.08958) {name}"
        one.claim(report, f"{called}, one part alone", POOL, ZEROS, 14, f">= {LEAST}", of="paper")
        one.claim(report, f"{called}, one part alone", POOL, NEAREST, 14, of="paper")
        both.claim(report, f"{called}, both parts", POOL, ZEROS, 14, ">= -1", of="paper")
        for comparison, which in ((one, "one part alone"), (both, "both parts")):
            comparison.claim_rivals(report, f"{called}, {which}", POOL, 14)


def _joined(several: list[Things]) -> Things:
    rows = [np.concatenate([one.rows[place] for one in several]) for place in range(len(several[0].rows))]
    there = [np.concatenate([one.there[place] for one in several]) for place in range(len(rows))]
    groups = np.concatenate([one.goal.groups for one in several])
    return Things(rows, there, None, Goal(groups, several[0].goal.classes))


def _zeros(given: Things) -> Things:
    """All parts as if they were there: a missing one is zeros."""
    rows = [one * mask[..., None] for one, mask in zip(given.rows, given.there, strict=True)]
    return Things(rows, [np.ones_like(mask) for mask in given.there], None, given.goal)


def _nearest(given: Things, known: Things) -> Things:
    """Missing parts as the mean of those of the nearest known things by the part that is there."""
    rows: list[Array] = []
    for place in range(2):
        other = 1 - place
        cosines = unit_rows(given.rows[other][:, 0]) @ unit_rows(known.rows[other][:, 0]).T
        near = np.argsort(-cosines, axis=1)[:, :NEIGHBOURS]
        made = known.rows[place][near, 0].mean(axis=1)[:, None]
        rows.append(np.where(given.there[place][..., None], given.rows[place], made))
    return Things(rows, [np.ones_like(mask) for mask in given.there], None, given.goal)
