"""Draws what `speed` and `soak` have measured, and writes the page with figures and numbers.

Needs matplotlib, of the extra "dev". Figures are written beside the page, into a folder of its name.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.plots.page import page
from benchmarks.soak import MEMORY
from benchmarks.speed.claims import CELLS, OVERLOAD


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT", help="written by --json")
    parser.add_argument("--out", type=Path, default=Path("docs/speed.md"), help="the page (docs/speed.md)")
    parser.add_argument("--remarks", type=Path, metavar="FILE", help="Markdown to put below the claims")


def run(options: argparse.Namespace) -> None:
    from benchmarks.plots import figures  # drawing is needed here alone

    results = [json.loads(path.read_text()) for path in options.results]
    tables = {name: rows for result in results for name, rows in result["tables"].items() if rows}
    folder = options.out.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, str] = {}
    for title, table, draw in (
        ("Latency against throughput", CELLS, figures.latency),
        ("Share of the machine's limit", CELLS, figures.shares),
        ("Overload", OVERLOAD, figures.overload),
        ("Memory", MEMORY, figures.memory),
    ):
        if table in tables:
            path = folder / f"{draw.__name__}.svg"
            draw(tables[table], path)
            drawn[title] = f"{folder.name}/{path.name}"
    options.out.write_text(page(results, drawn, options.remarks.read_text() if options.remarks else ""))
    print(f"written to {options.out}, figures into {folder}")
