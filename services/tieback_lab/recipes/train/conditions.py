"""Contents with labels as rows of a frozen encoder, and the training of conditional projections on these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from tieback.core.state import State
from tieback.training.loop import Attempt, History, Plan, batch, train
from tieback.training.splits import Split
from tieback_contract.arrays import Array
from torch import Tensor

from tieback_lab.methods.conditional_projection import cross_attention

FIXED = "mean", "scale"
"""What of the state is not trained."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """`rows` `[n, rows, d]` with their `mask`, and `labels` `[n, conditions]`, -1 where there is none."""

    rows: Array
    mask: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.rows)


class Projecting(torch.nn.Module):
    """The method whose state is trained."""

    def __init__(self, start: State) -> None:
        super().__init__()
        self.state = torch.nn.ParameterDict(
            {
                name: torch.nn.Parameter(torch.from_numpy(array.copy()), requires_grad=name not in FIXED)
                for name, array in start.items()
            }
        )

    def forward(self, rows: Tensor, mask: Tensor, condition: int) -> Tensor:
        """Unit rows `[n, width]` under the condition."""
        state = dict(self.state.items())
        found: Tensor = cross_attention.projected(torch, rows, mask, condition, state)
        return found

    def learned(self) -> State:
        """The state as it is now."""
        return {name: one.detach().numpy().copy() for name, one in self.state.items()}


def learn_conditions(
    labelled: Labelled,
    parts: Split,
    start: State,
    plan: Plan,
    attempt: Attempt,
    *,
    batch_size: int,
    margin: float,
) -> tuple[State, History]:
    """The state under which contents with one label are nearer than others, by `margin`."""
    module = Projecting(start)
    rows, mask, labels = (torch.from_numpy(one) for one in (labelled.rows, labelled.mask, labelled.labels))

    def loss(draw: torch.Generator) -> Tensor:
        seen = parts.training[batch(len(parts.training), batch_size, draw).numpy()]
        return torch.stack(
            [
                triplets(module(rows[seen], mask[seen], condition), labels[seen, condition], margin)
                for condition in range(labels.shape[1])
            ]
        ).sum()

    def validate() -> float:
        state = module.learned()
        conditions = range(labels.shape[1])
        return float(np.mean([mean_precision(labelled, state, one, parts.validation) for one in conditions]))

    history = train(module, loss, plan, attempt, validate=validate if len(parts.validation) else None)
    return module.learned(), history


def triplets(vectors: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The mean of what triplets of a batch lack: an agreeing content is to be nearer than another one.

    What has no label, -1, is in none.
    """
    known = labels >= 0
    distances = 1 - vectors @ vectors.T
    same = labels[:, None] == labels
    both = known[:, None] & known
    agreeing = same & both & ~torch.eye(len(labels), dtype=torch.bool)
    gaps = (margin + distances[:, :, None] - distances[:, None, :]).clamp_min(0)
    counted = agreeing[:, :, None] & (~same & both)[:, None, :] & (gaps > 0)
    mean: Tensor = (gaps * counted).sum() / counted.sum().clamp_min(1)
    return mean


def mean_precision(labelled: Labelled, state: State | None, condition: int, asking: Array) -> float:
    """The mAP of what has the same label, among all labelled contents but the asking one itself.

    Without a state, by the vectors of the wholes as they are. 0 where nothing can be found.
    """
    vectors = labelled.rows[:, 0]
    if state is not None:
        vectors = cross_attention.cross_attention(labelled.rows, labelled.mask, condition, state)
    labels = labelled.labels[:, condition]
    found = []
    for place in asking[labels[asking] >= 0].tolist():
        others = np.flatnonzero(labels >= 0)
        others = others[others != place]
        order = others[np.argsort(-(vectors[others] @ vectors[place]), kind="stable")]
        right = labels[order] == labels[place]
        if right.any():
            precisions = right.cumsum() / np.arange(1, len(right) + 1)
            found.append(float(precisions[right].mean()))
    return float(np.mean(found)) if found else 0.0
