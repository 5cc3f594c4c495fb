"""What the steps of a search made of one of its hits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tieback.core.types.search import StageScores


class StageScore(NamedTuple):
    """What a step made of a hit."""

    stage: str
    score: float
    normalised: float | None
    rank: int
    kept: str


def stages_of(steps: Sequence[StageScores], hit: int) -> list[StageScore]:
    """Of the hit at a place, in the order of the steps."""
    return [
        StageScore(
            step.stage,
            step.scores[row],
            step.normalised[row] if step.normalised else None,
            step.ranks[row],
            step.reasons[step.kept[row]],
        )
        for step in steps
        for row, place in enumerate(step.hits)
        if place == hit
    ]
