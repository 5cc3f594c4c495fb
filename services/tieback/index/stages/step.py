"""A stage of a search as it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tieback.index.stages.state import Searching


@dataclass(frozen=True, slots=True)
class Step:
    """Functions of a stage, each of the search under way."""

    run: Callable[[Searching], None]
    """Does it."""
    takes_place: Callable[[Searching], bool] = lambda _: True
    """Tell whether there is something to do."""
    enters_itself: bool = False
    """True if the stage says when its time begins, since it knows that first while it runs."""
