"""What makes the vectors that heads are fitted on and predict of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tieback_contract.arrays import Array
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import TiebackError
from tieback.core.types.content import Content


class EmbeddingPort(Protocol):
    """Makes one vector of each content, in a space that collections can be in."""

    def find(self, space: str) -> SpaceRef:
        """The served space of that name, or the default one without a name.

        NotFound, with the choices, or InvalidInput where it has to be said.
        """
        ...

    async def embed(
        self, space: SpaceRef, contents: Sequence[Content], *, deadline: Deadline = NO_DEADLINE
    ) -> tuple[list[Array | TiebackError], Timing]:
        """One vector `[width]` per content, in order, or what is wrong with it, told of the content.

        Texts that are too long are cut. A vector that was computed before is itself. Raises where the space
        is not served, or is down.
        """
        ...
