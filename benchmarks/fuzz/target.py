"""Targets of fuzzing: each file of this folder that has a `TARGET`."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import random
from typing import Protocol

import benchmarks.fuzz


class Target(Protocol):
    """Something that reads what callers send."""

    name: str

    def run(self, source: random.Random) -> str:
        """Makes one input and has it read. Says in a few words what came of it; raises what must not come."""
        ...


@functools.cache
def targets() -> dict[str, Target]:
    """The targets by name."""
    found = {}
    for info in pkgutil.iter_modules(benchmarks.fuzz.__path__):
        module = importlib.import_module(f"benchmarks.fuzz.{info.name}")
        target: Target | None = getattr(module, "TARGET", None)
        if target is not None:
            found[target.name] = target
    return found
