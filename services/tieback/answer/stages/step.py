"""A stage of a retrieval as it is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from tieback.answer.stages.state import Retrieving
from tieback.core.types.search import StageScores


@dataclass(frozen=True, slots=True)
class Step:
    """Functions of a stage, each of the retrieval under way."""

    run: Callable[[Retrieving], Awaitable[None]]
    """Does it."""
    takes_place: Callable[[Retrieving], bool] = lambda _: True
    """Tell whether there is something to do."""
    check: Callable[[Retrieving], None] | None = None
    """Refuses a planned query that this server cannot do it for, or changes its plan."""
    wants: Callable[[Retrieving], Awaitable[None]] | None = None
    """Says what hits are to come with, before the search."""
    explained: Callable[[Retrieving], Iterable[StageScores]] | None = None
    """Give its scores of the hits."""
