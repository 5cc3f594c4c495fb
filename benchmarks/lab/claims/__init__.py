"""Claims of the papers behind methods, tested again at a small scale with the product's code on real data.

A topic is a file of benchmarks/lab/claims with a function `study`, for one method. It tests the claim with
several seeds, and reports the mean with the smallest and the largest value. A claim of a paper is met if it
holds with every seed; one that does not is reported as not met, and a topic that fails as not measured. What
holds by construction, or on data that were made so that a method can show itself, is no claim; the tests
check it. Real sentences come from the folder of $TIEBACK_DATA, with the layout of benchmarks/corpus.py, or
from the texts of the project. Handwritten digits are downloaded once into the model store.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from benchmarks.progress import Progress
from benchmarks.report import SEEDS as SEEDS_RANGE
from benchmarks.report import Report, Tried
from benchmarks.statistics import Interval

ROOT = Path(__file__).parents[3]
SEEDS = 5
EXPECTED_SECONDS = 60.0  # of a topic with all seeds


class Study(Protocol):
    """A topic: adds claims and tables to the report, and says what it is doing."""

    def __call__(self, report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None: ...


def topics() -> list[str]:
    """The topics' names: the files of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--topics",
        nargs="+",
        metavar="TOPIC",
        choices=topics(),
        help=f"of {', '.join(topics())}; default all",
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"so many of each ({SEEDS})")


def run(options: argparse.Namespace) -> Report:
    if options.seeds < 1:
        raise SystemExit(f"claims: --seeds is 1 or more, not {options.seeds}")
    report = Report()
    chosen = options.topics or topics()
    measure(report, {topic: _imported(topic) for topic in chosen}, range(options.seeds))
    return report


def measure(report: Report, studies: Mapping[str, Study], seeds: Sequence[int]) -> None:
    """Runs the studies one after another; what one finds before it fails is kept."""
    progress = Progress(dict.fromkeys(studies, EXPECTED_SECONDS * len(seeds) / SEEDS))
    for topic, study in studies.items():
        progress.begin(topic)
        try:
            study(report, seeds, progress.say)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - of whatever kind, the others still run
            reason = f"{type(error).__name__}: {error}".replace(f"{ROOT}/", "")
            progress.say(f"failed: {reason}")
            report.claim(f"{topic}: the whole topic", None, "", ">= 1", note=reason)


def by_seed(
    report: Report,
    title: str,
    seeds: Sequence[int],
    one: Callable[[int], dict[str, float]],
    say: Callable[[str], None],
) -> list[dict[str, float]]:
    """Results of one run with each seed, by name; adds it to the report as a table."""
    rows = []
    for seed in seeds:
        rows.append(one(seed))
        say(f"seed {seed}: " + ", ".join(f"{name} {value:.3g}" for name, value in rows[-1].items()))
    report.table(title, [{"seed": seed, **row} for seed, row in zip(seeds, rows, strict=True)])
    return rows


def claim(
    report: Report,
    of: Tried | None,
    name: str,
    values: Sequence[float],
    unit: str,
    target: str,
    *,
    note: str = "",
) -> None:
    """Adds the mean over seeds, with the smallest and the largest; `of` is None if it is of no paper."""
    report.claim(name, Interval.between(values), unit, target, note=note, interval=SEEDS_RANGE, of=of)


def _imported(topic: str) -> Study:
    """The topic's study, imported when it is its turn, so that one that cannot be imported fails alone."""

    def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
        module = importlib.import_module(f"{__name__}.{topic}")
        cast("Study", module.study)(report, seeds, say)

    return study
