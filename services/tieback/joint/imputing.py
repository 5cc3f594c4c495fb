"""The blocks of spaces that are missing, filled by a method of the family imputation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.joint.projecting import Dense
from tieback.methods.imputation import imputations
from tieback.models.joint_space_artifact import BoundImputation, BoundProjection, SpaceBlock


def impute(
    imputation: BoundImputation,
    blocks: Sequence[SpaceBlock],
    projections: Sequence[BoundProjection],
    dense: Dense,
    missing: Collection[str],
    projected: Mapping[str, Array],
) -> dict[str, Array]:
    """The rows by block of queries `dense`, filled where only missing spaces are projected into one.

    The spaces of the names in `missing` are missing, and of an input those whose row is zeros; `projected`
    are the rows by block without them.
    """
    count = len(next(iter(dense.values())))
    names = [block.space.name for block in blocks]
    lacking = np.zeros((count, len(names)), bool)
    for one in projections:
        if one.source.name in dense:
            absent = one.source.name in missing or ~dense[one.source.name].any(axis=1)
            lacking[:, names.index(one.block)] |= absent
    rows = [projected.get(block.space.name, np.zeros((count, block.width), np.float32)) for block in blocks]
    present = np.stack([one.any(axis=1) for one in rows], axis=1)
    if not (lacking & ~present).any():
        return dict(projected)
    method = imputations.configure(imputation.method, imputation.parameters)
    filled, known = method(rows, present, imputation.state)
    wanted = present | (known & lacking)
    return {
        name: filled[place] * wanted[:, place, None]
        for place, name in enumerate(names)
        if wanted[:, place].any()
    }
