"""The folder of data that a benchmark reads, and that its caller names."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

VARIABLE = "TIEBACK_DATA"


def add_data(parser: argparse.ArgumentParser, holds: str, *, otherwise: str = "") -> None:
    """The option that `data_of` reads; `holds` says what is in the folder."""
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get(VARIABLE),
        metavar="DIR",
        help=f"{holds}; by default of {VARIABLE}{otherwise}",
    )


def data_of(options: argparse.Namespace, holds: str) -> Path:
    """The folder. Ends the program where none is named."""
    if options.data is None:
        raise SystemExit(f"{options.name}: name a folder of {holds}: --data DIR, or {VARIABLE}")
    return Path(options.data)
