"""Operations: work of minutes or hours."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class OperationState(enum.StrEnum):
    """State of an operation."""

    WAITING = "waiting"
    """It has not run yet, since others do."""
    RUNNING = "running"
    """It runs, or is tried again."""
    SUCCEEDED = "succeeded"
    """It ended, and has a result."""
    FAILED = "failed"
    """It ended, and has an error."""
    CANCELLED = "cancelled"
    """It ended because that was asked for."""

    @property
    def is_over(self) -> bool:
        """True where it stays so."""
        return self not in (OperationState.WAITING, OperationState.RUNNING)


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query and what answers it."""

    text: str
    """The query."""
    grades: Mapping[str, int]
    """The grades of items by their ids, 1 to 20; the gain of a grade is 2^grade − 1."""
