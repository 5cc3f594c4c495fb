"""Learned fusions of parts, some of which are missing: each method by its paper's comparison, on real data.

    scripts/bench fusion --method multimodn --data DIR --json FILE

Every one is also compared with a parallel network that had parts dropped in training, and with the best part
alone (`_compared.py`): five seeds, intervals paired by tested thing. What is learned is thrown away. DIR
holds classes, speech/digits, graphs/wn18rr, captions, coco128, sounds and nli, as a method needs them.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil

from benchmarks.data_folder import add_data, data_of
from benchmarks.lab.fusion._compared import SEEDS
from benchmarks.report import Report

HOLDS = "classes, speech/digits and graphs"
TASKS = "learned fusions and the joint space"
"""The table of `joint_space`, which is drawn."""


def _methods() -> list[str]:
    """The comparisons: the modules of this folder but the shared ones."""
    names = [one.name.removeprefix("_") for one in pkgutil.iter_modules(__path__)]
    return [name for name in names if name not in ("compared", "things")]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--method", choices=_methods(), required=True, help="the method that is compared")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"trainings of each network [{SEEDS}]")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    module = importlib.import_module(f"{__name__}._{options.method}")
    module.compare(report, data_of(options, HOLDS), options.seeds)
    return report
