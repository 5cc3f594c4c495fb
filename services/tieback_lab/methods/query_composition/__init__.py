"""Query composition: a photo and words that change it become one query vector among vectors of photos.

A method reads rows of the photo and rows of the words, each of a frozen encoder, with a state that a recipe
learned from triplets (photo, words, photo that is meant).
"""

from __future__ import annotations

from typing import Protocol

from tieback.core.family import Family
from tieback.core.state import State
from tieback_contract.arrays import Array


class QueryComposition(Protocol):
    """A way to compose queries."""

    def __call__(self, image: Array, text: Array, mask: Array, state: State) -> Array:
        """Unit rows `[n, image width]` of n queries.

        `image` `[n, rows, image width]` are rows of each photo, the whole's first, and `text` `[n, tokens,
        text width]` of each text; `mask` `[n, tokens]` (bool) is False at padding.
        """
        ...


query_compositions: Family[QueryComposition] = Family(__name__, QueryComposition, called="query composition")
