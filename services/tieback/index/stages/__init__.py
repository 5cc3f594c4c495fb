"""The stages of a search, a file for each, in the order of `query_stages.py`."""

from __future__ import annotations

from importlib import import_module

from tieback.index.stages.step import Step
from tieback.query_stages.checks import run_by
from tieback.query_stages.stage import SEARCH, Stage

PIPELINE: tuple[tuple[Stage, Step], ...] = tuple(
    (stage, import_module(f"{__name__}.{stage.run}").STEP) for stage in run_by(SEARCH)
)
"""The stages that `Search` runs, each with how it is run."""
