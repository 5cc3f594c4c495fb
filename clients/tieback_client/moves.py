"""Collections that are between two spaces, and what was found in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tieback_contract.vectors import SpaceRef

from tieback_client.errors import TiebackError


@dataclass(frozen=True, slots=True)
class UpgradeResult:
    """How an operation of an upgrade ended. The collection is between the spaces, unless it is `over`."""

    old_space: SpaceRef
    """The old space."""
    new_space: SpaceRef
    """The new space."""
    done: int
    """Sections that have vectors of the new space."""
    total: int
    """Sections of the collection."""
    failures: Mapping[str, TiebackError] = field(default_factory=dict)
    """Why items cannot be encoded in the new space, by their ids: at most 1000."""
    failure_count: int = 0
    """How many there are."""
    paused: bool = False
    """Whether it ended since the upgrade was paused."""
    over: bool = False
    """Whether it ended since the upgrade was finished or rolled back."""
    staying: int = 0
    """Sections whose vectors are the same in both spaces, and were copied."""
