"""Vectors whose kind changes while they are used: what is searched now, and what was written meanwhile."""

from __future__ import annotations

from tieback_contract.arrays import Array

from tieback.index.vectors import Structure, Vectors


class CurrentVectors:
    """Passes on to `current`. `_moved` are the positions written while another kind is made, else None."""

    current: Vectors
    _moved: set[int] | None

    @property
    def exact(self) -> bool:
        """See `Vectors`."""
        return self.current.exact

    @property
    def structure(self) -> Structure:
        """See `Vectors`."""
        return self.current.structure

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""
        self.current.remove(positions)
        self._note(positions)

    def take(self, positions: Array) -> Array:
        """See `Vectors`."""
        return self.current.take(positions)

    def search(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """See `Vectors`."""
        return self.current.search(query, limit, allowed, breadth)

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        return self.current.similarities(query, allowed)

    def _note(self, positions: Array) -> None:
        """Keeps in mind what is written while another kind is made."""
        if self._moved is not None:
            self._moved.update(positions.tolist())
