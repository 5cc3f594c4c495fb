"""The stages of a retrieval, a file for each, in the order of `query_stages/stages.py`."""

from __future__ import annotations

from importlib import import_module

from tieback.answer.stages.step import Step
from tieback.query_stages.checks import run_by
from tieback.query_stages.stage import RETRIEVE, Stage

PIPELINE: tuple[tuple[Stage, Step], ...] = tuple(
    (stage, import_module(f"{__name__}.{stage.run}").STEP) for stage in run_by(RETRIEVE)
)
"""The stages that `Retrieve` runs, each with how it is run."""
