"""Prints a report that was written with --json as tables in Markdown, as the pages in docs have them.

The claims come first, each with what was found, its interval, the aim, and whether it was met; then the named
tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tieback.reports.markdown import VERDICTS, records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the report")
    parser.add_argument("--tables", nargs="+", metavar="NAME", default=[], help="these of its tables as well")


def run(options: argparse.Namespace) -> None:
    if options.json is not None:
        raise SystemExit("table: measures nothing, so there is nothing for --json")
    try:
        report = json.loads(options.file.read_text())
        claims, tables = report["claims"], report["tables"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"table: {options.file} is no report of a benchmark: {error}") from None
    if unknown := sorted(set(options.tables) - set(tables)):
        raise SystemExit(f"table: {options.file} has no table {unknown[0]!r}; it has: {', '.join(tables)}")
    sys.stdout.write(records(_of_claims(claims)))
    for name in options.tables:
        sys.stdout.write(f"\n## {name}\n\n{records(tables[name])}")


def _of_claims(claims: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "": one["name"],
            "found": _found(one),
            "aim": one["target"],
            " ": VERDICTS[one["met"]],
            "  ": one["note"],
        }
        for one in claims
    ]


def _found(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return "–"
    unit = f" {one['unit']}" if one["unit"] else ""
    interval = "" if one["low"] is None else f" [{one['low']:.3g}, {one['high']:.3g}]"
    return f"{one['value']:.4g}{unit}{interval}"
