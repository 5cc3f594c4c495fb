"""How vectors of a space are projected into blocks.

Where several projections fill a block, its vector is the mean of theirs, at length 1: three text encoders are
an ensemble for what a sentence would look like.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.methods.projection import projections as methods
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import NATIVE, BoundProjection, JointSpaceArtifact

Dense = Mapping[str, Array]
"""Unit rows `[inputs, width]` by space; a row of zeros is an input that the space has no vector of."""


def rows_of(dense: Dense, rows: Array | slice) -> dict[str, Array]:
    """Those inputs, by space."""
    return {name: vectors[rows] for name, vectors in dense.items()}


def unit(vector: Array) -> Array:
    """The vector at length 1, in float32; zeros stay zeros.

    Graphs of projections code their input in 8 bits, so a last bit that differs can move a coordinate by a
    step: whoever is to get what is served normalises by this.
    """
    vector = np.asarray(vector, np.float32)
    square = float(vector @ vector)
    if 0 < square < math.inf:
        return np.asarray(vector * np.float32(1 / math.sqrt(square)))
    norm = np.linalg.norm(vector.astype(np.float64))  # too small or too large to be squared in float32
    return np.asarray(vector / norm if norm > 0 else vector, np.float32)


def read(
    bound: JointSpaceArtifact, vectors: Mapping[str, Array], modality: Modality | None = None
) -> dict[str, Array]:
    """Unit rows of vectors `[inputs, width]` by space, bit for bit as the router reads them.

    Zeros stay zeros. Where the binding has centres for encoders of the `modality`, they are taken off.
    """
    found = {}
    for name, rows in vectors.items():
        found[name] = np.stack([unit(row) for row in rows]) if len(rows) else np.asarray(rows, np.float32)
        if modality is not None and modality in (known := bound.centres.get(name, {})):
            found[name] = unit_rows(found[name] - known[modality]) * found[name].any(axis=1, keepdims=True)
    return found


def project(projection: BoundProjection, vectors: Array) -> Array:
    """The unit rows `[n, block width]` of `vectors` `[n, source width]`; zeros stay zeros."""
    if projection.method == NATIVE:
        return unit_rows(vectors)
    rows = methods.configure(projection.method, projection.parameters)(vectors, projection.state)
    return np.asarray(rows * vectors.any(axis=1, keepdims=True), np.float32)


def project_inputs(projections: Sequence[BoundProjection], dense: Dense) -> dict[str, Array]:
    """The unit rows by block: the mean over the projections from the spaces of `dense`, at length 1.

    Those that impute count for inputs of which the block's own space has no vector.
    """
    projected: dict[str, list[Array]] = {}
    present: dict[str, Array] = {}
    for one in sorted(projections, key=lambda one: one.imputes):
        if one.source.name not in dense:
            continue
        rows = project(one, dense[one.source.name])
        own = present.setdefault(one.block, np.zeros(len(rows), bool))
        if one.imputes:
            rows = rows * ~own[:, None]
        elif one.method == NATIVE or one.source.name == one.block:
            own |= rows.any(axis=1)
        projected.setdefault(one.block, []).append(rows)
    return {block: unit_rows(np.sum(rows, axis=0)) for block, rows in projected.items()}
