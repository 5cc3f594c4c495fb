"""Random and broken input for everything that reads bytes of callers, and what came of it.

Each target is a file of this folder: what it makes of a random source, and what may come of it. A run that
raises anything that is not an error for the caller is a finding, and so is one that takes too long on the
processor. Every run is made by its number: `--first N --runs 1` repeats one.
"""

from __future__ import annotations

import argparse
import random
import time
import traceback
from collections import Counter

import psutil

from benchmarks.fuzz.target import Target, targets
from benchmarks.progress import Progress
from benchmarks.report import Report

SECONDS = 1.0
GROWTH = 64.0  # MB
SHOWN = 20
RUNS_A_SECOND = 500.0
_MB = 1 << 20


def add_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument("--runs", type=int, default=20_000, metavar="N", help="runs of each target (20000)")
    one.add_argument("--first", type=int, default=0, metavar="N", help="number of the first run (0)")
    one.add_argument("--seed", default="0", metavar="TEXT", help="what all random choices follow from (0)")
    one.add_argument(
        "--target", action="append", choices=sorted(targets()), help="this target only; may be repeated"
    )


def run(options: argparse.Namespace) -> Report:
    report = Report()
    for name in options.target or sorted(targets()):
        tried(report, targets()[name], options)
    return report


def tried(report: Report, target: Target, options: argparse.Namespace) -> None:
    """Runs one target, and says what was found."""
    process = psutil.Process()
    outcomes: Counter[str] = Counter()
    findings: list[dict[str, object]] = []
    slowest, growth, before = 0.0, 0.0, None
    progress = Progress({target.name: options.runs / RUNS_A_SECOND})
    progress.begin(target.name)
    for number in range(options.first, options.first + options.runs):
        source = random.Random(f"{options.seed} {target.name} {number}")
        begin = time.process_time()
        try:
            outcome = target.run(source)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            outcome = "finding"
            place = traceback.extract_tb(error.__traceback__)[-1]
            findings.append({"run": number, "error": repr(error)[:200], "in": f"{place.name}:{place.lineno}"})
        took = time.process_time() - begin
        if took > SECONDS:
            findings.append({"run": number, "error": f"took {took:.2f} s", "in": outcome})
        slowest = max(slowest, took)
        outcomes[outcome] += 1
        if number - options.first == min(1000, options.runs // 10):
            before = process.memory_info().rss  # what is loaded once is loaded by now
        if before is not None:
            growth = max(growth, (process.memory_info().rss - before) / _MB)
        if number % 20_000 == 19_999:
            progress.say(f"{number + 1 - options.first} runs, {len(findings)} findings")
    report.claim(f"{target.name}: findings in {options.runs} runs", len(findings), "", "<= 0")
    report.claim(f"{target.name}: slowest run", round(slowest, 3), "s", f"<= {SECONDS:g}")
    report.claim(f"{target.name}: growth of memory", round(growth, 1), "MB", f"<= {GROWTH:g}")
    report.tables[f"{target.name}: outcomes"] = [
        {"outcome": name, "runs": count} for name, count in outcomes.most_common()
    ]
    if findings:
        report.tables[f"{target.name}: findings"] = [*findings[:SHOWN]]
