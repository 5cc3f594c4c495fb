"""Whether a text space earns its place: what is found with it and without it, on what no fit has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tieback.core.types.content import Modality
from tieback.recipes.binding.ranking import reciprocal
from tieback.recipes.binding.tasks import Joint, Task

MARGIN = 0.02
"""A space that lowers the mean reciprocal rank by more than this adds nothing."""


@dataclass(frozen=True, slots=True)
class Worth:
    """The mean reciprocal rank of all tasks with equal weights, `present` and `absent`."""

    space: str
    present: float
    absent: float

    @property
    def adds_nothing(self) -> bool:
        """Whether more is found without the space."""
        return self.absent - self.present > MARGIN

    @property
    def told(self) -> str:
        """In words."""
        return (
            f"held-out texts find their partners at a mean reciprocal rank of {self.present:.3f} with it "
            f"and {self.absent:.3f} without it"
        )


def worths(joint: Joint, tasks: Sequence[Task], spaces: Sequence[str]) -> list[Worth]:
    """Of each of the text `spaces`, which have blocks of their own; none without tasks to tell by."""
    asked = [task for task in tasks if task.modality is Modality.TEXT]
    if not asked or len(spaces) < 2:
        return []
    whole = _found(joint, asked)
    return [Worth(space, whole, _found(_without(joint, space), asked)) for space in spaces]


def _found(joint: Joint, tasks: Sequence[Task]) -> float:
    return float(np.mean([reciprocal(joint.places(task, routed=False)).mean() for task in tasks]))


def _without(joint: Joint, space: str) -> Joint:
    blocks = [block for block in joint.blocks if block.space.name != space]
    paths = [path for path in joint.paths if space not in (path.source.name, path.block)]
    return replace(joint, blocks=blocks, paths=paths)
