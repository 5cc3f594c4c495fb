"""The stages of a search, a file for each, in the order of `query_stages.py`."""

from __future__ import annotations

import functools
from importlib import import_module

from tieback.core.extensions import entries, used
from tieback.index.stages.step import Step
from tieback.query_stages.checks import run_by
from tieback.query_stages.stage import SEARCH, Stage


def pipeline() -> tuple[tuple[Stage, Step], ...]:
    """The stages that `Search` runs, those of the extensions in use too, each with how it is run."""
    return _with(used())


@functools.cache
def _with(_: tuple[str, ...]) -> tuple[tuple[Stage, Step], ...]:
    modules = entries(__name__)
    return tuple((stage, import_module(modules[stage.run]).STEP) for stage in run_by(SEARCH))
