"""A collection between two spaces: it is being moved from one encoder to another, and read in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.collections import Moving
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.vectors import SpaceRef, Vector
from tieback_contract.wire import ABSENT, wire

from tieback.core.errors import TiebackError


@dataclass(frozen=True, slots=True)
class StartedMove(Moving):
    """An upgrade of a collection with the `request` that it was started with."""

    request: Mapping[str, Any] | None = field(default=None, metadata=wire(ABSENT))


@dataclass(frozen=True, slots=True)
class MoveProgress:
    """How far a collection is moved: of `total` sections `done` have new vectors.

    The last has `ended`: all have them, but for those of the items in `failures`, which cannot be encoded; or
    it was `paused`; or it `is_over`, since the move was finished or rolled back meanwhile. At the end,
    `staying` are the sections whose vectors are the same in both spaces: they were copied, and not encoded.
    """

    old: SpaceRef
    new: SpaceRef
    done: int
    total: int
    failures: Mapping[str, TiebackError] = field(default_factory=dict)
    failure_count: int = 0
    paused: bool = False
    is_over: bool = False
    ended: bool = False
    staying: int = 0


@dataclass(frozen=True, slots=True)
class SecondVector:
    """A query's vector in the space that a collection is moved to, and which dimensions do not count."""

    vector: Vector
    ignored: Sequence[IgnoredDimensions] = ()
