"""The cost of an item in tokens: all that a batcher reads of it."""

from __future__ import annotations

from typing import Protocol


class HasTokens(Protocol):
    """Something with a cost in tokens."""

    @property
    def tokens(self) -> int:
        """Useful tokens; an item of none still costs one."""
        ...


def cost_of(item: HasTokens) -> int:
    """Tokens that an item counts as."""
    return max(item.tokens, 1)
