"""Missing parts that tell the class, whose missingness then turns round (MultiModN's own comparison).

In training speech is missing of most odd digits and of few even ones, and pictures the other way round; in
the test it is the other way. What is predicted is whether a digit is odd, so a network that has learned what
a missing part says loses by it.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from tieback.core.state import State
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from tieback_lab.methods.fusion import STEP, fusions, predicted
from tieback_lab.recipes.train.fusing import Things

from benchmarks.lab.fusion._compared import PARALLEL, Comparison, classified, learned
from benchmarks.lab.fusion._things import Digits, missing_by_label
from benchmarks.report import Report, Tried
from benchmarks.statistics import paired

NAME = "(arXiv:2309.14118) odd and even digits seen and spoken"
PARTS = ("picture", "speech", "second-picture")
OFTEN, SELDOM = 0.9, 0.1
KEPT = 0.6
OF = Tried(57, "paper", product=True, data="real")
OWN, WITH_DROPOUT, WITHOUT = "multimodn", "multimodn, parts dropped", "parallel, none dropped"


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims."""
    digits = Digits(data)
    odds = np.array([[OFTEN, SELDOM, OFTEN], [SELDOM, OFTEN, SELDOM]])
    as_before, turned = Comparison("missing as in training", PARTS), Comparison("missingness turned", PARTS)
    orders = Comparison("multimodn by the order of the parts, missingness turned", PARTS)
    for seed in range(seeds):
        whole, others = digits.split(seed, parity=True)
        draw = np.random.default_rng(seed)
        training = missing_by_label(whole, odds, draw)
        tests = {
            as_before: missing_by_label(others, odds, draw),
            turned: missing_by_label(others, odds[::-1], draw),
        }
        ways = {
            OWN: ("multimodn", learned("multimodn", training, seed, dropout=0.0)),
            WITH_DROPOUT: ("multimodn", learned("multimodn", training, seed)),
            WITHOUT: ("parallel", learned("parallel", training, seed, dropout=0.0)),
        }
        for comparison, tested in tests.items():
            comparison.add_rivals(training, tested, seed)
            for way, (method, state) in ways.items():
                comparison.add(way, classified(method, state, tested))
        for order in itertools.permutations(range(len(PARTS))):
            said = ", ".join(PARTS[place] for place in order)
            orders.add(said, _in_order(ways[OWN][1], tests[turned], order))
    for one in (as_before, turned, orders):
        one.table(report)
    for ours, rival in ((OWN, PARALLEL), (OWN, WITHOUT), (WITH_DROPOUT, PARALLEL)):
        lost, theirs = (100 * (as_before.mean(way) - turned.mean(way)) for way in (ours, rival))
        report.claim(
            f"57 {NAME}: accuracy that {ours} loses as it turns, less {KEPT} of what {rival} loses",
            paired(lost, KEPT * theirs), "points", "<= 0", of=OF,
            note=f"{lost.mean():.1f} against {theirs.mean():.1f} points lost",
        )  # fmt: skip
    turned.claim_rivals(report, f"{NAME}, missingness turned", OWN, 57)
    as_before.claim_rivals(report, f"{NAME}, missing as in training", OWN, 57)


def _in_order(state: State, tested: Things, order: tuple[int, ...]) -> Array:
    """1 where the class is right after the parts in this order, one step a part."""
    step = fusions.form(STEP, "multimodn")
    now = np.broadcast_to(state["begin"], (len(tested), len(state["begin"])))
    for part in order:
        has = tested.has[:, part, None]
        now = np.where(has, step(tested.rows[part], tested.there[part], part, now, state), now)
    found = predicted(unit_rows(now), state).argmax(axis=1)
    return np.asarray(found == tested.goal.groups, np.float64)
