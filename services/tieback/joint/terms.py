"""The projection of sparse vectors into a dense block: the weighted mean of the vectors of their terms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.types.arrays import Array
from tieback.methods.bridging import Bridge, bridges
from tieback.models.joint_space_artifact import REMEDY, BoundProjection

TERMS, VECTORS = "terms", "vectors"
"""Arrays of the state: the numbers `[n]` of the terms, ascending, and their vectors `[n, width]`."""


class TermProjection:
    """A method of the family bridging over the terms that the state knows; other terms count nothing."""

    def __init__(self, path: BoundProjection) -> None:
        self._method: Bridge = bridges.configure(path.method, path.parameters)
        self.terms = np.asarray(path.state[TERMS])
        self.vectors = np.asarray(path.state[VECTORS], np.float32)

    def __call__(self, readings: Sequence[tuple[Array, Array]]) -> Array:
        """Unit rows for weights with the numbers of their terms; zeros where no term is known."""
        return np.stack([self._led(*self._known(weights, indices)) for weights, indices in readings])

    def of_weights(self, rows: Array) -> Array:
        """Unit rows for weights `[n, terms]` of the terms of the state, in their order."""
        found = np.zeros((len(rows), self.vectors.shape[1]), np.float32)
        for place, row in enumerate(rows):
            said = np.flatnonzero(row)
            found[place] = self._led(row[said], said)
        return found

    def _known(self, weights: Array, indices: Array) -> tuple[Array, Array]:
        """The weights of the known terms, and the places of these in the state."""
        _, said, known = np.intersect1d(indices, self.terms, assume_unique=True, return_indices=True)
        return weights[said], known

    def _led(self, weights: Array, places: Array) -> Array:
        if not len(places):
            return np.zeros(self.vectors.shape[1], np.float32)
        return self._method(weights, self.vectors[places])


def checked(path: BoundProjection, width: int) -> TermProjection:
    """The projection as it is served.

    StartupError where its terms do not fit the vocabulary, a block of that width or each other.
    """
    name = f"{path.source.name} -> {path.block}"
    try:
        made = TermProjection(path)
    except (InvalidInput, NotFound) as error:
        raise StartupError(f"the path {name} cannot be made: {error.message}; {REMEDY}") from None
    except KeyError as error:
        raise StartupError(f"the state of the path {name} lacks {error}; {REMEDY}") from error
    terms, vectors = made.terms, made.vectors
    if terms.ndim != 1 or not len(terms) or vectors.shape != (len(terms), width):
        raise StartupError(
            f"the path {name} has {len(terms)} terms with vectors of shape {vectors.shape} for a block "
            f"of width {width}; {REMEDY}"
        )
    if terms[0] < 0 or terms[-1] >= path.source_width or (np.diff(terms) <= 0).any():
        raise StartupError(
            f"the terms of the path {name} are not those of a vocabulary of {path.source_width}, in "
            f"ascending order; {REMEDY}"
        )
    if not np.isfinite(vectors).all():
        raise StartupError(f"the path {name} has a term whose vector is NaN or infinity; {REMEDY}")
    return made
