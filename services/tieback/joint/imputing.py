"""The blocks of spaces that are missing, filled by a method of the family imputation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from tieback.core.types.arrays import Array
from tieback.joint.projecting import Dense
from tieback.methods.imputation import imputations
from tieback.models.joint_space_artifact import Block, BoundImputation, BoundProjection


def impute(
    how: BoundImputation,
    blocks: Sequence[Block],
    paths: Sequence[BoundProjection],
    dense: Dense,
    lost: Collection[str],
    projected: Mapping[str, Array],
) -> dict[str, Array]:
    """The rows by block of queries `dense`, filled where only lost spaces lead into one.

    Lost are the spaces of that name, and of an input those whose row is zeros; `projected` are the rows by
    block without them.
    """
    count = len(next(iter(dense.values())))
    names = [block.space.name for block in blocks]
    lacking = np.zeros((count, len(names)), bool)
    for path in paths:
        if path.source.name in dense:
            missing = path.source.name in lost or ~dense[path.source.name].any(axis=1)
            lacking[:, names.index(path.block)] |= missing
    rows = [projected.get(block.space.name, np.zeros((count, block.width), np.float32)) for block in blocks]
    present = np.stack([one.any(axis=1) for one in rows], axis=1)
    if not (lacking & ~present).any():
        return dict(projected)
    filled, known = imputations.configure(how.method, how.parameters)(rows, present, how.state)
    wanted = present | (known & lacking)
    return {
        name: filled[place] * wanted[:, place, None]
        for place, name in enumerate(names)
        if wanted[:, place].any()
    }
