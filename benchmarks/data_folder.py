"""The folder of data that a benchmark reads, and that its caller names."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
VARIABLE = "TIEBACK_DATA"


class DataError(Exception):
    """A folder is not laid out as it should be; the message says what is missing where."""


@contextmanager
def laid_out() -> Iterator[None]:
    """Turns what goes wrong in reading files into DataError; also a decorator of functions that read."""
    try:
        yield
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"not laid out as --help says: {error!r}") from None


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file with one JSON object a line. DataError where it cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:  # texts have other ends of lines within them
            yield from (json.loads(line) for line in file if line.strip())
    except (OSError, ValueError) as error:
        raise DataError(f"{path.parent.name}/{path.name}: not laid out as --help says: {error!r}") from None


def evenly(found: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly taken."""
    count = len(found)
    return [found[count * place // most] for place in range(most)] if count > most else list(found)


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
        raise DataError(f"name a folder of {holds}: --data DIR, or {VARIABLE}")
    return Path(options.data)
