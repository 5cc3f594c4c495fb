"""What a solid is, and how one is drawn as a cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

from tieback.training.solids.meshes import drawn

FEWEST_POINTS, MOST_POINTS = 400, 1000
NOISE = 0.01
"""The most noise, as a share of the longest extent; as much is drawn as a uniform share of it."""
STRETCH = 1.25
"""Each axis is stretched by up to so much, or pressed."""

Between = Callable[[float, float], float]
"""A number between two."""
Make = Callable[[Between], list[Array]]


@dataclass(frozen=True, slots=True)
class Solid:
    """A thing's name, and how one is made."""

    name: str
    make: Make

    def sample(self, draw: np.random.Generator) -> Array:
        """One of them as a cloud `[points, 3]`, in float32."""
        parts = self.make(lambda low, high: float(draw.uniform(low, high)))
        count = int(draw.integers(FEWEST_POINTS, MOST_POINTS))
        points = drawn(np.concatenate(parts), count, draw)
        points = points * STRETCH ** draw.uniform(-1, 1, 3)
        turn = draw.uniform(0, 2 * np.pi)
        about = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        extent = float(np.ptp(points, axis=0).max())
        noise = draw.uniform(0, NOISE) * extent * draw.normal(size=points.shape)
        return np.asarray(points @ about.T + noise, np.float32)


SOLIDS: list[Solid] = []
"""All of them, in the order of their files."""


def solid(make: Make) -> Make:
    """Registers a thing; its name is the function's."""
    SOLIDS.append(Solid(make.__name__.strip("_").replace("_", " "), make))
    return make
