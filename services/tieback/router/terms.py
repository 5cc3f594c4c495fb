"""A path of sparse vectors: the terms that a text is about lead it into a dense block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.types.arrays import Array
from tieback.methods.binding import Binding, bindings
from tieback.models.bound_space import REMEDY, BoundPath

TERMS, VECTORS = "terms", "vectors"


class Termwise:
    """A method of the family binding over the terms that the path's state knows, whatever else is said.

    `TERMS` `[n]` are their numbers, ascending, and `VECTORS` `[n, width]` what each says in the block.
    StartupError where they do not fit the vocabulary, the block or each other.
    """

    def __init__(self, path: BoundPath, width: int) -> None:
        name = f"{path.source.name} -> {path.block}"
        try:
            self._method: Binding = bindings.configure(path.method, path.parameters)
            self._terms = np.asarray(path.state[TERMS])
            self._vectors = np.asarray(path.state[VECTORS], np.float32)
        except (InvalidInput, NotFound) as error:
            raise StartupError(f"the path {name} cannot be made: {error.message}; {REMEDY}") from None
        except KeyError as error:
            raise StartupError(f"the state of the path {name} lacks {error}; {REMEDY}") from error
        terms, vectors = self._terms, self._vectors
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

    def __call__(self, readings: Sequence[tuple[Array, Array]]) -> Array:
        """Unit rows, zeros for what holds no term that is known here."""
        return np.stack([self._led(weights, indices) for weights, indices in readings])

    def _led(self, weights: Array, indices: Array) -> Array:
        _, said, known = np.intersect1d(indices, self._terms, assume_unique=True, return_indices=True)
        if not len(said):
            return np.zeros(self._vectors.shape[1], np.float32)
        return self._method(weights[said], self._vectors[known])
