"""The imputation of missing text spaces, fitted on what all text spaces encode; the default is it or none.

One method is fitted, and there is the other for requests that ask for it: leaving a block empty. Only text
blocks are filled: a text still reaches all others by the text spaces that are left, and a photo or a sound
whose only space is missing has no vector that could be projected anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput
from tieback.joint.projecting import Dense, project_inputs
from tieback.joint.retrieval import Task, losses
from tieback.joint.space import Joint
from tieback.methods.imputation import fit
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import BoundImputation

NONE = "skip"
"""The method that leaves a block empty."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The methods, best first, fitted without what is measured on; and what was measured to order them."""

    measured: tuple[BoundImputation, ...]
    report: dict[str, Any]

    @property
    def default(self) -> BoundImputation | None:
        """The best; None where there is no other text space to impute one from."""
        return self.measured[0] if self.measured else None


def choose(joint: Joint, method: str, dense: Dense, tasks: Sequence[Task]) -> Chosen:
    """The method and none, fitted on texts by space, in the order of what queries lose without each space."""
    try:
        fitted = _fitted(joint, dense, {method: None, NONE: None})
    except InvalidInput as too_few:
        return Chosen((), {"rows": [], "left_out": too_few.message})
    of_texts = [task for task in tasks if task.modality is Modality.TEXT]
    rows, costs = [], {}
    for one in fitted:
        found = losses(replace(joint, imputation=one), of_texts).get(Modality.TEXT.value, {})
        lost = {own.block: found.get(own.block, 0.0) for own in joint.own(dense)}
        costs[one.method] = float(np.mean(list(lost.values())))
        rows.append({"method": one.method, "lost": lost, "mean": round(costs[one.method], 2)})
    # Where two cost the same, the simpler goes first.
    order = sorted(fitted, key=lambda one: (costs[one.method], one.nbytes))
    report = {
        "chosen": order[0].method,
        "measure": "points of R@10 lost, on validation classes and sentences",
        "queries": sum(task.size for task in of_texts),
        "rows": rows,
    }
    return Chosen(tuple(order), report)


def keep(
    joint: Joint, chosen: Chosen, dense: Dense, tasks: Sequence[Task]
) -> tuple[Mapping[str, Mapping[str, float]], tuple[BoundImputation, ...]]:
    """The losses on held-out tasks, and the methods fitted on everything, to be served, with their own."""
    if not chosen.measured:
        return losses(joint, tasks), ()
    served = {one.method: one for one in _fitted(joint, dense, [one.method for one in chosen.measured])}
    kept = tuple(
        replace(served[one.method], losses=losses(replace(joint, imputation=one), tasks))
        for one in chosen.measured
    )
    return kept[0].losses, kept


def _fitted(joint: Joint, dense: Dense, methods: Iterable[str]) -> list[BoundImputation]:
    """The methods, on the vectors of spaces in blocks of their own; the other blocks have zeros."""
    projected = project_inputs(joint.own(dense), dense)
    count = len(next(iter(dense.values())))
    blocks = [
        unit_rows(projected.get(block.space.name, np.zeros((count, block.width), np.float32)))
        for block in joint.blocks
    ]
    found = []
    for name in methods:
        state = {key: array.astype(np.float16) for key, array in fit(name, blocks).items()}
        found.append(BoundImputation(name, {}, state))
    return found
