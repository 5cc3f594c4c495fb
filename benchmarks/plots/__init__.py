"""Draws what `speed`, `soak`, `load` and `fusion --method joint_space` have measured, as docs show it.

Needs matplotlib, of the extra "dev".
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.lab.fusion import TASKS
from benchmarks.load import TABLE as LEVELS
from benchmarks.soak import MEMORY
from benchmarks.speed.claims import CELLS, OVERLOAD


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT", help="written by --json")
    parser.add_argument("--out", type=Path, default=Path("docs/speed"), help="the folder (docs/speed)")


def run(options: argparse.Namespace) -> None:
    from benchmarks.plots import figures  # drawing is needed here alone

    results = [json.loads(path.read_text()) for path in options.results]
    tables: dict[str, list[Any]] = {}
    for result in results:  # a load has a file for each side
        for name, rows in result["tables"].items():
            tables[name] = tables.get(name, []) + rows if name == LEVELS else rows or tables.get(name, [])
    options.out.mkdir(parents=True, exist_ok=True)
    for table, draw in (
        (CELLS, figures.latency),
        (CELLS, figures.shares),
        (OVERLOAD, figures.overload),
        (MEMORY, figures.memory),
        (LEVELS, figures.load),
        (TASKS, figures.joint_space),
    ):
        if tables.get(table):
            draw(tables[table], options.out / f"{draw.__name__}.svg")
    print(f"figures written into {options.out}")
