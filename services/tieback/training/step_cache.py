"""What the steps of a recipe have computed, kept by everything that went into them.

A step's file is named by a hash over its resolved configuration (defaults filled in), its inputs, and the
source of what computes it. So an interrupted run finds what it had, and a run with another default, another
line of the method or another input finds nothing that is not its own.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save
from tieback_contract.arrays import Array

from tieback.core.durable_files import write_durably
from tieback.training.digests import digest, source_digest

KEPT_SECONDS = 7 * 24 * 3600.0
"""Files that no run has used for so long are removed by the next one that ends."""


class StepCache:
    """Steps and their outputs under `root`. `made` and `found` name the steps of this run, in order."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: list[str] = []
        self.found: list[str] = []

    def arrays(
        self,
        step: str,
        made_by: Callable[..., Any],
        inputs: Mapping[str, Any],
        make: Callable[[], Mapping[str, Array]],
        *,
        beside: tuple[Callable[..., Any], ...] = (),
    ) -> dict[str, Array]:
        """The step's arrays: those that are there, else those that `make` gives, which are kept.

        `made_by` is the function that computes them, `beside` what it calls and does not import (the model of
        a card, the method of a name). `inputs` are whatever the output depends on: values that JSON knows,
        and arrays. Keyword parameters of `made_by` that they leave out count with their defaults.
        """
        key = digest(step, resolved(made_by, inputs), source_digest(made_by, *beside))
        path = self.root / f"{_file_name(step)}-{key}.safetensors"
        try:
            arrays = load(path.read_bytes())
            path.touch()
        except (OSError, SafetensorError):  # not there, or broken by whatever ended the run
            arrays = {name: np.ascontiguousarray(array) for name, array in make().items()}
            self.root.mkdir(parents=True, exist_ok=True)
            write_durably(path, save(arrays))
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


def resolved(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, and the defaults of the function's other keyword parameters, but for functions."""
    parameters = inspect.signature(function).parameters.values()
    defaults = {
        one.name: one.default
        for one in parameters
        if one.kind is one.KEYWORD_ONLY and one.default is not one.empty and not callable(one.default)
    }
    return defaults | dict(given)


def _file_name(step: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in step)
