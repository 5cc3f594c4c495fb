"""Class names, and the labels that a classifier gives."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label

from tieback.core.errors import StartupError


def read_class_names(path: Path) -> tuple[str, ...]:
    """The names by class number: a JSON list, a CSV with the column `display_name`, or one name a line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        names = json.loads(text)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise StartupError(f"{path.name} of class names is not a list of strings")
        return tuple(names)
    if path.suffix == ".csv":
        rows = csv.DictReader(text.splitlines())
        if "display_name" not in (rows.fieldnames or ()):
            raise StartupError(f"{path.name} of class names has no column display_name")
        return tuple(row["display_name"] for row in rows)
    return tuple(text.splitlines())


def likeliest(probabilities: Array, names: tuple[str, ...], top: int) -> list[Label]:
    """The `top` classes of `[classes]` probabilities, best first."""
    order = np.argsort(-probabilities, kind="stable")[:top]
    return [Label(names[index], int(index), float(probabilities[index])) for index in order]
