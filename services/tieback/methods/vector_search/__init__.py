"""Vector search: how far a collection is looked at for the sections nearest to a vector.

A method says it in numbers that every kind of stored vectors understands. What a collection looks at by
itself follows its codec and its size: all vectors, or the lists or the candidates that are most likely. A
method makes that wider or narrower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tieback.core.family import Family

EVERY = float("inf")
"""The breadth of a search that compares with every section, by its full vector."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a search looks.

    `breadth` is how many times as many lists or candidates are looked at as the collection does by itself;
    `EVERY` compares with all, and 0 is no search by the vector. With a `recall`, the breadth is the smallest
    one that found this share of the nearest sections in a measurement on the collection's own vectors, and
    with `seconds` the one that found most in that time; of any number, in half of what the call has left.
    Only sections that are at least as similar as `similarity` are found.
    """

    breadth: float = 1.0
    recall: float | None = None
    similarity: float | None = None
    seconds: float | None = None


AS_KEPT = Reach()
"""As far as the collection looks by itself."""


class VectorSearch(Protocol):
    """A way to search by a vector."""

    def __call__(self) -> Reach:
        """How far it looks."""
        ...


vector_searches: Family[VectorSearch] = Family(__name__, VectorSearch)
