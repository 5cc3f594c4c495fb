"""What came of an upgrade of a collection's space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tieback_client.vectors import SpaceRef


@dataclass(frozen=True, slots=True)
class Recall:
    """The share of held-out queries whose first hit is right, with its 95 % interval."""

    value: float
    """The share, 0 to 1."""
    low: float
    """The lower bound."""
    high: float
    """The upper bound."""


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """What an upgrade learned, and what it is worth."""

    old_space: SpaceRef
    """The space of the collection's vectors."""
    new_space: SpaceRef
    """The space whose vectors the transform takes."""
    policy: str
    """How the transform was learned."""
    parameters: Mapping[str, object]
    """All parameters of that."""
    artifact: str
    """The revision of the transform, a hash over its content."""
    width: int
    """Dimensions of transformed vectors; the leading ones compare with stored vectors."""
    trained: int
    """Contents that it was learned from."""
    held_out: int
    """Contents that it was measured on."""
    left_out: int
    """Sections that were not used."""
    old_old: Recall
    """Queries and documents in the old space, as before an upgrade."""
    new_old: Recall
    """Transformed queries of the new space, documents of the old one."""
    new_new: Recall
    """Transformed queries and documents of the new space."""
    native: Recall
    """Queries and documents of the new space as it is, as after a reindex."""
    encoding_seconds: float
    """Time for encoding, both spaces together."""
    training_seconds: float
    """Time for the training; of its last part where it was interrupted."""
