"""A collection between two spaces: it is being moved from one encoder to another, and read in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.vectors import SpaceRef, Vector

from tieback.core.errors import TiebackError


@dataclass(frozen=True, slots=True)
class Moving:
    """The space that a collection is being moved to, of vectors `width` wide.

    Of `total` sections `done` have their vectors there. `paused` says that nothing encodes the others now.
    `translation` is the revision of the transform by which the old vectors are read where the old encoder is
    gone, with the `trust` in it, 0 to 1; empty where both encoders are asked. It brings the stored vectors
    into the new space where `translates_stored`, else queries into the old one. `request` is what the upgrade
    was started with.
    """

    space: SpaceRef
    width: int
    done: int = 0
    total: int = 0
    paused: bool = False
    translation: str = ""
    trust: float = 1.0
    request: Mapping[str, Any] = field(default_factory=dict)
    translates_stored: bool = False

    @property
    def share(self) -> float:
        """The share of sections that have new vectors; 1 of a collection without any."""
        return self.done / self.total if self.total else 1.0


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
