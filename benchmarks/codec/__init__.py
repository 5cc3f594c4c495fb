"""Processor time of writing and reading messages: this tree against another one, such as an older commit.

    git worktree add ../older COMMIT
    scripts/bench codec --beside ../older

Each side runs in processes of its own that take turns, and counts the processor time of one thread. Without
another tree the times of this one stand alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.report import Report
from benchmarks.statistics import median_ratio, spread

_PROGRAM = Path(__file__).with_name("messages.py")
_HERE = Path(__file__).parents[2]
Samples = dict[str, list[float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="the root of the other tree")
    parser.add_argument("--rounds", type=int, default=9, help="processes of each side, in turn")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    trees = {"this": _HERE} | ({"other": options.beside} if options.beside else {})
    found: dict[str, Samples] = {side: {} for side in trees}
    for _ in range(options.rounds):
        for side, tree in trees.items():
            for name, microseconds in _measured(tree).items():
                found[side].setdefault(name, []).append(microseconds)
    rows = []
    for name, ours in found["this"].items():
        row: dict[str, object] = {"message": name, "this": spread(ours).value}
        if theirs := found.get("other", {}).get(name):
            ratio = median_ratio(ours, theirs)
            row["other"] = spread(theirs).value
            claim = f"{name}: time beside the other tree"
            report.claim(claim, ratio, "times", "<= 1")
        rows.append(row)
    report.table("microseconds of processor time, median of processes", rows)
    return report


def _measured(tree: Path) -> dict[str, float]:
    paths = os.pathsep.join(str(tree / folder) for folder in ("services", "clients"))
    done = subprocess.run(
        [sys.executable, str(_PROGRAM)],
        env=os.environ | {"PYTHONPATH": paths},
        cwd=tree,
        check=True,
        capture_output=True,
        text=True,
    )
    times: dict[str, float] = json.loads(done.stdout)
    return times
