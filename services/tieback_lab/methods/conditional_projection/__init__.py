"""Conditional projection: vectors of one space are projected to a space for each condition, such as "colour".

Under a condition, contents that agree in it are near, whatever else they are. A method reads rows of frozen
encoders, with a state that a recipe learned from contents with labels.
"""

from __future__ import annotations

from typing import Protocol

from tieback.core.family import Family
from tieback.core.state import State
from tieback_contract.arrays import Array


class ConditionalProjection(Protocol):
    """A way to project."""

    def __call__(self, rows: Array, mask: Array, condition: int, state: State) -> Array:
        """Unit rows `[n, width]` of n contents under the condition with that number.

        `rows` `[n, rows, input width]` are of each content, the whole's first: regions of a photo, windows of
        a sound, or the whole alone. `mask` `[n, rows]` (bool) is False at padding; the first is never that.
        """
        ...


conditional_projections: Family[ConditionalProjection] = Family(
    __name__, ConditionalProjection, called="conditional projection"
)
