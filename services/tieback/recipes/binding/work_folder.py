"""What a binding has computed so far, kept by what it was computed from.

A step's file is named by a hash of everything that goes into the step, so an interrupted run finds what it
had, and a run with other inputs finds nothing that is not its own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tieback.core.types.arrays import Array

VERSION = 1
"""Hashed into every name: change it whenever the same inputs would give another output."""

KEPT_SECONDS = 7 * 24 * 3600.0
"""Files that no run has used for so long are removed by the next one that ends."""


class WorkFolder:
    """Steps and their outputs under `root`. `made` and `found` name the steps of this run, in order."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: list[str] = []
        self.found: list[str] = []

    def arrays(
        self, step: str, inputs: Mapping[str, Any], make: Callable[[], Mapping[str, Array]]
    ) -> dict[str, Array]:
        """The step's arrays: those that are there, else those that `make` gives, which are kept.

        `inputs` are whatever the output depends on: values that JSON knows, and arrays.
        """
        path = self.root / f"{_file_name(step)}-{_key(step, inputs)}.safetensors"
        try:
            arrays = load(path.read_bytes())
            path.touch()
        except (OSError, SafetensorError):  # not there, or broken by whatever ended the run
            arrays = {name: np.ascontiguousarray(array) for name, array in make().items()}
            self.root.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            partial.write_bytes(save(arrays))
            partial.replace(path)
            self.made.append(step)
        else:
            self.found.append(step)
        return arrays

    def forget_old(self) -> None:
        """Removes what no run has used for a week."""
        before = time.time() - KEPT_SECONDS
        for path in self.root.glob("*.safetensors"):
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)


def digest(*parts: Any) -> str:
    """A hash of values that JSON knows and of arrays."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            whole.update(f"{part.dtype}{part.shape}".encode())
            whole.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, Mapping):
            for name in sorted(part):
                whole.update(digest(name, part[name]).encode())
        else:
            whole.update(json.dumps(part, sort_keys=True, default=str).encode())
        whole.update(b"\0")
    return whole.hexdigest()[:20]


def _key(step: str, inputs: Mapping[str, Any]) -> str:
    return digest(VERSION, step, inputs)


def _file_name(step: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in step)
