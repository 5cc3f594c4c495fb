"""Measurements of a long benchmark, kept line by line, so that a run that was stopped goes on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


class KeptRows:
    """Rows of JSON by their keys, in a file where one is named. The same options must have made the file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.rows: dict[str, Any] = {}
        if path is not None and path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.endswith("}"):  # the last may be half a line
                    one = json.loads(line)
                    self.rows[one["key"]] = one["row"]

    def keep(self, key: str, row: Any) -> None:
        """Adds a row."""
        self.rows[key] = row
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "row": row}) + "\n")


def add_kept(parser: argparse.ArgumentParser) -> None:
    """The option that names the file."""
    parser.add_argument(
        "--kept", type=Path, metavar="FILE", help="keep each question's numbers, and go on from those there"
    )
