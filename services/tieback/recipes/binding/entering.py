"""How dense vectors enter blocks, and what a query and a document then score: the joint space in matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tieback.core.types.arrays import Array
from tieback.methods.projection import projections, unit_rows
from tieback.models.bound_space import NATIVE, SPARSE, BoundPath
from tieback.recipes.binding.terms import led_by_terms

Dense = Mapping[str, Array]
"""Unit rows `[inputs, width]` by space; a row of zeros is an input that the space said nothing of.

Of a sparse space, weights `[inputs, terms]` of the terms that its paths know.
"""


def project(path: BoundPath, vectors: Array) -> Array:
    """The path's unit rows `[n, block width]` for `vectors` `[n, source width]`; zeros stay zeros."""
    if path.method == NATIVE:
        return unit_rows(vectors)
    if path.reads == SPARSE:
        return led_by_terms(path, vectors)
    said = projections.configure(path.method, path.parameters)(vectors, path.state)
    return np.asarray(said * vectors.any(axis=1, keepdims=True), np.float32)


def enter(paths: Sequence[BoundPath], dense: Dense) -> dict[str, Array]:
    """The unit rows by block: normalise(mean of what the paths from the spaces of `dense` say).

    Paths that stand in are heard of inputs that the block's own space says nothing of.
    """
    said: dict[str, list[Array]] = {}
    spoke: dict[str, Array] = {}
    for path in sorted(paths, key=lambda path: path.stands_in):
        if path.source.name not in dense:
            continue
        rows = project(path, dense[path.source.name])
        own = spoke.setdefault(path.block, np.zeros(len(rows), bool))
        if path.stands_in:
            rows = rows * ~own[:, None]
        elif path.method == NATIVE or path.source.name == path.block:
            own |= rows.any(axis=1)
        said.setdefault(path.block, []).append(rows)
    return {block: unit_rows(np.sum(rows, axis=0)) for block, rows in said.items()}


def similarities(queries: Mapping[str, Array], documents: Mapping[str, Array]) -> dict[str, Array]:
    """The cosines `[queries, documents]` by block that both have."""
    return {name: queries[name] @ documents[name].T for name in queries if name in documents}


def score(cosines: Mapping[str, Array], weights: Mapping[str, Array] | None = None) -> Array:
    """Σ w · cosine over blocks, `[queries, documents]`; without weights, every block's is the same."""
    names = list(cosines)
    if weights is None:
        return np.asarray(sum(cosines.values()) / len(names))
    return np.asarray(sum(weights[name][:, None] * cosines[name] for name in names))
