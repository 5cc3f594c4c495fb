"""Context compression: what a language model is to read becomes soft tokens, which stand in its prompt.

A method makes soft tokens of rows that stand for a text, with a state that a recipe learned for one language
model, which stays as it is.
"""

from __future__ import annotations

from typing import Protocol

from tieback.core.family import Family
from tieback.core.state import State
from tieback_contract.arrays import Array


class ContextCompression(Protocol):
    """A way to make soft tokens."""

    def __call__(self, rows: Array, state: State) -> Array:
        """Soft tokens `[n, width of the language model]`, float32, of `rows` `[n, width of the rows]`."""
        ...


context_compressions: Family[ContextCompression] = Family(
    __name__, ContextCompression, called="context compression"
)
