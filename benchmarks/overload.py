"""Goodput when three times as much is asked as can be done, and what a refusal costs; under four minutes.

It is the overload of `scripts/bench speed`, several times over: single short texts arrive at three times the
capacity, in one process and on Ray Serve, and what is answered within a second counts. The second table says
what a refused call costs the server and its caller, in microseconds of processor time.
"""

from __future__ import annotations

import argparse

from benchmarks import corpus
from benchmarks.load.generator import LoadError
from benchmarks.peers.tuning import TUNINGS
from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import StartError
from benchmarks.speed.overload import Overload, overload
from benchmarks.speed.overload_claims import OVERLOADED, conclude, row
from benchmarks.speed.plan import LEVEL_SECONDS, START_SECONDS
from benchmarks.speed.refusals import BARE, refusals
from benchmarks.speed.sides import LOCAL, RAY, groups

SIDES = (LOCAL, RAY)
REFUSALS = "cost of a refusal"
REFUSAL_SECONDS = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    corpus.add_argument(parser)
    parser.add_argument("--sides", nargs="+", metavar="SIDE", choices=SIDES, default=SIDES)
    parser.add_argument("--rounds", type=int, default=3, help="overloads of each side (3)")


def run(options: argparse.Namespace) -> Report:
    texts = corpus.chosen(options)
    chosen = groups(options.sides)
    expected = START_SECONDS + LEVEL_SECONDS * options.rounds
    progress = Progress({REFUSALS: REFUSAL_SECONDS} | {group.name: expected for group in chosen})
    progress.begin(REFUSALS)
    costs = refusals(progress.say)
    found: list[Overload] = []
    missing: dict[str, str] = {}
    for group in chosen:
        progress.begin(group.name)
        (side,) = group.sides
        try:
            with group.serve(TUNINGS[0]) as running:
                levels = [OVERLOADED] * options.rounds
                found += overload(side, running.targets[side], texts, levels=levels, say=progress.say)
        except (StartError, LoadError, OSError) as error:
            missing[side] = str(error)
    report = Report()
    conclude(report, found, lambda side: missing.get(side, "not part of this run"))
    report.table("overload: single short texts, open loop", [row(one) for one in found])
    bare = next(cost.server for cost in costs if cost.way == BARE)
    report.table(
        f"{REFUSALS}, µs of processor time",
        [
            {
                "way": cost.way,
                "server": cost.server,
                "of it gRPC": bare,
                "of it this project": cost.server - bare,
                "caller": cost.caller,
            }
            for cost in costs
        ],
    )
    return report
