"""Runs one benchmark, or lists them: `scripts/bench NAME --json FILE [...]`."""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import pkgutil
import re
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from tieback.core.extensions import VARIABLE

import benchmarks
from benchmarks import lab
from benchmarks.data_folder import DataError
from benchmarks.report import Report
from benchmarks.served import StartError

PROGRAM = "scripts/bench"


class Found(NamedTuple):
    """A benchmark's module, and what it says of itself."""

    module: str
    said: str


@cache
def found() -> dict[str, Found]:
    """The benchmarks by name: the modules of this folder and of the lab's that define `run`.

    They are read and not imported: all of them together take seconds.
    """
    said = {}
    for package in (benchmarks, lab):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            place = Path(package.__path__[0], info.name.rpartition(".")[2])
            path = place / "__init__.py" if info.ispkg else place.with_suffix(".py")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any(isinstance(one, ast.FunctionDef) and one.name == "run" for one in tree.body):
                said[info.name] = ast.get_docstring(tree, clean=False) or ""
    return {name.rpartition(".")[2]: Found(name, text) for name, text in sorted(said.items())}


def module(name: str) -> Any:
    """The benchmark itself."""
    return importlib.import_module(found()[name].module)


def parser(arguments: list[str]) -> argparse.ArgumentParser:
    """One subcommand per benchmark; that of the arguments has its own options and the common ones."""
    top = argparse.ArgumentParser(
        PROGRAM, description="Measures the running product; exits 0 when it ran, whatever it found."
    )
    names = top.add_subparsers(metavar="NAME", dest="name", title="benchmarks")
    for name, benchmark in found().items():
        summary, _, rest = benchmark.said.partition("\n\n")
        one = names.add_parser(
            name,
            help=" ".join(summary.split()),
            description=f"{summary}\n\n{rest}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in arguments[:1]:
            one.add_argument("--json", type=Path, metavar="FILE", help="also write the report to this file")
            module(name).add_arguments(one)
    return top


def command(arguments: list[str]) -> str:
    """The command as a report tells it: of paths outside the project the last name alone."""
    return " ".join([PROGRAM, *(re.sub(r"(^|=)(?:/|~|\.\.)[^=]*/", r"\1", one) for one in arguments)])


def main(arguments: list[str]) -> int:
    os.environ.setdefault(VARIABLE, "lab")  # for the methods that are compared with the defaults
    # As Ctrl-C does: what was started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    made = parser(arguments)
    options = made.parse_args(arguments)
    if options.name is None:
        made.print_help()
        return 0
    run = cast("Callable[[argparse.Namespace], Report | None]", module(options.name).run)
    try:
        report = run(options)
    except DataError as error:
        raise SystemExit(f"{options.name}: {error}") from None
    except StartError as error:
        report = Report()
        report.claim("the server starts", None, "", ">= 1", note=str(error))
    if report is None:
        return 0
    report.command = command(arguments)
    print(report.text())
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(report.json())
        print(f"written to {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
