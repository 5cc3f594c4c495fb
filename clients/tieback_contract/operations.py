"""Operations: work of minutes or hours."""

from __future__ import annotations

import enum


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
