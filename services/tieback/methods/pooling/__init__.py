"""Token states to one vector, as part of an exported graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tieback.core.family import Family

if TYPE_CHECKING:  # naming the family's methods imports no torch; a serving process does only that
    from torch import Tensor


class Pooling(Protocol):
    """A way to pool: `tokens` `[batch, tokens, width]` and `mask` `[batch, tokens]` of ones and zeros."""

    def __call__(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The pooled vectors `[batch, width]`, not normalised."""
        ...


poolings: Family[Pooling] = Family(__name__, Pooling, in_graph=True)
