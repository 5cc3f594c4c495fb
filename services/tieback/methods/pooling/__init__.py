"""The states of a backbone's layers to one vector, as part of an exported graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from tieback.core.family import Family

if TYPE_CHECKING:  # naming the family's methods imports no torch; a serving process does only that
    from torch import Tensor


class Pooling(Protocol):
    """Pools token states.

    `states` are those of the embeddings and of each layer, up to the one that is asked for, `[batch, tokens,
    width]` each. `sizes` `[batch, tokens]` say how many tokens of the text each of the last stands for: 0 for
    padding, 1, or more where tokens were merged. Where they were, earlier states have more tokens.
    """

    def __call__(self, states: Sequence[Tensor], sizes: Tensor) -> Tensor:
        """The pooled vectors `[batch, width]`, not normalised."""
        ...


poolings: Family[Pooling] = Family(__name__, Pooling, in_graph=True)
