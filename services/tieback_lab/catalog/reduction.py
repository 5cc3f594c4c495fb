"""Token reduction: the measurements in a card for each method, and what is served."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from tieback.catalog.source import Strict

LEAST_SPEED, MOST_LOST = 1.3, 0.01
"""What a ratio must give to be served, in times as fast, for what it may cost: a point of each measure."""


class MeasuredRatio(Strict):
    """One ratio, as ``scripts/bench reduction`` measures it.

    `speed` is how many times as fast texts are encoded, by their tokens; `lost` what each measure of quality
    lost, in its own unit.
    """

    ratio: Annotated[float, Field(ge=0.5, lt=1)]
    speed: Annotated[dict[int, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    lost: Annotated[dict[str, float], Field(min_length=1)]

    @property
    def least_speed(self) -> float:
        """At the length that gains least."""
        return min(self.speed.values())

    @property
    def most_lost(self) -> float:
        """By the measure that loses most."""
        return max(self.lost.values())

    @property
    def is_served(self) -> bool:
        """Whether it gives enough for what it costs."""
        return self.least_speed >= LEAST_SPEED and self.most_lost <= MOST_LOST


class TokenReduction(Strict):
    """A method of the family `token_reduction`, with its parameters and what was measured of it."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    measured: tuple[MeasuredRatio, ...] = ()

    @property
    def smallest_served(self) -> float | None:
        """The smallest ratio that is served: larger ones keep more. None where none is."""
        return min((one.ratio for one in self.measured if one.is_served), default=None)
